"""The exchange of one request with Notion through its client library, under the rules of all sources.

Here: the library's requests sent by our own exchange (`http`), so that they have its bounds, its exact numbers and its
sentences. Not here: what is asked, and what the answers mean (`notion`). The library's own retries are off: they would
repeat only some of what may pass, and not keep to our limit.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from notion_client import Client

from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.credentials import HeaderKey
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address, AnswerError, status_text
from ledger_pipelines.sources.http.limits import RateLimit
from ledger_pipelines.sources.http.retries import RetryPolicy, TransientError

#: The first version of the protocol in which a database has data sources.
_NOTION_VERSION = "2025-09-03"
#: Three requests a second are allowed. A tenth more than a second, since requests may catch each other up.
_REQUESTS, _SECONDS = 3, 1.1
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
        self._clock = clock or Clock()
        self._retries = retries or RetryPolicy()
        # The library adds the protocol's first part by itself.
        base_url = address.url.rstrip("/").removesuffix("/v1")
        self._address = replace(address, url=f"{base_url}/v1")
        self._source = HttpSource(
            self._address,
            credential=HeaderKey("Authorization", f"Bearer {token}"),
            limit=RateLimit(_REQUESTS, self._clock, seconds=_SECONDS),
            headers={"Notion-Version": _NOTION_VERSION},
            read_timeout=read_timeout,
            connections=1,
            clock=self._clock,
        )
        self._library = Client(
            client=httpx.Client(transport=_Way(self._source, self._address.url), trust_env=False),
            base_url=base_url,
            notion_version=_NOTION_VERSION,
            retry=False,
            # It would print every failure, also the ones that pass.
            logger=logging.Logger("notion_client"),
            log_level=logging.CRITICAL,
        )

    def url(self, path: str) -> str:
        """The full address of a path of Notion, as it may be shown."""
        return self._source.url(f"/{path}")

    def close(self) -> None:
        """Gives the connections back."""
        self._library.close()
        self._source.close()

    def ask(self, path: str, call: Callable[[Client], T]) -> T:
        """What a call of the library gives; `path` is what it asks, for messages.

        `call` is made anew for each try, and raises UnreadableBodyError for an answer worth asking for again.
        Raises AnswerError, SourceUnavailableError, CredentialRefusedError.
        """
        url = self.url(path)
        try:
            return self._retries.run(
                lambda: self._try(url, call), self._clock, was_there=lambda: self._source.has_answered
            )
        except AnswerError as error:
            # Without words it was not Notion that answered, and the database is not what is wrong.
            has_words = error.status is not None and error.said != status_text(error.status)
            if not has_words or error.status not in _ABOUT_THE_DATABASE:
                raise
            sentence = _ABOUT_THE_DATABASE[HTTPStatus(error.status)].format(url=url, said=error.said)
            raise AnswerError(
                f"{self._address.name} {sentence}", reason="status", status=error.status, said=error.said
            ) from None

    def _try(self, url: str, call: Callable[[Client], T]) -> T:
        """One request and its answer. Raises TransientError for what may pass."""
        try:
            return call(self._library)
        except UnreadableBodyError:
            raise TransientError(self._address.unreadable(url)) from None


class _Way(httpx.BaseTransport):
    """Where the library's requests go: out by our own exchange, one try each."""

    def __init__(self, source: HttpSource, base_url: str) -> None:
        self._source = source
        self._base_path = httpx.URL(base_url).raw_path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.removeprefix(self._base_path).decode()
        body = json.loads(request.content) if request.content else None
        return _Answer(self._source.once(request.method, path, body, read_json))


class _Answer(httpx.Response):
    """An answer that was read already, its numbers exact."""

    def __init__(self, value: Any) -> None:
        super().__init__(HTTPStatus.OK)
        self._value = value

    def json(self, **_: Any) -> Any:
        return self._value
