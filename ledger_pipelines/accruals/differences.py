"""How what is computed now differs from what a closed month booked, and why: the verification of a month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.outputs import ACCRUAL_KEY, MONTHLY_ACCRUALS
from ledger_pipelines.columns import Column, Int64s, Mask, array, column, positions, present, small_units
from ledger_pipelines.money import AMOUNT

ADDED, REMOVED, CHANGED = "added", "removed", "changed"

#: What can explain a row that changed, and the columns that say so.
_CAUSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "amount": ("contract_amount", "invoiced"),
        "status": ("state", "contract_status"),
        "periods": ("fraction", "period_id"),
        "contract": ("contract_date",),
    }
)
#: What was recognised before the month differs, as an earlier month's booking does.
EARLIER_MONTHS = "earlier_months"
#: The amount differs and nothing that the rule goes by: it was not this rule that booked it.
BOOKING = "booking"


@dataclass(frozen=True, slots=True)
class Differences:
    """The accruals that differ, by ACCRUAL_KEY.

    Columns: ACCRUAL_KEY; `change` (added, removed or changed); `booked` and `computed` (the recognised amounts,
    null where there is no such row); `reason` (why the computed amount is recognised, of a removed row why the
    booked one was; null where nothing was); `causes` (of a changed row, with commas: amount, status, periods,
    contract, earlier_months, booking); `columns` (of a changed row, those that differ, with commas).
    """

    rows: pa.Table

    def count(self, change: str) -> int:
        """How many rows were added, removed or changed."""
        return self.rows["change"].to_pylist().count(change)

    @property
    def amount(self) -> Decimal:
        """By how much the computed amounts exceed the booked ones."""
        return sum(self.by_reason.values(), Decimal(0))

    @property
    def by_reason(self) -> Mapping[str, Decimal]:
        """The same by reason, in alphabetical order; rows without one under an empty text."""
        amounts: dict[str, Decimal] = {}
        names = ("reason", "booked", "computed")
        for reason, booked, computed in zip(*(self.rows[name].to_pylist() for name in names), strict=True):
            difference = (computed or Decimal(0)) - (booked or Decimal(0))
            amounts[reason or ""] = amounts.get(reason or "", Decimal(0)) + difference
        return dict(sorted(amounts.items()))

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self.rows.num_rows > 0


def differences(computed: pa.Table, booked: pa.Table) -> Differences:
    """What is only computed, only booked, or in both but not the same.

    Both are MONTHLY_ACCRUALS of the same months; null equals null.
    """
    new, old = _keys(computed), _keys(booked)
    at = positions(new, old)
    added, removed = np.flatnonzero(at < 0), np.flatnonzero(positions(old, new) < 0)
    both = np.flatnonzero(at >= 0)
    now, then = computed.take(array(both)), booked.take(array(at[both]))
    masks = {name: _differs(now, then, name) for name in MONTHLY_ACCRUALS.names if name not in ACCRUAL_KEY}
    changed = np.flatnonzero(np.logical_or.reduce(list(masks.values())))
    masks = {name: unequal[changed] for name, unequal in masks.items()}
    now, then = now.take(array(changed)), then.take(array(changed))
    rows = pa.concat_tables(
        [
            _part(computed.take(array(added)), ADDED, computed=True),
            _part(booked.take(array(removed)), REMOVED, booked=True),
            _changed(now, then, masks),
        ]
    )
    return Differences(rows.sort_by([(name, "ascending") for name in ACCRUAL_KEY]))


def _keys(frame: pa.Table) -> Column:
    parts: Any = [column(frame, name).cast(pa.string()) for name in ACCRUAL_KEY]
    # The unit separator stands in no id.
    keys: Column = pc.binary_join_element_wise(*parts, pa.scalar("\x1f"))
    return keys


def _differs(now: pa.Table, then: pa.Table, name: str) -> Mask:
    one, other = column(now, name), column(then, name).cast(MONTHLY_ACCRUALS.field(name).type)
    unequal: Any = pc.not_equal(one, other).fill_null(False)
    differs: Mask = unequal.to_numpy(zero_copy_only=False) | (present(one) != present(other))
    return differs


def _changed(now: pa.Table, then: pa.Table, masks: Mapping[str, Mask]) -> pa.Table:
    causes = {
        cause: np.logical_or.reduce([masks[name] for name in names]) for cause, names in _CAUSES.items()
    }
    causes[EARLIER_MONTHS] = _before(now) != _before(then)
    causes[BOOKING] = masks["recognised"] & ~np.logical_or.reduce(list(causes.values()))
    part = _part(now, CHANGED, computed=True)
    values = {"booked": column(then, "recognised"), "causes": _named(causes), "columns": _named(masks)}
    for name, value in values.items():
        part = part.set_column(part.column_names.index(name), part.schema.field(name), value)
    return part


def _before(frame: pa.Table) -> Int64s:
    return small_units(column(frame, "recognised_to_date")) - small_units(column(frame, "recognised"))


def _named(masks: Mapping[str, Mask]) -> Column:
    """For each row the names of the masks that hold there."""
    table = np.array(list(masks.values()))
    return array([", ".join(np.array(list(masks))[row].tolist()) or None for row in table.T], pa.string())


def _part(frame: pa.Table, change: str, *, booked: bool = False, computed: bool = False) -> pa.Table:
    count = frame.num_rows
    amounts, nothing = column(frame, "recognised").cast(AMOUNT), pa.nulls(count, AMOUNT)
    return pa.table(
        {
            **{name: column(frame, name) for name in ACCRUAL_KEY},
            "change": pa.repeat(pa.scalar(change), count),
            "booked": amounts if booked else nothing,
            "computed": amounts if computed else nothing,
            "reason": column(frame, "reason"),
            "causes": pa.nulls(count, pa.string()),
            "columns": pa.nulls(count, pa.string()),
        }
    )
