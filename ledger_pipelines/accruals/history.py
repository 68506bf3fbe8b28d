"""Contracts that are older than the ledger: part of what they rest on lies before its first month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import MONTHLY_ACCRUALS
from ledger_pipelines.columns import Mask, column, filter_rows, mask, positions, repeated, take, take_rows

_ACCRUED = ("month", "contact_id", "service_id", "currency", "contract_amount", "pending")
#: What names such a contract, and how much of it the ledger knows.
BEGUN_BEFORE = pa.schema(
    [
        *(MONTHLY_ACCRUALS.field(name).with_nullable(True) for name in _ACCRUED),
        pa.field("program_name", pa.string()),
        pa.field("start_date", pa.date32()),
        pa.field("note", pa.string()),
    ]
)
_NO_INVOICE = "no invoice in the ledger"


def begun_before_the_ledger(
    accruals: pa.Table, inputs: AccrualInputs, *, first_month: date, months: Sequence[date]
) -> pa.Table:
    """Contracts with money in these months whose client's service began before the ledger's first month.

    Their invoices may lie before it, too, and are then in no amount here. Contracts dated after such a period's end are
    another course's. A client whom such a period serves in a month and who has no contract by then stands there without
    an amount. `accruals` are MONTHLY_ACCRUALS of the months. Rows: BEGUN_BEFORE, by month and client.
    """
    old = _old_periods(inputs.clients, inputs.periods, first_month)
    rows = positions(column(accruals, "contact_id"), column(old, "contact_id"))
    in_time = mask(pc.less_equal(column(accruals, "contract_date"), take(column(old, "end_date"), rows)))
    known, at = filter_rows(accruals, (rows >= 0) & in_time), rows[(rows >= 0) & in_time]
    for name in ("program_name", "start_date"):
        values: Any = take(column(old, name), at)
        known = known.append_column(name, values)
    known = known.append_column("note", pa.nulls(known.num_rows))
    others = [_without_contract(inputs.contracts, old, month) for month in months]
    rows_of_all = pa.concat_tables(
        [frame.select(BEGUN_BEFORE.names).cast(BEGUN_BEFORE) for frame in (known, *others)]
    )
    return rows_of_all.sort_by([(name, "ascending") for name in ("month", "contact_id")])


def _old_periods(clients: pa.Table, periods: pa.Table, first_month: date) -> pa.Table:
    """Each client's service period that began before the ledger and reached into it; of several the longest."""
    starts, ends = column(periods, "start_date"), column(periods, "end_date")
    first = pa.scalar(first_month, pa.date32())
    is_old: Mask = mask(pc.less(starts, first)) & mask(pc.greater_equal(ends, first))
    old = filter_rows(periods, is_old).sort_by([("end_date", "descending"), ("id", "ascending")])
    users = column(clients, "user_id")
    at = positions(users, column(old, "user_id"))
    found = take_rows(old, at[at >= 0]).select(["program_name", "start_date", "end_date"])
    contacts: Any = column(filter_rows(clients, at >= 0), "contact_id")
    return found.append_column("contact_id", contacts)


def _without_contract(contracts: pa.Table, old: pa.Table, month: date) -> pa.Table:
    """Clients whom an old period serves in the month, and who have no contract in the ledger by then."""
    serves = mask(pc.greater_equal(column(old, "end_date"), pa.scalar(month, pa.date32())))
    by_then = filter_rows(
        contracts, mask(pc.less_equal(column(contracts, "month"), pa.scalar(month, pa.date32())))
    )
    has = positions(column(old, "contact_id"), column(by_then, "contact_id")) >= 0
    left = filter_rows(old, serves & ~has)
    columns: dict[str, Any] = {name: pa.nulls(left.num_rows) for name in BEGUN_BEFORE.names}
    columns["note"] = repeated(_NO_INVOICE, left.num_rows)
    columns["month"] = pa.repeat(pa.scalar(month, pa.date32()), left.num_rows)
    columns |= {name: left[name] for name in ("contact_id", "program_name", "start_date")}
    return pa.table(columns)
