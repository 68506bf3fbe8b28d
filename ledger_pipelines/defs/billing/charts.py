"""Pictures of the statements, for people who would rather look."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.defs.previews import picture
from ledger_pipelines.months import format_month

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
    from matplotlib.figure import Figure

    amounts: dict[tuple[date, str], Decimal] = {
        (row["month"], row["kind"]): row["amount"] for row in totals.to_pylist()
    }
    months = sorted({month for month, _ in amounts})
    currency = totals["currency"][0].as_py() if totals.num_rows else ""
    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    base = [Decimal(0)] * len(months)
    for kind, (label, colour) in _KINDS.items():
        heights = [amounts.get((month, kind), Decimal(0)) for month in months]
        axes.bar(
            [format_month(month) for month in months],
            [float(height) for height in heights],  # pixels, not money
            bottom=[float(height) for height in base],
            label=label,
            color=colour,
        )
        base = [below + height for below, height in zip(base, heights, strict=True)]
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(currency)
    axes.tick_params(axis="x", rotation=45)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return picture(figure, "Statements by month and kind")
