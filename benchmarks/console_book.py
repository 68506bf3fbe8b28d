"""The book that the console is measured with: a year of inputs, statements of its last months, one of them run anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from benchmarks import books
from ledger_pipelines.months import month_range
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import Execution
from ledger_pipelines.store.months import Change, ensure_months, replace_month
from ledger_pipelines.workflows.billing import OUTPUT_TABLES, run_statements
from ledger_pipelines.workflows.general_ledger.posting import post
from ledger_pipelines.workflows.step import Step

YEAR = month_range(date(2025, 1, 1), date(2026, 1, 1))
WITH_STATEMENTS = 3
#: The month that is read, and the one that is billed and posted meanwhile; all are open.
READ, CLOSING = YEAR[-2], YEAR[-1]


def fill(database: Database, companies: int) -> None:
    """A year's inputs, and the statements that runs make of the last months."""
    books.fill(database, YEAR, companies)
    with database.connect() as connection:
        for _ in run_statements(
            database,
            YEAR[-WITH_STATEMENTS:],
            closed=frozenset(),
            currency="USD",
            write=_writer(connection),
        ):
            pass
        connection.execute("ANALYZE")


def keep_closing(database: Database, is_over: Any, rounds: Any) -> None:
    """Takes CLOSING's statements and entries away, bills it and posts it, until it is over; `rounds` counts."""
    with database.connect() as connection:
        while not is_over.is_set():
            _take_away(connection)
            for _ in run_statements(
                database, [CLOSING], closed=frozenset(), currency="USD", write=_writer(connection)
            ):
                pass
            _post(connection)
            rounds.value += 1


def _take_away(connection: psycopg.Connection) -> None:
    with connection.transaction():
        for table in ("journal_lines", "journal_entries", *OUTPUT_TABLES):
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE month = %s").format(sql.Identifier(table)), [CLOSING]
            )


def _post(connection: psycopg.Connection) -> None:
    step = Step(
        connection=connection,
        execution=Execution(0, "journal"),
        months=[CLOSING],
        closed=frozenset(),
        asked=[CLOSING],
        run_id="bench",
    )
    post(step, [CLOSING])


def _writer(connection: psycopg.Connection) -> Any:
    """Writes as an asset does: all tables of a part, or nothing."""

    def write(frames: Mapping[str, pa.Table], months: Sequence[date]) -> dict[str, dict[date, Change]]:
        ensure_months(connection, list(frames), months)
        with connection.transaction():
            return {table: replace_month(connection, table, months, frame) for table, frame in frames.items()}

    return write
