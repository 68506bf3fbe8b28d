"""Who we are to 4Geeks: a token that we were given, or one that a login gives (wire/fourgeeks.md).

Here: getting a token, keeping it, getting another when it is refused. Not here: what is asked with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError
from ledger_pipelines.sources.http.bodies import read_json
from ledger_pipelines.sources.http.credentials import usable_key
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import AnswerError
from ledger_pipelines.sources.http.redaction import keep_secret, redact_text

_LOGIN = "/auth/login/"


@dataclass(frozen=True, slots=True)
class Login:
    """The e-mail address and password of a user who may read the academy."""

    email: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        keep_secret(self.password)

    def token(self, source: HttpSource) -> str:
        """A new token. Raises CredentialRefusedError when 4Geeks does not know us, else as HttpSource.post."""
        try:
            answer = source.post(_LOGIN, {"email": self.email, "password": self.password}, read_json)
        except AnswerError as error:
            if error.status == HTTPStatus.BAD_REQUEST:
                raise CredentialRefusedError(
                    f"4Geeks does not let us log in at {source.url(_LOGIN)} ({self._plain(error.status_line)}): "
                    "check FOURGEEKS_EMAIL and FOURGEEKS_PASSWORD."
                ) from None
            raise AnswerError(
                self._plain(str(error)),
                reason=error.reason,
                status=error.status,
                status_line=self._plain(error.status_line),
            ) from None
        token = answer.get("token") if isinstance(answer, Mapping) else None
        try:
            return usable_key(token if isinstance(token, str) else "", "token")
        except ConfigurationError:
            raise AnswerError(
                f"4Geeks answered a login without a token at {source.url(_LOGIN)}: check FOURGEEKS_URL.",
                reason="body",
            ) from None

    def _plain(self, text: str) -> str:
        """The text without the password, which an error may repeat."""
        return redact_text(text, [self.password])


class Session:
    """The token of all academies: the one given, or one by login, and another login when it is refused.

    `source` is where logins go. For several threads.
    """

    def __init__(self, token: str | None, login: Login | None, source: HttpSource) -> None:
        self._token = token
        self._login = login
        self._source = source
        self._lock = Lock()

    def token(self) -> str:
        """The token, after a login where there is none yet."""
        # Held while we log in: other threads want that token too.
        with self._lock:
            if self._token is None and self._login is not None:
                self._token = self._login.token(self._source)
            return self._token or ""

    def renew(self, refused: str) -> bool:
        """Forgets the refused token where a login can give another; False where none can."""
        if self._login is None:
            return False
        with self._lock:
            if self._token == refused:
                self._token = None
        return True


class AcademyToken:
    """The credential of one academy: the session's token, and the academy's number."""

    def __init__(self, academy: str, session: Session) -> None:
        self._academy = academy
        self._session = session

    def headers(self) -> Mapping[str, str]:
        """The headers with the token, after a login where there is none yet."""
        return {"Authorization": f"Token {self._session.token()}", "Academy": self._academy}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forgets the refused token where a login can give another; False where none can."""
        return self._session.renew(refused["Authorization"].removeprefix("Token "))
