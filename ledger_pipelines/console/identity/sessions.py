"""Sessions of people: begun with Core's token, known by a cookie, ended with the token or at sign-out.

The database has a digest of the cookie and the token sealed with it, so that whoever reads the database, or a backup of
it, can be nobody.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from cryptography.fernet import Fernet, InvalidToken

from ledger_pipelines.console.identity.person import Permission, Person
from ledger_pipelines.store import sessions
from ledger_pipelines.store.database import Database

_COOKIE_BYTES = 32
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one ledger. `has_revoked` says whether a token was signed out elsewhere by a given time."""

    database: Database
    has_revoked: Callable[[str, datetime], bool]

    def begin(self, person: Person, token: str, now: datetime) -> str:
        """A new session of this person, as the value of its cookie."""
        cookie = secrets.token_urlsafe(_COOKIE_BYTES)
        session = sessions.Session(
            cookie_digest=_name(cookie),
            sealed_token=_seal(cookie).encrypt(token.encode()),
            name=person.name,
            permission=person.permission,
            email=person.email,
            groups=person.groups,
            token_id=person.token_id,
            expires_at=person.expires_at,
        )
        sessions.add_session(self.database, session, now=now)
        return cookie

    def person(self, cookie: str, now: datetime) -> Person | None:
        """Whose session it is, None where it has ended or never was."""
        if not _COOKIE.fullmatch(cookie):
            return None
        found = sessions.find_session(self.database, _name(cookie), now=now)
        if found is None:
            return None
        # Core knows of a sign-out by the token's id only.
        if found.token_id is not None:
            token = _unsealed(cookie, found.sealed_token)
            if token is None or self.has_revoked(token, now):
                # The row is forgotten when its time is over: asking who somebody is writes nothing.
                return None
        return Person(
            name=found.name,
            permission=cast(Permission, found.permission),
            expires_at=found.expires_at,
            email=found.email,
            groups=found.groups,
            token_id=found.token_id,
        )

    def end(self, cookie: str) -> str | None:
        """Ends a session; its token, where there was one."""
        if not _COOKIE.fullmatch(cookie):
            return None
        sealed = sessions.remove_session(self.database, _name(cookie))
        return None if sealed is None else _unsealed(cookie, sealed)


def _name(cookie: str) -> bytes:
    return hashlib.sha256(b"name " + cookie.encode()).digest()


def _seal(cookie: str) -> Fernet:
    # The cookie is random and long: a digest of it is a key as good as any.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"key " + cookie.encode()).digest()))


def _unsealed(cookie: str, sealed: bytes) -> str | None:
    try:
        return _seal(cookie).decrypt(sealed).decode()
    except (InvalidToken, UnicodeDecodeError):
        return None
