"""The exchange of one request with a source, as all sources make it.

Here: one `requests` session with timeouts, retries, the rate limit, the credential, and the checks and bounds
that make an answer what was promised. Not here: what is asked, and what the answer means.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import IO, Any, Protocol, Self, TypeVar

import requests
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectTimeout,
    ContentDecodingError,
    ReadTimeout,
    RequestException,
    SSLError,
)
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from ledger_pipelines.errors import CredentialRefusedError
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.deadlines import AnswerDeadlineError, DeadlineAdapter, whole_answer_within
from ledger_pipelines.sources.http.failures import Address, AnswerError, causes_of, own_words
from ledger_pipelines.sources.http.limits import RateLimit, RouteLimits
from ledger_pipelines.sources.http.progress import notify_of_answer
from ledger_pipelines.sources.http.redaction import safe_url
from ledger_pipelines.sources.http.retries import RetryPolicy, TransientError, retry_after_seconds
from ledger_pipelines.tracing import note, span

T = TypeVar("T")

#: Seconds in which a connection is made, or nobody is there.
CONNECT_TIMEOUT = 3.0
_READ_CHUNK = 1 << 18
#: A body up to this size stays in memory while it is read; a larger one waits in a temporary file.
_SPOOL_LIMIT = 16 << 20
#: Bytes of an answer that is read as a whole, after it was expanded.
LARGEST_ANSWER = 64 << 20
#: How many times its size a compressed answer may grow to, where it is a large one; records grow to some thirty.
_MOST_EXPANSION = 200
#: A whole answer may take this many times as long as a silence within it.
_WHOLE_ANSWER = 4
_LONGEST_ERROR_BODY = 1 << 16
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, 429})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Credential(Protocol):
    """How we say who we are."""

    def headers(self) -> Mapping[str, str]:
        """The headers to send with a request."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Makes ready another credential than these refused headers; False when there is no other."""


class NoCredential:
    """Says nothing of who we are."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def renew(self, refused: Mapping[str, str]) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an answer is waited for. Times in seconds: without a byte, and of the answer as a whole.

    `largest` is the number of bytes of its body, after it was expanded.
    """

    silence: float
    whole: float
    largest: int = LARGEST_ANSWER
    retries: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request as it goes out; `route` is the path without what varies, by which the source counts."""

    method: str
    url: str
    route: str
    params: Mapping[str, str] | None
    json: Any
    bounds: Bounds
    form: Mapping[str, str] | None = None
    on_headers: Callable[[Mapping[str, str]], None] | None = None


class HttpSource:
    """A source reached over HTTP that answers with JSON. May be used from several threads.

    `requests_per_minute` and `requests_per_hour` hold for each route; where `limit` is given, it holds for all of
    them together instead. An answer of more than 64 MB is not taken, nor one that takes four times `read_timeout`
    as a whole. Once it has answered, the source is waited for when it is not there for a while (`RetryPolicy`).
    `headers` are sent with every request, and are no secret. Addresses of requests are relative to the source's own, and
    redirects are not followed: no credential ever goes to another host. The session takes neither proxies nor
    passwords from the environment.
    """

    def __init__(
        self,
        address: Address,
        *,
        credential: Credential | None = None,
        requests_per_minute: int = 400,
        requests_per_hour: int | None = None,
        limit: RateLimit | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float = 30.0,
        connections: int = 8,
        retries: RetryPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._address = address
        self._base = address.url.rstrip("/")
        self._credential = credential or NoCredential()
        self._clock = clock or Clock()
        self._limits = RouteLimits(requests_per_minute, self._clock, per_hour=requests_per_hour)
        self._limit = limit
        self._bounds = Bounds(read_timeout, _WHOLE_ANSWER * read_timeout, retries=retries or RetryPolicy())
        self._session = _session(connections, address.ca_file)
        self._session.headers.update(headers or {})
        self._has_answered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def has_answered(self) -> bool:
        """Whether the source has answered anything yet."""
        return self._has_answered

    @property
    def display_url(self) -> str:
        """The source's address as it may be shown."""
        return safe_url(self._base)

    def url(self, path: str) -> str:
        """The full address of a path of this source, as it may be shown."""
        return safe_url(self._base + path)

    def close(self) -> None:
        """Gives the connections back."""
        self._session.close()

    def get(
        self,
        path: str,
        parse: Callable[[IO[bytes]], T],
        *,
        route: str | None = None,
        params: Mapping[str, str] | None = None,
        bounds: Bounds | None = None,
        on_headers: Callable[[Mapping[str, str]], None] | None = None,
    ) -> T:
        """What `parse` makes of the body of `GET path`.

        `parse` is called anew for each try, and raises UnreadableBodyError for a body worth asking for again.
        `bounds` replace the source's own, `on_headers` gets the headers of a good answer before it is read. Raises
        AnswerError, SourceUnavailableError, CredentialRefusedError.
        """
        url = self._base + path
        return self._exchange(
            _Request("GET", url, route or path, params, None, bounds or self._bounds, on_headers=on_headers),
            parse,
        )

    def post(self, path: str, json: Any, parse: Callable[[IO[bytes]], T], *, route: str | None = None) -> T:
        """Likewise for `POST path` with a JSON body: only for what does no harm when it goes out twice."""
        request = _Request("POST", self._base + path, route or path, None, json, self._bounds)
        return self._exchange(request, parse)

    def post_form(self, path: str, form: Mapping[str, str], parse: Callable[[IO[bytes]], T]) -> T:
        """Likewise with the fields of a form, as logins by OAuth take them."""
        request = _Request("POST", self._base + path, path, None, None, self._bounds, form=form)
        return self._exchange(request, parse)

    def _exchange(self, request: _Request, parse: Callable[[IO[bytes]], T]) -> T:
        """The parsed answer, a refused credential being renewed once."""
        headers, attempts = self._credential.headers(), itertools.count(1)
        try:
            return self._tries(request, headers, parse, attempts)
        except CredentialRefusedError:
            if not self._credential.renew(headers):
                raise
        return self._tries(request, self._credential.headers(), parse, attempts)

    def _tries(
        self,
        request: _Request,
        headers: Mapping[str, str],
        parse: Callable[[IO[bytes]], T],
        attempts: Iterator[int],
    ) -> T:
        return request.bounds.retries.run(
            lambda: self._traced_try(request, headers, parse, next(attempts)),
            self._clock,
            was_there=lambda: self.has_answered,
        )

    def _traced_try(
        self, request: _Request, headers: Mapping[str, str], parse: Callable[[IO[bytes]], T], attempt: int
    ) -> T:
        self._wait(request)
        # Neither the address nor the path: they may have ids, and parameters may be secret.
        with span(
            f"{self._address.name} {request.method} {request.route}",
            "client",
            ledger__source=self._address.name,
            http__request__method=request.method,
            url__template=request.route,
            ledger__attempt=attempt,
        ):
            return self._try(request, headers, parse)

    def _wait(self, request: _Request) -> None:
        if self._limit is None:
            self._limits.wait(request.route)
        else:
            self._limit.wait()

    def _try(self, request: _Request, headers: Mapping[str, str], parse: Callable[[IO[bytes]], T]) -> T:
        """One request and its answer. Raises TransientError for what may pass."""
        try:
            with (
                whole_answer_within(request.bounds.whole),
                self._session.request(
                    request.method,
                    request.url,
                    params=request.params,
                    json=request.json,
                    data=request.form,
                    headers=dict(headers),
                    timeout=(CONNECT_TIMEOUT, request.bounds.silence),
                    stream=True,
                    allow_redirects=False,
                ) as response,
                self._body(request, headers, response) as body,
            ):
                answer = parse(body)
        except (RequestException, HTTPError) as error:
            raise self._connection_failure(request, error) from None
        except UnreadableBodyError:
            raise TransientError(self._address.unreadable(request.url)) from None
        notify_of_answer(self._address.name, request.route)
        return answer

    @contextlib.contextmanager
    def _body(
        self, request: _Request, headers: Mapping[str, str], response: requests.Response
    ) -> Iterator[IO[bytes]]:
        """The whole body of a good answer, before anybody reads it: a cut one is found while it is cheap."""
        self._has_answered = True
        note(http__response__status_code=response.status_code)
        self._check(request, headers, response)
        if request.on_headers is not None:
            request.on_headers(response.headers)
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_LIMIT) as spool:
            for chunk in self._chunks(request, response):
                size = spool.tell() + len(chunk)
                if size > request.bounds.largest:
                    raise self._address.too_large(request.url, request.bounds.largest)
                if size > LARGEST_ANSWER and size > _MOST_EXPANSION * response.raw.tell():
                    raise self._address.expanding(request.url, _MOST_EXPANSION)
                try:
                    spool.write(chunk)
                except OSError as error:
                    raise self._address.no_room(request.url, error) from None
            spool.seek(0)
            yield spool

    def _chunks(self, request: _Request, response: requests.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_content(_READ_CHUNK)
        except ValueError:
            # The library below lets a chunk of negative length through as the standard library's mistake.
            raise TransientError(self._address.dropped(request.url)) from None

    def _check(self, request: _Request, headers: Mapping[str, str], response: requests.Response) -> None:
        """Raises what the status and the type of an answer say is wrong with it."""
        status = response.status_code
        if 200 <= status < 300:
            content_type = response.headers.get("Content-Type", "")
            if not is_json(content_type):
                raise TransientError(self._address.not_json(request.url, content_type))
            return
        if 300 <= status < 400:
            raise self._address.redirected(request.url, status, response.headers.get("Location", ""))
        words = own_words(_error_body(response), headers)
        if status in _REFUSED:
            raise self._address.refused(request.url, status, words)
        failure = self._address.failed(request.url, status, words)
        if may_pass(status):
            asked_for = retry_after_seconds(response.headers.get("Retry-After"), self._clock.now())
            raise TransientError(failure, retry_after=asked_for, status=status)
        raise failure

    def _connection_failure(self, request: _Request, error: Exception) -> Exception:
        """What to raise for an exception of the libraries below: a TransientError where it may pass."""
        address, url = self._address, request.url
        if any(isinstance(cause, AnswerDeadlineError) for cause in causes_of(error)):
            return address.too_long(url, request.bounds.whole)
        return self._broken_connection(request, error)

    def _broken_connection(self, request: _Request, error: Exception) -> Exception:
        address, url = self._address, request.url
        if isinstance(error, SSLError):
            return address.untrusted(url, error)
        inner = error.args[0] if error.args else None
        reason = inner.reason if isinstance(inner, MaxRetryError) else inner
        if isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError):
            return TransientError(address.unreached(url, error), unreached=True)
        if isinstance(error, ReadTimeout) or isinstance(reason, ReadTimeoutError):
            return TransientError(address.too_slow(url, request.bounds.silence))
        if isinstance(error, ContentDecodingError):
            return TransientError(address.unreadable(url))
        if isinstance(error, RequestsConnectionError | HTTPError | ChunkedEncodingError):
            return TransientError(address.dropped(url))
        return address.unreached(url, error)


class UnfollowingSession(requests.Session):
    """A session that does not look where a redirect leads: it would read all of its body before that."""

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        return iter(())


def _session(connections: int, ca_file: str | None) -> requests.Session:
    session = UnfollowingSession()
    # The environment's proxies and .netrc are not settings of ours, and .netrc would replace our credential.
    session.trust_env = False
    session.verify = True if ca_file is None else ca_file
    session.headers["User-Agent"] = user_agent()
    session.headers["Accept"] = "application/json"
    # Nothing in a session changes between requests then, which makes it fit for several threads.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = DeadlineAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def may_pass(status: int) -> bool:
    """Whether an error of this status may not come again when the same is asked again."""
    return status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def user_agent() -> str:
    """`ledger_pipelines/<version>`."""
    try:
        return f"ledger_pipelines/{version('ledger-pipelines')}"
    except PackageNotFoundError:
        return "ledger_pipelines/source"


def is_json(content_type: str) -> bool:
    """Whether a Content-Type promises JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _error_body(response: requests.Response) -> Any:
    """The JSON that an error came with, or None: what is wrong with it must not hide the error itself."""
    if not is_json(response.headers.get("Content-Type", "")):
        return None
    with contextlib.suppress(RequestException, HTTPError, UnreadableBodyError, ValueError):
        content = next(response.iter_content(_LONGEST_ERROR_BODY), b"")
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_LIMIT) as spool:
            spool.write(content)
            spool.seek(0)
            return read_json(spool)
    return None


__all__ = [
    "CONNECT_TIMEOUT",
    "AnswerError",
    "Credential",
    "HttpSource",
    "NoCredential",
    "UnfollowingSession",
    "is_json",
    "may_pass",
    "user_agent",
]
