"""Money that nobody claims: edits that match nobody, and charges that no month bills (rules/billing.md).

A company, device or person may be renumbered, made anew or mistyped; a charge may be entered for a month that is closed.
Neither shows on any statement. Each function returns the rows that are concerned, none when all is well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.edits import Edits
from ledger_pipelines.billing.index import month_days, month_positions
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.line_items import FEES, KINDS, is_due, with_kind
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    decimals,
    int64s,
    kept,
    positions,
    present,
    take,
    trimmed,
)
from ledger_pipelines.money import RATE

_UNMATCHED_FIELDS: list[pa.Field[Any]] = [
    pa.field("month", pa.date32()),
    pa.field("edited", pa.string()),
    pa.field("account_number", pa.string()),
    pa.field("record", pa.string()),
    pa.field("would_charge", RATE),
]
_NEVER_BILLED_FIELDS: list[pa.Field[Any]] = [
    pa.field("account_number", pa.string()),
    pa.field("id", pa.int64()),
    pa.field("name", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("due", pa.date32()),
    pa.field("would_charge", RATE),
    pa.field("reason", pa.string()),
]
UNMATCHED, NEVER_BILLED = pa.schema(_UNMATCHED_FIELDS), pa.schema(_NEVER_BILLED_FIELDS)
_BEFORE, _CLOSED = "before the ledger's first month", "its month is closed and has not billed it"


def edits_that_match_nobody(inputs: BillingInputs, months: Sequence[date]) -> pa.Table:
    """Overrides and charges, in force in one of these months, of an account, device or person that it does not have.

    Rows (UNMATCHED): `edited` is the table; `would_charge` is null where the charge depends on a plan or a device that
    nobody knows. A charge is among them in the months in which it is due.
    """
    days = month_days(sorted(months))
    found = [
        _rows(month, *part)
        for place, month in enumerate(days.tolist())
        for part in _in_month(inputs, days, place)
    ]
    order: list[Any] = [(name, "ascending") for name in ("month", "edited", "account_number", "record")]
    return pa.concat_tables([UNMATCHED.empty_table(), *found]).sort_by(order)


def _in_month(
    inputs: BillingInputs, days: Int64s, place: int
) -> Iterator[tuple[str, pa.Table, Column, Column]]:
    """For each table its rows that match nobody in a month, what each is of, and what it would charge."""
    month = days[place : place + 1]

    def known(name: str, key: str) -> Column:
        frame = inputs.read(name)
        return column(kept(frame, month_positions(column(frame, "month"), month) >= 0), key).unique()

    def unmatched(name: str, thing: Sequence[str], key: str, among: Column) -> pa.Table:
        frame = inputs.read(name)
        if name == "custom_line_items":
            frame = with_kind(frame)
        in_month = Edits.of(frame, thing, days).of_month(place)
        return kept(in_month, positions(column(in_month, key), among) < 0)

    accounts = known("companies", "account_number")
    rows = unmatched("client_billing_overrides", ["account_number"], "account_number", accounts)
    yield "client_billing_overrides", rows, column(rows, "account_number"), pa.nulls(rows.num_rows, RATE)
    for name, key, source, kind in (
        ("asset_billing_overrides", "asset_id", "assets", "billing_type"),
        ("user_billing_overrides", "user_id", "contacts", "payment_type"),
    ):
        rows = unmatched(name, [key], key, known(source, "id"))
        yield name, rows, column(rows, key).cast(pa.string()), _own_cost(rows, kind)
    for name, key, kind in (
        ("manual_assets", "hostname", "billing_type"),
        ("manual_users", "full_name", "payment_type"),
    ):
        rows = unmatched(name, ["account_number", key], "account_number", accounts)
        yield name, rows, column(rows, key), _own_cost(rows, kind)
    rows = unmatched("custom_line_items", ["account_number", "name", "kind"], "account_number", accounts)
    rows = kept(rows, is_due(rows, np.full(rows.num_rows, month[0], dtype=np.int64)))
    yield "custom_line_items", rows, column(rows, "name"), _fees(rows)


def _own_cost(rows: pa.Table, kind: str) -> Column:
    """What rows of a type with a cost of its own, or of none, charge; null where a plan would say."""
    written: Any = pc.utf8_lower(trimmed(column(rows, kind)))
    free = pc.is_in(written, value_set=pa.array(["free", "no charge"]))
    custom = pc.equal(written, pa.scalar("custom"))
    nothing: Any = decimals(np.zeros(rows.num_rows, dtype=np.int64), RATE)
    costs: Any = column(rows, "custom_cost")
    unknown: Any = pa.nulls(rows.num_rows, RATE)
    own: Column = pc.if_else(
        custom.fill_null(False), costs, pc.if_else(free.fill_null(False), nothing, unknown)
    )
    return own


def _rows(month: int, edited: str, rows: pa.Table, records: Column, costs: Column) -> pa.Table:
    count = rows.num_rows
    accounts = (
        column(rows, "account_number")
        if "account_number" in rows.column_names
        else pa.nulls(count, pa.string())
    )
    months = array(np.full(count, month, dtype=np.int32)).cast(pa.date32())
    columns: list[Column] = [months, pa.repeat(pa.scalar(edited), count), accounts, records, costs]
    return pa.Table.from_arrays(columns, schema=UNMATCHED)


def charges_never_billed(
    items: pa.Table, billed: pa.Table, *, closed: Collection[date], first_month: date
) -> pa.Table:
    """Charges for a closed month that has not billed them, and one-offs before the ledger's first month.

    `items` is the input `custom_line_items`, `billed` (month, source_id) the charges on closed months' statements. A
    recurring or yearly charge is among them for the closed months that its own `from_month` says; one without holds in
    open months alone. Rows (NEVER_BILLED), one for each charge and month.
    """
    items = with_kind(items)
    days = month_days(sorted(closed))
    in_force = Edits.of(items, ["account_number", "name", "kind"], days).in_force
    is_one_off = int64s(column(items, "kind")) == KINDS.index("one_off")
    said = is_one_off | present(column(items, "from_month"))
    parts = [
        _charges(items, _never_on(items, billed, day) & in_force[place] & said, day, _CLOSED)
        for place, day in enumerate(days.tolist())
    ]
    first = int(month_days([first_month])[0])
    due = _one_off_days(items)
    early = np.flatnonzero(is_one_off & (due < first))
    parts += [
        _charges(items.slice(int(row), 1), np.ones(1, dtype=np.bool_), int(due[row]), _BEFORE)
        for row in early
    ]
    order: list[Any] = [(name, "ascending") for name in ("due", "account_number", "id")]
    return pa.concat_tables([NEVER_BILLED.empty_table(), *parts]).sort_by(order)


def _never_on(items: pa.Table, billed: pa.Table, day: int) -> Mask:
    """Which items were due in a month and are not on its statements."""
    due = is_due(items, np.full(items.num_rows, day, dtype=np.int64))
    of_month = kept(billed, int64s(column(billed, "month")) == day)
    never: Mask = due & (positions(column(items, "id").cast(pa.string()), column(of_month, "source_id")) < 0)
    return never


def _one_off_days(items: pa.Table) -> Int64s:
    """The first day of each one-off's month, as days since 1970; a day that no ledger begins after elsewhere."""
    year, month = (int64s(column(items, name)) for name in ("one_off_year", "one_off_month"))
    months = np.where(year > 0, (year - 1970) * 12 + month - 1, 0)
    days: Int64s = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days


def _charges(items: pa.Table, where: Mask, day: int, reason: str) -> pa.Table:
    rows = kept(items, where)
    count = rows.num_rows
    columns: list[Column] = [
        column(rows, "account_number"),
        column(rows, "id"),
        column(rows, "name"),
        take(array(KINDS), int64s(column(rows, "kind"))),
        array(np.full(count, day, dtype=np.int32)).cast(pa.date32()),
        _fees(rows),
        pa.repeat(pa.scalar(reason), count),
    ]
    return pa.Table.from_arrays(columns, schema=NEVER_BILLED)


def _fees(rows: pa.Table) -> Column:
    fees: Column = pc.coalesce(*(column(rows, name) for name in FEES))
    return fees
