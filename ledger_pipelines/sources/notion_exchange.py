"""The exchange of one request with Notion through its client library, under the rules of all sources.

Here: the library's connection, the rate limit, retries, and a sentence for each failure. Not here: what is
asked, and what the answers mean (`notion`). The library's own retries are off: they would repeat only some of
what may pass, and not keep to our limit.
"""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Callable
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx
from notion_client import Client
from notion_client.errors import HTTPResponseError, RequestTimeoutError

from ledger_pipelines.sources.bodies import UnreadableBodyError
from ledger_pipelines.sources.clock import Clock
from ledger_pipelines.sources.failures import Address, AnswerError, causes_of, own_words, status_text
from ledger_pipelines.sources.http import CONNECT_TIMEOUT, is_json, may_pass, user_agent
from ledger_pipelines.sources.limits import RateLimit
from ledger_pipelines.sources.redaction import safe_url
from ledger_pipelines.sources.retries import RetryPolicy, TransientError, retry_after_seconds

#: The first version of the protocol in which a database has data sources.
_NOTION_VERSION = "2025-09-03"
#: Three requests a second are allowed. A tenth more than a second, since requests may catch each other up.
_REQUESTS, _SECONDS = 3, 1.1
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_ABOUT_THE_DATABASE = {
    HTTPStatus.BAD_REQUEST: "did not take our request at {url} ({said}): check NOTION_DATABASE_ID.",
    HTTPStatus.NOT_FOUND: (
        "shows us nothing at {url} ({said}): check NOTION_DATABASE_ID, and share the database with the "
        "integration that NOTION_TOKEN belongs to."
    ),
}

T = TypeVar("T")


class NotionExchange:
    """Notion, one request at a time. `read_timeout` is the number of seconds without a byte that end one.

    Redirects are not followed, and neither proxies nor passwords are taken from the environment.
    """

    def __init__(
        self,
        address: Address,
        token: str,
        *,
        read_timeout: float,
        retries: RetryPolicy | None,
        clock: Clock | None,
    ) -> None:
        self._address = address
        self._clock = clock or Clock()
        self._retries = retries or RetryPolicy()
        self._limit = RateLimit(_REQUESTS, self._clock, seconds=_SECONDS)
        self._read_timeout = read_timeout
        self._secrets = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"response": [self._check_type]},
        )
        self._library = Client(
            client=self._http,
            auth=token,
            # The library adds the protocol's first part by itself.
            base_url=address.url.rstrip("/").removesuffix("/v1"),
            notion_version=_NOTION_VERSION,
            retry=False,
            # It would print every failure, also the ones that pass.
            logger=logging.Logger("notion_client"),
            log_level=logging.CRITICAL,
        )
        self._http.timeout = httpx.Timeout(read_timeout, connect=CONNECT_TIMEOUT)
        self._http.headers["User-Agent"] = user_agent()

    def url(self, path: str) -> str:
        """The full address of a path of Notion, as it may be shown."""
        return safe_url(f"{self._http.base_url}{path}")

    def close(self) -> None:
        """Gives the connections back."""
        self._library.close()

    def ask(self, path: str, call: Callable[[Client], T]) -> T:
        """What a call of the library gives; `path` is what it asks, for messages.

        `call` is made anew for each try, and raises UnreadableBodyError for an answer worth asking for again.
        Raises AnswerError, SourceUnavailableError, CredentialRefusedError.
        """
        return self._retries.run(lambda: self._try(self.url(path), call), self._clock)

    def _try(self, url: str, call: Callable[[Client], T]) -> T:
        """One request and its answer. Raises TransientError for what may pass."""
        self._limit.wait()
        try:
            return call(self._library)
        except RequestTimeoutError as error:
            if any(isinstance(cause, httpx.ConnectTimeout) for cause in causes_of(error)):
                raise TransientError(self._address.unreached(url, error), unreached=True) from None
            raise TransientError(self._address.too_slow(url, self._read_timeout)) from None
        except HTTPResponseError as error:
            raise self._answered(url, error) from None
        except httpx.HTTPError as error:
            raise self._connection_failure(url, error) from None
        except (UnreadableBodyError, ValueError, RecursionError):
            # The library leaves reading the body to the standard library, and its errors to us.
            raise TransientError(self._address.unreadable(url)) from None

    def _check_type(self, response: httpx.Response) -> None:
        """Raises TransientError for a success that is something else than JSON."""
        content_type = response.headers.get("Content-Type", "")
        if response.is_success and not is_json(content_type):
            raise TransientError(self._address.not_json(str(response.url), content_type))

    def _answered(self, url: str, error: HTTPResponseError) -> Exception:
        """What to raise for an answer that is an error: a TransientError where it may pass."""
        address, status = self._address, error.status
        if 300 <= status < 400:
            return address.redirected(url, status, error.headers.get("Location", ""))
        words = own_words(_body_of(error), self._secrets)
        if status in _REFUSED:
            return address.refused(url, status, words)
        if may_pass(status):
            asked_for = retry_after_seconds(error.headers.get("Retry-After"), self._clock.now())
            return TransientError(address.failed(url, status, words), retry_after=asked_for)
        # Without words it was not Notion that answered, and the database is not what is wrong.
        if words and status in _ABOUT_THE_DATABASE:
            said = status_text(status, words)
            text = f"{address.name} {_ABOUT_THE_DATABASE[HTTPStatus(status)].format(url=url, said=said)}"
            return AnswerError(text, reason="status", status=status, said=said)
        return address.failed(url, status, words)

    def _connection_failure(self, url: str, error: httpx.HTTPError) -> Exception:
        """What to raise for an exception of the library below: a TransientError where it may pass."""
        if any(isinstance(cause, ssl.SSLError) for cause in causes_of(error)):
            return self._address.untrusted(url, error)
        if isinstance(error, httpx.ConnectError):
            return TransientError(self._address.unreached(url, error), unreached=True)
        if isinstance(error, httpx.DecodingError):
            return TransientError(self._address.unreadable(url))
        if isinstance(error, httpx.TransportError):
            return TransientError(self._address.dropped(url))
        return self._address.unreached(url, error)


def _body_of(error: HTTPResponseError) -> Any:
    """The JSON that an error came with, or None: what is wrong with it must not hide the error itself."""
    try:
        return json.loads(error.body)
    except (ValueError, RecursionError):
        return None
