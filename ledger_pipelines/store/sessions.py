"""The console's sessions: who is signed in, until when, and the token of it, which only the cookie's holder can read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import engine_of

_SESSIONS = sa.Table(
    "console_sessions",
    sa.MetaData(),
    sa.Column("cookie_digest", sa.LargeBinary, primary_key=True),
    sa.Column("sealed_token", sa.LargeBinary),
    sa.Column("name", sa.Text),
    sa.Column("permission", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("groups", ARRAY(sa.Text, as_tuple=True)),
    sa.Column("token_id", sa.Text),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
)
_COLUMNS = _SESSIONS.columns


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored. `cookie_digest` names it; `sealed_token` is Core's token, sealed with the cookie."""

    cookie_digest: bytes
    sealed_token: bytes
    name: str
    permission: str
    email: str | None
    groups: tuple[str, ...]
    token_id: str | None
    expires_at: datetime


def add_session(database: Database, session: Session, *, now: datetime) -> None:
    """Stores a session, and forgets those that have ended."""
    with engine_of(database).begin() as connection:
        connection.execute(sa.delete(_SESSIONS).where(_COLUMNS.expires_at <= now))
        connection.execute(sa.insert(_SESSIONS).values(asdict(session)))


def find_session(database: Database, cookie_digest: bytes, *, now: datetime) -> Session | None:
    """The session of this name, where there is one that has not ended."""
    query = sa.select(_SESSIONS).where(_COLUMNS.cookie_digest == cookie_digest, _COLUMNS.expires_at > now)
    with engine_of(database).connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Session(**row)


def remove_session(database: Database, cookie_digest: bytes) -> bytes | None:
    """Ends a session; its sealed token, where there was one."""
    statement = sa.delete(_SESSIONS).where(_COLUMNS.cookie_digest == cookie_digest)
    with engine_of(database).begin() as connection:
        sealed: bytes | None = connection.execute(statement.returning(_COLUMNS.sealed_token)).scalar()
        return sealed
