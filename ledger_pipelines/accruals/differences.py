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
from ledger_pipelines.frames import mapped, to_arrow, to_pandas
from ledger_pipelines.money import AMOUNT
from ledger_pipelines.tables.table import TEXT

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
        rows = to_pandas(self.rows)
        more = rows["computed"].fillna(0) - rows["booked"].fillna(0)
        sums: dict[Any, Decimal] = more.groupby(rows["reason"].fillna("")).sum().to_dict()
        return sums


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
    found = to_pandas(rows)
    return AccrualDifference(
        to_arrow(
            found.assign(
                causes=mapped(found["columns"], _causes, TEXT),
                columns=mapped(found["columns"], _booked, TEXT),
            ),
            rows.schema.insert(rows.num_columns - 1, pa.field("causes", TEXT)),
        )
    )


def _with_earlier_months(accruals: pa.Table) -> pa.Table:
    """The accruals with what had been recognised before their month."""
    to_date, recognised = (accruals[name] for name in ("recognised_to_date", "recognised"))
    earlier: Any = pc.subtract(to_date, recognised)
    return accruals.select(MONTHLY_ACCRUALS.names).append_column(EARLIER_MONTHS, earlier.cast(AMOUNT))


def _causes(columns: str | None) -> str | None:
    """What explains a row in which these columns changed, with commas."""
    changed = set((columns or "").split(", "))
    causes = [cause for cause, names in _CAUSES.items() if not changed.isdisjoint(names)]
    return ", ".join(causes) or (BOOKING if "recognised" in changed else None)


def _booked(columns: str | None) -> str | None:
    """Those of the columns that are booked, with commas."""
    return ", ".join(name for name in (columns or "").split(", ") if name != EARLIER_MONTHS) or None
