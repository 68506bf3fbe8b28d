"""What a finance person looks at: the deferred-revenue waterfall, and what each service recognised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.columns import column, positions, take
from ledger_pipelines.defs.previews import amount_metadata, picture, preview
from ledger_pipelines.months import format_month

_INVOICED, _RECOGNISED, _CLOSING = "#5aa469", "#b5523f", "#3f6fb5"


def waterfall(deferred: pa.Table) -> dg.MetadataValue[Any]:
    """Deferred revenue by month as a waterfall, a panel for each currency.

    Each month falls or rises from what it opened with: up by what was invoiced, down by what was recognised. `deferred`
    has the columns of deferred_revenue.
    """
    from matplotlib.figure import Figure

    rows = deferred.sort_by([("currency", "ascending"), ("month", "ascending")]).to_pylist()
    currencies = sorted({row["currency"] for row in rows})
    figure = Figure(figsize=(8, 0.6 + 2.8 * len(currencies)), dpi=100, layout="constrained")
    panels = figure.subplots(len(currencies), squeeze=False)[:, 0]
    for axes, currency in zip(panels, currencies, strict=True):
        _draw(axes, [row for row in rows if row["currency"] == currency], currency)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return picture(figure, "Deferred revenue by month")


def _draw(axes: Any, rows: Sequence[dict[str, Any]], currency: str) -> None:
    # Pixels, not money.
    places = range(len(rows))
    opening = [float(row["opening"]) for row in rows]
    invoiced = [float(row["invoiced"]) for row in rows]
    recognised = [float(row["recognised"]) for row in rows]
    tops = [start + up for start, up in zip(opening, invoiced, strict=True)]
    axes.bar(
        [place - 0.2 for place in places], invoiced, 0.38, bottom=opening, label="Invoiced", color=_INVOICED
    )
    falls = [-down for down in recognised]
    axes.bar(
        [place + 0.2 for place in places], falls, 0.38, bottom=tops, label="Recognised", color=_RECOGNISED
    )
    axes.hlines(
        [float(row["closing"]) for row in rows],
        [place - 0.4 for place in places],
        [place + 0.4 for place in places],
        label="Closing",
        color=_CLOSING,
    )
    axes.use_sticky_edges = False
    axes.margins(y=0.06)
    axes.axhline(0, color="#999999", linewidth=0.6)
    axes.set_xticks(list(places), [format_month(row["month"]) for row in rows], rotation=45)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel(currency)
    axes.spines[["top", "right"]].set_visible(False)


def recognised_by_service(accruals: pa.Table, services: pa.Table) -> dg.MetadataValue[Any]:
    """A month's recognised and pending amounts by service and currency, as a table. `accruals` is of one month."""
    rows = positions(column(accruals, "service_id"), column(services, "id"))
    names = take(column(services, "name"), rows).fill_null("(unknown service)")
    sums = (
        accruals.append_column("service", names)
        .group_by(["service", "currency"], use_threads=False)
        .aggregate([("recognised", "sum"), ("pending", "sum"), ([], "count_all")])
        .rename_columns(["service", "currency", "recognised", "pending", "contracts"])
        .sort_by([("recognised", "descending"), ("service", "ascending")])
    )
    return preview(sums, ["service", "recognised", "pending", "currency", "contracts"], rows=50)


def notice_table(notices: pa.Table, clients: pa.Table) -> dg.MetadataValue[Any]:
    """Notices and stalled contracts with the clients' names, the largest amounts first."""
    rows = positions(column(notices, "contact_id"), column(clients, "contact_id"))
    named = notices.append_column("client", take(column(clients, "name"), rows))
    ordered = named.sort_by([("kind", "ascending"), ("amount", "descending")])
    return preview(ordered, ["kind", "client", "amount", "currency", "message"], rows=50)


def month_totals(deferred: pa.Table) -> dict[str, Any]:
    """What a month recognised and what stays deferred, by currency: as text, and as numbers to draw."""
    rows = deferred.to_pylist()
    return {
        **amount_metadata("recognised", {row["currency"]: row["recognised"] for row in rows}),
        **amount_metadata("deferred", {row["currency"]: row["closing"] for row in rows}),
    }
