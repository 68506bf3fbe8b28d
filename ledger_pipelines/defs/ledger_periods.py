"""The ledger's months as Dagster shows them: which are open, and who closed the others, and when."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import pyarrow as pa

from ledger_pipelines.money import format_money
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.presentation import OWNER, table_metadata
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.store.queries.month_overview import MonthOverview
from ledger_pipelines.tables import TABLES

_COLUMNS = ("month", "status", "statements", "total", "passed", "warn", "failed", "closed_by", "closed_at")

#: People close and reopen months, no run does: nothing can be executed here, and closing reports it.
ledger_periods = dg.AssetSpec(
    "ledger_periods",
    description=TABLES["ledger_periods"].row,
    metadata=table_metadata(TABLES["ledger_periods"]),
    group_name="closing",
    owners=[OWNER],
    kinds={"postgres"},
)


def overview_of(months: Sequence[MonthOverview]) -> dg.AssetMaterialization:
    """What a person sees of the months at the asset: the table of `ledger months`, the newest month first."""
    rows = [
        {
            "month": format_month(month.month),
            "status": "closed" if month.is_closed else "open",
            "statements": month.statements,
            "total": ", ".join(format_money(total, one) for one, total in sorted(month.totals.items())),
            "passed": month.checks - month.warnings - month.failures,
            "warn": month.warnings,
            "failed": month.failures,
            "closed_by": month.closed_by,
            "closed_at": month.closed_at,
        }
        for month in reversed(months)
    ]
    closed = sum(month.is_closed for month in months)
    return dg.AssetMaterialization(
        "ledger_periods",
        metadata={
            "months": preview(pa.Table.from_pylist(rows, _table_schema()), _COLUMNS, rows=36),
            "closed": closed,
            "open": len(months) - closed,
        },
    )


def _table_schema() -> pa.Schema:
    kinds: dict[str, pa.DataType] = dict.fromkeys(_COLUMNS, pa.string())
    kinds |= dict.fromkeys(("statements", "passed", "warn", "failed"), pa.int64())
    kinds["closed_at"] = pa.timestamp("us", "UTC")
    return pa.schema(kinds)
