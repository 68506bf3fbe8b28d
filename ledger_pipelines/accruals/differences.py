"""Why what is computed now differs from what a closed month booked: the verification of its accruals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.outputs import ACCRUAL_KEY, MONTHLY_ACCRUALS
from ledger_pipelines.closing.differences import Difference, difference
from ledger_pipelines.columns import array
from ledger_pipelines.money import AMOUNT

#: What was recognised before the month differs, as an earlier month's booking does.
EARLIER_MONTHS = "earlier_months"
#: The amount differs and nothing that the rule goes by: it was not this rule that booked it.
BOOKING = "booking"
#: What can explain a row that changed, and the columns that say so.
_CAUSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "amount": ("contract_amount", "invoiced"),
        "status": ("state", "contract_status"),
        "periods": ("fraction", "period_id"),
        "contract": ("contract_date",),
        EARLIER_MONTHS: (EARLIER_MONTHS,),
    }
)


@dataclass(frozen=True, slots=True)
class AccrualDifference(Difference):
    """The accruals that differ, by ACCRUAL_KEY.

    Beside a difference's columns: `reason` (why the computed amount is recognised, of a removed row why the booked one
    was; null where nothing was) and `causes` (of a changed row, with commas: amount, status, periods, contract,
    earlier_months, booking).
    """

    @property
    def by_reason(self) -> Mapping[str, Decimal]:
        """By how much the computed amounts exceed the booked ones by reason, in alphabetical order; rows without one
        under an empty text."""
        amounts: dict[str, Decimal] = {}
        names = ("reason", "booked", "computed")
        for reason, booked, computed in zip(*(self.rows[name].to_pylist() for name in names), strict=True):
            difference = (computed or Decimal(0)) - (booked or Decimal(0))
            amounts[reason or ""] = amounts.get(reason or "", Decimal(0)) + difference
        return dict(sorted(amounts.items()))


def accrual_difference(computed: pa.Table, booked: pa.Table) -> AccrualDifference:
    """What is only computed, only booked, or in both but not the same, and why.

    Both are MONTHLY_ACCRUALS of the same months.
    """
    rows = difference(
        _with_earlier_months(computed),
        _with_earlier_months(booked),
        ACCRUAL_KEY,
        amount="recognised",
        labels=["reason"],
    ).rows
    changed = [tuple(text.split(", ")) if text else () for text in rows["columns"].to_pylist()]
    named = [", ".join(name for name in names if name != EARLIER_MONTHS) for names in changed]
    columns: dict[str, Any] = {name: rows[name] for name in rows.column_names[:-1]} | {
        "causes": array([", ".join(_causes(names)) or None for names in changed], pa.string()),
        "columns": array([names or None for names in named], pa.string()),
    }
    return AccrualDifference(pa.table(columns))


def _with_earlier_months(accruals: pa.Table) -> pa.Table:
    """The accruals with what had been recognised before their month."""
    to_date, recognised = (accruals[name] for name in ("recognised_to_date", "recognised"))
    earlier: Any = pc.subtract(to_date, recognised)
    return accruals.select(MONTHLY_ACCRUALS.names).append_column(EARLIER_MONTHS, earlier.cast(AMOUNT))


def _causes(changed: tuple[str, ...]) -> list[str]:
    """What explains a row in which these columns changed."""
    causes = [cause for cause, names in _CAUSES.items() if not set(names).isdisjoint(changed)]
    return causes or ([BOOKING] if "recognised" in changed else [])
