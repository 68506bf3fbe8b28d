"""The statement run: read the months' inputs, apply the rule, replace the months.

Without Dagster, so that the benchmark measures the same code that the asset runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest

import psycopg
import pyarrow as pa

from ledger_pipelines.billing.inputs import COLUMNS, BillingInputs
from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines.months import years_so_far
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.frames import read_months, read_table
from ledger_pipelines.store.replacement import Change
from ledger_pipelines.store.statements import one_view, read_booked_hours

SNAPSHOT_TABLES = ("companies", "assets", "contacts", "plans")
EDITED_TABLES = (
    "billing_plans",
    "client_billing_overrides",
    "asset_billing_overrides",
    "user_billing_overrides",
    "manual_assets",
    "manual_users",
    "custom_line_items",
)
OUTPUT_TABLES = ("ticket_hours", "billing_statement_lines", "billing_statements")

Write = Callable[[Mapping[str, pa.Table], Sequence[date]], dict[str, dict[date, Change]]]


@dataclass(frozen=True, slots=True)
class StatementRun:
    """Some months' run: the months, what the rule read and computed, and how the rows changed."""

    months: Sequence[date]
    inputs: BillingInputs
    result: BillingResult
    changes: dict[str, dict[date, Change]]


def run_statements(
    database: Database,
    months: Sequence[date],
    *,
    closed: frozenset[date],
    currency: str,
    write: Write,
) -> Iterator[StatementRun]:
    """Bills the months in order; each is written, all or nothing.

    While a month is being written the next is read and billed, on a connection of its own: the database and the
    rules work at the same time, and two months are in memory, however long the range.
    """
    with (
        _quick_to_switch(),
        database.connect(application_name="ledger billing reader") as reader,
        ThreadPoolExecutor(1) as pool,
    ):

        def compute(month: date) -> tuple[BillingInputs, BillingResult]:
            inputs = read_inputs(reader, [month], closed)
            return inputs, bill(inputs, [month], currency=currency)

        coming = pool.submit(compute, months[0])
        for month, following in zip_longest(months, months[1:]):
            inputs, result = coming.result()
            if following is not None:
                coming = pool.submit(compute, following)
            yield StatementRun([month], inputs, result, write(_frames(result), [month]))


@contextmanager
def _quick_to_switch() -> Iterator[None]:
    """Lets the thread that feeds COPY run as soon as the database is ready for more.

    It needs the interpreter for an instant, hundreds of times a month; by default the thread that reads would
    keep it for five milliseconds each time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _frames(result: BillingResult) -> dict[str, pa.Table]:
    frames = (result.ticket_hours, result.lines, result.statements)
    return dict(zip(OUTPUT_TABLES, frames, strict=True))


def read_inputs(
    connection: psycopg.Connection, months: Sequence[date], closed: frozenset[date]
) -> BillingInputs:
    """What the rule needs for these months: their snapshots, the year's tickets, what closed months billed."""
    so_far = years_so_far(months)
    earlier = sorted(month for month in closed if month < max(months))
    with one_view(connection):
        frames = {
            table: read_months(connection, table, so_far if table == "tickets" else months, COLUMNS[table])
            for table in (*SNAPSHOT_TABLES, "tickets")
        }
        frames |= {table: read_table(connection, table) for table in EDITED_TABLES}
        booked = read_booked_hours(connection, earlier, so_far)
    return BillingInputs(**frames, booked_ticket_hours=booked, closed_months=closed)
