"""General ledger against sub-ledgers, as of a day and as the tables stand (rules/general_ledger.md, Reconciliation)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import format_money
from ledger_pipelines.months import format_month, last_day, month_of
from ledger_pipelines.store.copy import schema_of
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.sub_ledgers import read_entries_beside_rows, read_items_on
from ledger_pipelines.store.snapshots import computed_months
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import DATE, TEXT
from ledger_pipelines.workflows.general_ledger.reports import reconciliation, reconciliation_on
from ledger_pipelines.workflows.general_ledger.sub_ledgers import CUSTOMER, SUPPLIER, sub_ledgers

#: What is left of an item on a day, and whose it is.
OPEN_ITEMS = schema_of(
    {
        **dict.fromkeys(("party", "name", "voucher", "invoice_number", "currency"), TEXT),
        "due_date": DATE,
        "remaining": LEDGER_AMOUNT,
        "item": TEXT,
        "account": TEXT,
    }
)


def open_items(connection: psycopg.Connection, table: str, day: date) -> pa.Table:
    """What is left of each item of a sub-ledger at the end of a day (`OPEN_ITEMS`)."""
    return read_items_on(connection, OPEN_ITEMS, table, day)


@dataclass(frozen=True, slots=True)
class Verification:
    """The reconciliation on a day, of the rows as they stand, and the last days' entries beside their rows."""

    day: date
    rows: list[dict[str, Any]]
    entries: list[dict[str, Any]]

    @property
    def unexplained(self) -> list[str]:
        """Each account with what nothing explains: `1500: 1,000.00 EUR`."""
        return [
            f"{row['account']}: {format_money(row['unexplained'], row['currency'])}"
            for row in self.rows
            if row["unexplained"]
        ]


def verify(
    database: Database, *, today: date, as_of: date | None, days: int, sync_start: date | None
) -> Verification:
    """Compares the general ledger with the sub-ledgers as of a day; writes nothing.

    The day is the last that the sub-ledgers have, where none is given. `entries` are those of the last days up to it, as
    `read_entries_beside_rows` gives them. Raises LedgerError for a day whose month was not computed.
    """
    with database.connect() as connection:
        day = _day(connection, today, as_of)
        month = month_of(day)
        is_end = day == last_day(month)
        # As if it were closed: what people said since the month was computed is not in its rows yet.
        found = sub_ledgers(
            connection,
            [month],
            closed_months(connection) | {month},
            sync_start=sync_start,
            as_of=None if is_end else day,
        )
        if is_end:
            compared = reconciliation(connection, found.spans)
        else:
            left = pa.concat_tables(open_items(connection, table, day) for table in (CUSTOMER, SUPPLIER))
            compared = reconciliation_on(connection, found.spans[0], left, day)
        entries = read_entries_beside_rows(connection, day - timedelta(days), day)
    return Verification(day, [row for row in compared.to_pylist() if _has_amounts(row)], entries)


def _day(connection: psycopg.Connection, today: date, as_of: date | None) -> date:
    computed = computed_months(connection, CUSTOMER)
    if as_of is None:
        before = [month for month in computed if month <= today]
        if not before:
            raise LedgerError("The sub-ledgers were never reckoned: run `ledger close MONTH` first.")
        return min(today, last_day(before[-1]))
    if month_of(as_of) not in computed:
        raise LedgerError(
            f"The sub-ledgers of {format_month(month_of(as_of))} were not reckoned: run "
            f"`ledger close {format_month(month_of(as_of))}` first."
        )
    return as_of


def _has_amounts(row: dict[str, Any]) -> bool:
    return any(isinstance(value, Decimal) and value for value in row.values())
