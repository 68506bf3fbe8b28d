"""Money that nobody claims: edits that match nobody, and charges that no month bills (rules/billing.md).

A company, device or person may be renumbered, made anew or mistyped; a charge may be entered for a month that is closed.
Neither shows on any statement. Each function returns the rows that are concerned, none when all is well.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.billing.edits import in_force
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.line_items import ITEM, ONE_OFF, is_due, with_kind
from ledger_pipelines.frames import Series, column_of, constant, dtype, is_among, to_arrow, to_pandas, trimmed
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

#: For each edited table what a row is of, and the column of the records' id: of the company where there is no other.
_EDITED = {
    "client_billing_overrides": (["account_number"], "companies", "account_number"),
    "asset_billing_overrides": (["asset_id"], "assets", "id"),
    "user_billing_overrides": (["user_id"], "contacts", "id"),
    "manual_assets": (["account_number", "hostname"], "companies", "account_number"),
    "manual_users": (["account_number", "full_name"], "companies", "account_number"),
    "custom_line_items": (ITEM, "companies", "account_number"),
}


def edits_that_match_nobody(inputs: BillingInputs, months: Sequence[date]) -> pa.Table:
    """Overrides and charges, in force in one of these months, of an account, device or person that it does not have.

    Rows (UNMATCHED): `edited` is the table; `would_charge` is null where the charge depends on a plan or a device that
    nobody knows. A charge is among them in the months in which it is due.
    """
    edits = [edited for edited in _EDITED if getattr(inputs, edited).num_rows]
    found = pa.concat_tables(
        [UNMATCHED.empty_table(), *(_unmatched(inputs, edited, months) for edited in edits)]
    )
    order: list[Any] = [(name, "ascending") for name in ("month", "edited", "account_number", "record")]
    return found.sort_by(order)


def _unmatched(inputs: BillingInputs, edited: str, months: Sequence[date]) -> pa.Table:
    thing, source, key = _EDITED[edited]
    rows = inputs.frame(edited)
    rows = in_force(with_kind(rows) if edited == "custom_line_items" else rows, thing, months)
    if edited == "custom_line_items":
        rows = rows[is_due(rows)]
    # What a row is of stands first: an account, or the id of a device or person.
    known = inputs.frame(source)[["month", key]].rename(columns={key: thing[0]})
    rows = rows[~is_among(rows, known, ["month", thing[0]])]
    record = rows[thing[min(1, len(thing) - 1)]].astype(dtype(pa.string()))
    account = rows.get("account_number", constant(None, pa.string(), rows))
    return to_arrow(
        rows.assign(edited=edited, account_number=account, record=record, would_charge=_would_charge(rows)),
        UNMATCHED,
    )


def _would_charge(rows: pd.DataFrame) -> Series:
    """The fee of a charge; what rows of a type with a cost of its own, or of none, charge; missing where a plan says."""
    unknown = constant(None, RATE, rows)
    if "fee" in rows.columns:
        return rows["fee"]
    if "custom_cost" not in rows.columns:
        return unknown
    written = trimmed(rows["payment_type" if "payment_type" in rows.columns else "billing_type"]).str.lower()
    is_free = (written == "free") | (written == "no charge")
    is_custom = (written == "custom").fillna(False)
    return unknown.mask(is_free.fillna(False), 0).mask(is_custom, rows["custom_cost"])


def charges_never_billed(
    items: pa.Table, billed: pa.Table, *, closed: Collection[date], first_month: date
) -> pa.Table:
    """Charges for a closed month that has not billed them, and one-offs before the ledger's first month.

    `items` is the input `custom_line_items`, `billed` (month, source_id) the charges on closed months' statements. A
    recurring or yearly charge is among them for the closed months that its own `from_month` says; one without holds in
    open months alone. Rows (NEVER_BILLED), one for each charge and month.
    """
    charges = with_kind(to_pandas(items))
    charges = charges.assign(source_id=charges["id"].astype(dtype(pa.string())))
    due = in_force(charges, ITEM, sorted(closed))
    due = due[is_due(due) & ((due["kind"] == ONE_OFF) | due["from_month"].notna())]
    never = due[~is_among(due, to_pandas(billed), ["month", "source_id"])]
    one_off = charges[(charges["kind"] == ONE_OFF).fillna(False) & charges["one_off_year"].notna()]
    one_off = one_off.assign(month=_one_off_months(one_off))
    early = one_off[one_off["month"] < first_month]
    parts = [(never, _CLOSED), (early, _BEFORE)]
    found = pa.concat_tables(
        [
            to_arrow(part.assign(due=part["month"], would_charge=part["fee"], reason=reason), NEVER_BILLED)
            for part, reason in parts
        ]
    )
    order: list[Any] = [(name, "ascending") for name in ("due", "account_number", "id")]
    return found.sort_by(order)


def _one_off_months(items: pd.DataFrame) -> Series:
    """The month of each one-off charge."""
    years, months = items["one_off_year"].tolist(), items["one_off_month"].tolist()
    days = [date(year, month, 1) for year, month in zip(years, months, strict=True)]
    return column_of(pa.array(days, pa.date32()), items.index)
