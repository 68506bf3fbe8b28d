"""Pictures of the statements, for people who would rather look."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.exports.bar_charts import Bar, Panel
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.pictures import picture

_KINDS = {
    "user": ("Users", "#3f6fb5"),
    "asset": ("Assets", "#5aa469"),
    "backup": ("Backup", "#d9a441"),
    "hours": ("Hours", "#b5523f"),
    "custom": ("Custom charges", "#8a6bb1"),
}


def statement_chart(totals: pa.Table) -> dg.MetadataValue[Any]:
    """Stacked bars of what statements charge, by month and kind of line, as a picture in Markdown.

    `totals` has the columns month, kind, currency, amount; one currency is drawn.
    """
    amounts: dict[tuple[date, str], Decimal] = {
        (row["month"], row["kind"]): row["amount"] for row in totals.to_pylist()
    }
    months = sorted({month for month, _ in amounts})
    currency = totals["currency"][0].as_py() if totals.num_rows else ""
    bars = []
    for place, month in enumerate(months):
        # Charges stand on each other above nothing, credits below it.
        above = below = Decimal(0)
        for kind, (_, colour) in _KINDS.items():
            amount = amounts.get((month, kind), Decimal(0))
            if amount > 0:
                bars.append(Bar(place, above, above + amount, colour))
                above += amount
            elif amount < 0:
                bars.append(Bar(place, below + amount, below, colour))
                below += amount
    panel = Panel([format_month(month) for month in months], currency, bars)
    legend = {colour: label for label, colour in _KINDS.values()}
    return picture([panel], legend, "Statements by month and kind")
