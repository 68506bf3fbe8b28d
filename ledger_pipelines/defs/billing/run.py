"""The statement run: read the months' inputs, apply the rule, replace the months.

Without Dagster, so that the benchmark measures the same code that the asset runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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

#: How many months are held in memory at once: a year of ten thousand companies must fit a small machine.
MONTHS_AT_ONCE = 2

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
    """Bills the months, a few at a time; each few are written, all or nothing.

    While some months are being written the next are read and billed, on a connection of their own: the database
    and the rules then work at the same time.
    """
    parts = [months[start : start + MONTHS_AT_ONCE] for start in range(0, len(months), MONTHS_AT_ONCE)]
    with database.connect(application_name="ledger billing reader") as reader, ThreadPoolExecutor(1) as pool:

        def compute(some: Sequence[date]) -> tuple[BillingInputs, BillingResult]:
            inputs = read_inputs(reader, some, closed)
            return inputs, bill(inputs, some, currency=currency)

        coming = pool.submit(compute, parts[0])
        for some, following in zip_longest(parts, parts[1:]):
            inputs, result = coming.result()
            if following is not None:
                coming = pool.submit(compute, following)
            yield StatementRun(some, inputs, result, write(_frames(result), some))


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
