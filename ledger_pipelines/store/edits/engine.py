"""SQLAlchemy on the ledger's database, for what people edit and what they look up."""

from __future__ import annotations

from functools import lru_cache

import psycopg
import sqlalchemy as sa

from ledger_pipelines.store.database import Database

#: Connections that a process keeps, and how many more it may open.
_KEPT, _MORE = 2, 8


@lru_cache
def engine_of(database: Database) -> sa.Engine:
    """The process's pool of connections to a database: as `Database.connect` makes them, with transactions."""

    def connect() -> psycopg.Connection:
        connection = database.connect(application_name="ledger edits")
        connection.autocommit = False
        return connection

    return sa.create_engine(
        "postgresql+psycopg://", creator=connect, pool_size=_KEPT, max_overflow=_MORE, pool_pre_ping=True
    )
