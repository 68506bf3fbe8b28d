"""SQLAlchemy on the ledger's database, for what people edit and what they look up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import psycopg
import sqlalchemy as sa

from ledger_pipelines.store.database import Database

#: Connections that a process keeps once it needed them, and how many more it may open: in all at least as many as the
#: console's requests that are worked on at once. To make one costs more than most of what it is for.
_POOL_SIZE, _OVERFLOW = 10, 20


@lru_cache
def engine_of(database: Database) -> sa.Engine:
    """The process's pool of connections to a database: as `Database.connect` makes them, with transactions."""

    def connect() -> psycopg.Connection:
        connection = database.connect(application_name="ledger edits")
        # Compiling a query that looks up a few rows in many partitions takes a hundred times as long as running it, and
        # to start helpers for one takes longer than its sort; others who ask at the same time need the processors.
        connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0")
        connection.autocommit = False
        return connection

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=_POOL_SIZE,
        max_overflow=_OVERFLOW,
        pool_pre_ping=True,
    )


def driver_of(connection: sa.Connection) -> psycopg.Connection:
    """The same connection as psycopg's own, in the same transaction: for queries that are written for that."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - `engine_of` makes no others
    return driver


@contextmanager
def pooled_connection(database: Database) -> Iterator[psycopg.Connection]:
    """One of these connections as `Database.connect` makes them, in autocommit mode, without making a new one."""
    pooled = engine_of(database).raw_connection()
    connection = pooled.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - `engine_of` makes no others
    connection.autocommit = True
    try:
        yield connection
    finally:
        if not connection.closed:
            connection.autocommit = False
        pooled.close()
