"""Who we are to Datto RMM: a token that its login gives for a while (wire/datto.md)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock

from ledger_pipelines.errors import ConfigurationError, CredentialRefusedError
from ledger_pipelines.sources.http.bodies import read_json
from ledger_pipelines.sources.http.clock import Clock
from ledger_pipelines.sources.http.credentials import usable_key
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import AnswerError

_LOGIN = "/auth/oauth/token"
#: Seconds before its end at which a token is not sent any more.
_LEFT = 60.0


class DattoToken:
    """The account's token: another one where it has expired or is refused. For several threads."""

    def __init__(self, key: str, secret: str, source: HttpSource, clock: Clock) -> None:
        self._form = {"grant_type": "password", "username": key, "password": secret}
        self._source = source
        self._clock = clock
        self._token: str | None = None
        self._until = 0.0
        self._lock = Lock()

    def headers(self) -> Mapping[str, str]:
        """The header with the token, after a login where there is none that holds."""
        # Held while we log in: other threads want that token too.
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._until:
                self._token, lasts = self._login()
                self._until = self._clock.monotonic() + lasts - _LEFT
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forgets the refused token: the login gives another."""
        with self._lock:
            if refused.get("Authorization") == f"Bearer {self._token}":
                self._token = None
        return True

    def _login(self) -> tuple[str, float]:
        try:
            answer = self._source.post_form(_LOGIN, self._form, read_json)
        except AnswerError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            raise CredentialRefusedError(
                f"Datto RMM does not let us log in at {self._source.url(_LOGIN)}: check DATTO_API_KEY and "
                "DATTO_API_SECRET."
            ) from None
        fields = answer if isinstance(answer, Mapping) else {}
        token, lasts = fields.get("access_token"), fields.get("expires_in")
        try:
            plain = usable_key(token if isinstance(token, str) else "", "token")
        except ConfigurationError:
            raise AnswerError(
                f"Datto RMM answered a login without a token at {self._source.url(_LOGIN)}: check DATTO_URL.",
                reason="body",
            ) from None
        return plain, float(lasts) if type(lasts) is int and lasts > _LEFT else 2 * _LEFT
