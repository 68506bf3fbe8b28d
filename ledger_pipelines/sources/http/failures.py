"""The sentence for each way in which an exchange with a source can fail.

Here: from an exception or a status to one sentence that says what was wrong, where, and what to do. Not here:
whether it is tried again (`http`, `retries`).
"""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from requests.exceptions import ConnectTimeout
from urllib3.exceptions import NameResolutionError

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError, SourceUnavailableError
from ledger_pipelines.printable import one_line
from ledger_pipelines.sources.http.redaction import redact_text, safe_url

_LONGEST_QUOTE = 160

Reason = Literal["status", "content type", "body", "timeout", "dropped", "redirect"]


class AnswerError(SourceUnavailableError):
    """A source was reached and did not answer with what it promises.

    `reason` says in which way, `status` the HTTP status where there was one, `status_line` the status in words.
    """

    def __init__(
        self, message: str, *, reason: Reason, status: int | None = None, status_line: str = ""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        self.status_line = status_line


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is, and what its settings are called, so that an error can name the one to change.

    `refusal_advice` ends the sentence of a refused credential; `ca_setting` names the file of certificates.
    """

    name: str
    url: str = field(repr=False)
    url_setting: str
    refusal_advice: str
    ca_file: str | None = None
    ca_setting: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what cannot be an address or a file of certificates."""
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ConfigurationError(
                f"{self.url_setting} cannot be used: write it as http://host:port/path or https://host/path."
            )
        if self.ca_file is not None and not Path(self.ca_file).exists():
            raise ConfigurationError(
                f"{self.ca_setting or 'The file of certificates'} names {self.ca_file}, which does not exist."
            )

    def unreached(self, url: str, error: BaseException) -> SourceUnavailableError:
        """No connection could be made."""
        return SourceUnavailableError(
            f"{self.name} cannot be reached at {safe_url(url)} ({_connection_reason(error)}): "
            f"check {self.url_setting}, and that {self.name} is running."
        )

    def untrusted(self, url: str, error: BaseException) -> SourceUnavailableError:
        """The connection could not be secured."""
        for cause in causes_of(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                advice = (
                    f"name the file of its certificate authority in {self.ca_setting}."
                    if self.ca_setting
                    else "have its operator renew it."
                )
                return SourceUnavailableError(
                    f"{self.name} at {safe_url(url)} shows a certificate that is not trusted "
                    f"({cause.verify_message}): {advice}"
                )
        return SourceUnavailableError(
            f"{self.name} could not be spoken to securely at {safe_url(url)}: "
            f"check {self.url_setting}, also whether it should begin with http:// or https://."
        )

    def too_slow(self, url: str, seconds: float) -> AnswerError:
        """The connection stands, and nothing came within the time allowed."""
        return AnswerError(
            f"{self.name} sent nothing for {seconds:g} s at {safe_url(url)}: "
            f"check that it is not overloaded, then try again.",
            reason="timeout",
        )

    def too_long(self, url: str, seconds: float) -> AnswerError:
        """The answer came, a little at a time, and did not end within the time allowed for the whole."""
        return AnswerError(
            f"{self.name} had not sent the whole answer after {seconds:g} s at {safe_url(url)}: "
            f"check that it is not overloaded, then try again.",
            reason="timeout",
        )

    def too_large(self, url: str, limit: int) -> AnswerError:
        """The answer, after it was expanded, is larger than any that the source has reason to send."""
        return AnswerError(
            f"{self.name} sent more than {limit >> 20:,} MB at {safe_url(url)}, which is more than is read: "
            f"check {self.url_setting}, and look into {self.name}'s log.",
            reason="body",
        )

    def expanding(self, url: str, limit: int) -> AnswerError:
        """The answer came compressed, and what it holds is nothing but large."""
        return AnswerError(
            f"{self.name}'s answer at {safe_url(url)} grows to more than {limit} times the size that was sent: "
            f"check {self.url_setting}, and look into {self.name}'s log.",
            reason="body",
        )

    def no_room(self, url: str, error: OSError) -> SourceUnavailableError:
        """The answer could not be kept on this machine while it came."""
        return SourceUnavailableError(
            f"{self.name}'s answer at {safe_url(url)} could not be kept in {tempfile.gettempdir()} "
            f"({error.strerror or type(error).__name__}): make room there, or set TMPDIR, then try again."
        )

    def dropped(self, url: str) -> AnswerError:
        """The connection ended before the answer was whole."""
        return AnswerError(
            f"{self.name} broke off its answer at {safe_url(url)}: look into its log, then try again.",
            reason="dropped",
        )

    def unreadable(self, url: str) -> AnswerError:
        """The answer came, and is not the JSON promised."""
        return AnswerError(
            f"{self.name}'s answer at {safe_url(url)} is not the JSON that it promises: "
            f"check {self.url_setting}, and look into {self.name}'s log.",
            reason="body",
        )

    def not_json(self, url: str, content_type: str) -> AnswerError:
        """Something other than JSON came, such as a web page."""
        found = "a web page" if "html" in content_type.lower() else (content_type or "no Content-Type")
        return AnswerError(
            f"{self.name} answered with {one_line(found[:_LONGEST_QUOTE])} instead of JSON at {safe_url(url)}: "
            f"check {self.url_setting}.",
            reason="content type",
        )

    def redirected(self, url: str, status: int, location: str) -> AnswerError:
        """The source points elsewhere; it is not followed, since that would carry the credential along."""
        target = one_line(safe_url(location)[:_LONGEST_QUOTE]) or "nowhere"
        return AnswerError(
            f"{self.name} points from {safe_url(url)} to {target} "
            f"({status_text(status)}): check {self.url_setting}.",
            reason="redirect",
            status=status,
        )

    def refused(self, url: str, status: int, words: str) -> CredentialRefusedError:
        """The source does not accept who we say we are."""
        return CredentialRefusedError(
            f"{self.name} refused us at {safe_url(url)} ({status_text(status, words)}): {self.refusal_advice}"
        )

    def failed(self, url: str, status: int, words: str) -> AnswerError:
        """The source answered with an error."""
        status_line = status_text(status, words)
        if status == HTTPStatus.NOT_FOUND:
            text = f"{self.name} has nothing at {safe_url(url)} ({status_line}): check {self.url_setting}."
        elif status == HTTPStatus.PAYMENT_REQUIRED:
            text = (
                f"{self.name} has blocked our account at {safe_url(url)} ({status_line}): "
                f"settle what is owed to {self.name}, then try again."
            )
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            text = f"{self.name} takes no more requests for now at {safe_url(url)} ({status_line}): try again later."
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            text = (
                f"{self.name} failed at {safe_url(url)} ({status_line}): look into its log, then try again."
            )
        else:
            text = f"{self.name} did not take our request at {safe_url(url)} ({status_line}): check {self.url_setting}."
        return AnswerError(text, reason="status", status=status, status_line=status_line)


def status_text(status: int, words: str = "") -> str:
    """`500 Internal Server Error`, and the source's own words where it has any."""
    try:
        name = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        name = str(status)
    return f"{name}, “{words}”" if words else name


def own_words(body: Any, secrets: Mapping[str, str]) -> str:
    """What a JSON error body says in its usual places, shortened, without secrets; empty when it is mute.

    `secrets` are the headers that were sent: some systems repeat them in their refusals.
    """
    sent = [part for value in secrets.values() for part in (value, value.rpartition(" ")[2])]
    for words in _texts_of(body):
        if isinstance(words, str) and words.strip():
            plain = one_line(" ".join(redact_text(words, sent).split())).rstrip(".")
            return plain if len(plain) <= _LONGEST_QUOTE else plain[:_LONGEST_QUOTE] + "…"
    return ""


def _texts_of(body: Any) -> Iterator[Any]:
    """What may be words in an error body, the likeliest first. A body may be one text and no more."""
    if isinstance(body, str):
        yield body
    if isinstance(body, Mapping):
        yield from map(body.get, ("detail", "message", "error", "info", "description", "title"))
        several = body.get("non_field_errors")
        if isinstance(several, list):
            yield from several


def _connection_reason(error: BaseException) -> str:
    for cause in causes_of(error):
        if isinstance(cause, NameResolutionError | socket.gaierror):
            return "no such host"
        if isinstance(cause, ConnectTimeout | TimeoutError):
            return "no connection in time"
        if type(cause) is not ConnectionError and isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return "no connection"


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it was raised from or wraps, outermost first."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [*found.args, getattr(found, "reason", None), found.__cause__, found.__context__]
