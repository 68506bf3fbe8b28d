"""The connections of a CFO sync: to our database, and to the CFO's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ledger_pipelines.destinations.cfo.transactions import limit_waiting
from ledger_pipelines.errors import DatabaseUnavailableError
from ledger_pipelines.store.database import Database


@contextmanager
def our_connection(ledger: Database) -> Iterator[psycopg.Connection]:
    """The ledger's own database. What was claimed when it is lost is taken again when the claim expires.

    Raises DatabaseUnavailableError when it is lost.
    """
    try:
        with ledger.connect(application_name="ledger cfo sync") as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"The ledger's database {ledger.label} was lost ({type(error).__name__}): run it again when it is back."
        ) from error


class CfoConnection:
    """The connection to the CFO's database, made when it is first needed and again after it was lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> CfoConnection:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def connection(self) -> psycopg.Connection:
        """The connection, that waits for no lock and no statement for ever.

        Raises DatabaseUnavailableError when the CFO's server does not answer.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect(application_name="ledger cfo sync")
            limit_waiting(self._connection)
        return self._connection
