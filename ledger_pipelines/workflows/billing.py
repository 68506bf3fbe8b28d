"""The statement run: read the months' inputs, apply the rule, replace the months.

Without Dagster, so that the benchmark measures the same code that the asset runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.credits import companies_with_corrections
from ledger_pipelines.billing.inputs import BOOKED_STATEMENTS, BOOKED_TICKET_HOURS, COLUMNS, BillingInputs
from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines.months import years_so_far
from ledger_pipelines.store.billing_runs import BILLED_EDITS, View, present_view, record_billing_run
from ledger_pipelines.store.copy import read_months, read_table
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import Change, rows_of_months
from ledger_pipelines.store.queries.statements import one_view, read_booked_hours, read_booked_statements
from ledger_pipelines.store.snapshots import read_gaps

SNAPSHOT_TABLES = ("companies", "assets", "contacts", "plans")
EDITED_TABLES = BILLED_EDITS
#: The snapshot whose records' edits a table has, and how it names them.
_EDITS_OF_RECORDS = {
    "asset_billing_overrides": ("assets", "asset_id"),
    "user_billing_overrides": ("contacts", "user_id"),
}
_MOST_IDS = 10_000
OUTPUT_TABLES = ("ticket_hours", "billing_statement_lines", "billing_statements")
#: How many companies' statements are computed in one call; one has about fifty lines.
_COMPANIES_AT_ONCE = 2_000
LINE_KEY = ("month", "account_number", "source_type", "source_id")

Write = Callable[[Mapping[str, pa.Table], Sequence[date]], dict[str, dict[date, Change]]]


@dataclass(frozen=True, slots=True)
class StatementRun:
    """Months that were billed together, what the rule read and computed, and how the rows changed."""

    months: Sequence[date]
    inputs: BillingInputs
    result: BillingResult
    changes: dict[str, dict[date, Change]]
    currency: str


def run_statements(
    database: Database,
    months: Sequence[date],
    *,
    closed: frozenset[date],
    currency: str,
    write: Write,
) -> Iterator[StatementRun]:
    """Bills the months in order, small ones together; what is billed together is written, all or nothing.

    While months are being written the next are read and billed, on a connection of their own: the database and the
    rules work at the same time, and two such parts are in memory, however long the range. Tickets are read once.
    """
    with (
        database.connect(application_name="ledger billing reader") as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        hours = read_hours(reader, months, closed)

        def compute(
            part: Sequence[date],
        ) -> tuple[View, BillingInputs, BillingResult, dict[str, pa.Table]]:
            view = present_view(reader)
            inputs = read_inputs(reader, part, closed, hours)
            result = bill(inputs, part, currency=currency)
            return view, inputs, result, frames_of(result)

        rows: list[Any] = read_months(reader, "companies", months, ["month"])["month"].to_pylist()
        parts = months_together(months, Counter(rows))
        coming = pool.submit(compute, parts[0])
        for part, following in zip_longest(parts, parts[1:]):
            view, inputs, result, frames = coming.result()
            if following is not None:
                coming = pool.submit(compute, following)
            changes = write(frames, part)
            with database.connect(application_name="ledger billing") as writer:
                record_billing_run(writer, [month for month in part if month not in closed], view)
            yield StatementRun(part, inputs, result, changes, currency)


def months_together(months: Sequence[date], companies: Mapping[date, int]) -> list[list[date]]:
    """The months in order, as many together as have few companies in all: a call of the rules costs its tenth of a
    second whether it bills ten lines or a hundred thousand.
    """
    parts: list[list[date]] = [[]]
    for month in months:
        if parts[-1] and sum(companies.get(one, 0) for one in (*parts[-1], month)) > _COMPANIES_AT_ONCE:
            parts.append([])
        parts[-1].append(month)
    return parts


def frames_of(result: BillingResult) -> dict[str, pa.Table]:
    """What is written of a result, by table."""
    # In their key's order: the table's index then grows at its end, which takes a fifth off COPY.
    lines = result.lines.sort_by([(name, "ascending") for name in LINE_KEY])
    frames = (result.ticket_hours, lines, result.statements)
    return dict(zip(OUTPUT_TABLES, frames, strict=True))


@dataclass(frozen=True, slots=True)
class Hours:
    """The tickets of some years so far, what closed months billed of them, and the statements that this bears on, as
    they were at one instant.
    """

    tickets: pa.Table
    booked: pa.Table
    statements: pa.Table


def read_hours(
    connection: psycopg.Connection,
    months: Sequence[date],
    closed: frozenset[date],
    accounts: Sequence[str] | None = None,
) -> Hours:
    """The hours that statements of these months may need: a ticket counts against its year's allowance.

    Of all companies or of these; a company's are also those of tickets that were moved away from it, or to it.
    """
    so_far = years_so_far(months)
    of_them = None if accounts is None else {"account_number": accounts, "moved_from": accounts}
    with one_view(connection):
        tickets = read_months(connection, "tickets", so_far, COLUMNS["tickets"], only=of_them)
        former = None if accounts is None else _with_former(tickets, accounts)
        booked = read_booked_hours(connection, sorted(closed), so_far, BOOKED_TICKET_HOURS, accounts=former)
        corrected = companies_with_corrections(tickets, booked)
        statements = read_booked_statements(connection, sorted(closed), corrected, BOOKED_STATEMENTS)
    return Hours(tickets, booked, statements)


def _with_former(tickets: pa.Table, accounts: Sequence[str]) -> list[str]:
    """The accounts, and those that their tickets had before."""
    names: list[Any] = [*tickets["account_number"].to_pylist(), *tickets["moved_from"].to_pylist()]
    return sorted({*accounts, *filter(None, names)})


def read_inputs(
    connection: psycopg.Connection,
    months: Sequence[date],
    closed: frozenset[date],
    hours: Hours,
    accounts: Sequence[str] | None = None,
) -> BillingInputs:
    """What the rule needs for these months: their snapshots, what people edit, and of `hours` the years so far.

    Of all companies or of these, which may then have records of others beside them.
    """
    of_them = None if accounts is None else {"account_number": accounts}
    with one_view(connection):
        frames = {
            table: read_months(
                connection, table, months, COLUMNS[table], only=None if table == "plans" else of_them
            )
            for table in SNAPSHOT_TABLES
        }
        frames |= {
            table: read_table(connection, table, only=_edits_of(table, frames, of_them))
            for table in EDITED_TABLES
        }
        gaps = read_gaps(connection, months)
    return BillingInputs(
        **frames,
        tickets=rows_of_months(hours.tickets, years_so_far(months)),
        booked_ticket_hours=hours.booked,
        booked_statements=hours.statements,
        snapshot_gaps=gaps,
        closed_months=closed,
    )


def _edits_of(
    table: str, frames: Mapping[str, pa.Table], of_them: Mapping[str, Sequence[str]] | None
) -> Mapping[str, Sequence[Any]] | None:
    """Which rows of an edited table bear on these companies."""
    if of_them is None or table == "billing_plans":
        return None
    snapshot, name = _EDITS_OF_RECORDS.get(table, (None, ""))
    if snapshot is None:
        return of_them
    ids: list[Any] = pc.unique(frames[snapshot]["id"]).to_pylist()
    # Naming this many ids takes longer than reading the whole table.
    return {name: ids} if len(ids) < _MOST_IDS else None
