"""What a finance person looks at: the deferred-revenue waterfall, and what each service recognised."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.exports.bar_charts import Bar, Panel
from ledger_pipelines.frames import matching_rows
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.pictures import picture
from ledger_pipelines.orchestration.previews import amount_metadata, preview

_INVOICED, _RECOGNISED, _CLOSING = "#5aa469", "#b5523f", "#3f6fb5"
_MIDDLE = Decimal("0.5")


def waterfall(deferred: pa.Table) -> dg.MetadataValue[Any]:
    """Deferred revenue by month as a waterfall, a panel for each currency.

    Each month falls or rises from what it opened with: up by what was invoiced, down by what was recognised. `deferred`
    has the columns of deferred_revenue.
    """
    rows = deferred.sort_by([("currency", "ascending"), ("month", "ascending")]).to_pylist()
    panels = [
        _panel([row for row in rows if row["currency"] == currency], currency)
        for currency in sorted({row["currency"] for row in rows})
    ]
    legend = {_INVOICED: "Invoiced", _RECOGNISED: "Recognised", _CLOSING: "Closing"}
    return picture(panels, legend, "Deferred revenue by month")


def _panel(rows: Sequence[dict[str, Any]], currency: str) -> Panel:
    bars = []
    for month, row in enumerate(rows):
        opening, closing = row["opening"], row["closing"]
        top = opening + row["invoiced"]
        bars += [
            Bar(month, min(opening, top), max(opening, top), _INVOICED, right=_MIDDLE),
            Bar(month, min(top, closing), max(top, closing), _RECOGNISED, left=_MIDDLE),
            Bar(month, closing, closing, _CLOSING),
        ]
    return Panel([format_month(row["month"]) for row in rows], currency, bars)


def recognised_by_service(accruals: pa.Table, services: pa.Table) -> dg.MetadataValue[Any]:
    """A month's recognised and pending amounts by service and currency, as a table. `accruals` is of one month."""
    names: Any = matching_rows(accruals, services, {"service_id": "id"})["name"]
    sums = (
        accruals.append_column("service", names.fill_null("(unknown service)"))
        .group_by(["service", "currency"], use_threads=False)
        .aggregate([("recognised", "sum"), ("pending", "sum"), ([], "count_all")])
        .rename_columns(["service", "currency", "recognised", "pending", "contracts"])
        .sort_by([("recognised", "descending"), ("service", "ascending")])
    )
    return preview(sums, ["service", "recognised", "pending", "currency", "contracts"], rows=50)


def notice_table(notices: pa.Table, clients: pa.Table) -> dg.MetadataValue[Any]:
    """Notices and stalled contracts with the clients' names, the largest amounts first."""
    names = matching_rows(notices, clients, {"contact_id": "contact_id"})["name"]
    named = notices.append_column("client", names)
    ordered = named.sort_by([("kind", "ascending"), ("amount", "descending")])
    return preview(ordered, ["kind", "client", "amount", "currency", "message"], rows=50)


def month_totals(deferred: pa.Table) -> dict[str, Any]:
    """What a month recognised and what stays deferred, by currency: as text, and as numbers to draw."""
    rows = deferred.to_pylist()
    return {
        **amount_metadata("recognised", {row["currency"]: row["recognised"] for row in rows}),
        **amount_metadata("deferred", {row["currency"]: row["closing"] for row in rows}),
    }
