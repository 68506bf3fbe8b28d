"""The connections of a CFO sync: to our database, to the CFO's, and the one that records beside them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import psycopg
import pyarrow as pa

from ledger_pipelines.columns import Column, column
from ledger_pipelines.destinations.cfo.transactions import limit_waiting
from ledger_pipelines.errors import DatabaseUnavailableError
from ledger_pipelines.store.cfo.sync import of_shared_numbers, owners_of, record_outcomes
from ledger_pipelines.store.database import Database


@contextmanager
def our_connection(ledger: Database) -> Iterator[psycopg.Connection]:
    """The ledger's own database; losing it is told as such. What was claimed is taken again when the claim expires."""
    try:
        with ledger.connect(application_name="ledger cfo sync") as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"The ledger's database {ledger.shown} was lost ({type(error).__name__}): run it again when it is back."
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


class Recorder:
    """Records how a batch ended while the next is claimed and handed over, on a connection of its own.

    One batch at a time: the next waits until it is written, or raises why it was not.
    """

    def __init__(self, ledger: Database) -> None:
        self._connection = ledger.connect(application_name="ledger cfo sync")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cfo-recorder")
        self._recording: Future[int] | None = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        with self._connection, self._thread:
            if failed is None:
                self._finish()

    def record(self, token: UUID, outcomes: pa.Table, sent: pa.Table, at: datetime) -> None:
        self._finish()
        self._recording = self._thread.submit(record_outcomes, self._connection, token, outcomes, sent, at=at)

    def owners_of(self, linked: pa.Table) -> tuple[pa.Table, Column]:
        """Whose the linked transactions are by all that has been recorded, and which invoices share their number."""
        self._finish()
        owners = owners_of(self._connection, column(linked, "cfo_transaction_id"))
        return owners, of_shared_numbers(self._connection, column(linked, "invoice_id"))

    def _finish(self) -> None:
        if self._recording is not None:
            self._recording.result()
            self._recording = None
