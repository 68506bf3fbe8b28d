"""Posting a month's statements against bare COPY of the same entries, measured in one process and one database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from benchmarks import bare
from benchmarks.databases import filled_database
from ledger_pipelines.months import last_day
from ledger_pipelines.store.copy import read_months, table_schema
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import Execution
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.workflows.general_ledger.posting import post
from ledger_pipelines.workflows.step import Step

MONTH = date(2025, 3, 1)
ROUNDS = 5
_TABLES = ("journal_entries", "journal_lines")


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds: medians."""

    entries: int = 0
    lines: int = 0
    bare_copy_in: float = 0
    post: float = 0
    post_again: float = 0


def measure(companies: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    tell(f"Writing {companies:,} statements")
    with filled_database(MONTH, fill, companies) as database, database.connect() as connection:
        tell("Posting against bare COPY")
        return _measure(connection)


def fill(database: Database, companies: int) -> None:
    """A statement of a month for each company."""
    with database.connect() as connection:
        schema = table_schema(connection, "billing_statements")
        own: dict[str, Any] = {field.name: _nothing(field) for field in schema}
        own |= {
            "month": MONTH,
            "statement_date": last_day(MONTH),
            "due_date": date(2025, 4, 30),
            "currency": "USD",
        }
        rows = [
            own
            | {"account_number": f"{place:06}", "company_name": f"Company {place}"}
            | {"statement_number": f"{place:06}-202503", "total": Decimal(100 + place)}
            | {"total_line_item_charges": Decimal(100 + place)}
            for place in range(companies)
        ]
        replace_month(connection, "billing_statements", [MONTH], pa.Table.from_pylist(rows, schema))


def _nothing(field: Any) -> Any:
    if field.nullable:
        return None
    nothing: dict[Any, Any] = {
        pa.string(): "",
        pa.bool_(): False,
        pa.date32(): MONTH,
        pa.int32(): 0,
        pa.int64(): 0,
    }
    return nothing.get(field.type, Decimal(0))


def _measure(connection: psycopg.Connection) -> Figures:
    figures = Figures()
    # The first one makes the parties, which are there from then on.
    _post(connection)
    bodies = bare.ready({table: read_months(connection, table, [MONTH]) for table in _TABLES})
    figures.entries, figures.lines = (_rows(connection, table) for table in _TABLES)
    ins, posts = [], []
    for _ in range(ROUNDS):
        ins.append(bare.copy_in(connection, bodies))
        with connection.transaction():
            for table in reversed(_TABLES):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("VACUUM")
        posts.append(_post(connection))
    figures.bare_copy_in, figures.post = statistics.median(ins), statistics.median(posts)
    figures.post_again = statistics.median(_post(connection) for _ in range(ROUNDS))
    return figures


def _post(connection: psycopg.Connection) -> float:
    """Posts the month as the asset does, and returns the seconds that it took."""
    began = time.perf_counter()
    step = Step(
        connection=connection,
        execution=Execution(0, "journal"),
        months=[MONTH],
        closed=frozenset(),
        asked=[MONTH],
        run_id="bench",
    )
    post(step, [MONTH])
    return time.perf_counter() - began


def _rows(connection: psycopg.Connection, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)


if __name__ == "__main__":
    print(measure(10_000, print))
