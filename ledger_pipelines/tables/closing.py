"""The ledger's months: open, or closed for good."""

from __future__ import annotations

from ledger_pipelines.tables.table import DATE, INSTANT, TEXT, Column, Table

LEDGER_PERIODS = Table(
    "ledger_periods",
    "A row is a month of the ledger: open, or closed for good by somebody; `ledger months` shows the same.",
    key=("month",),
    columns=(
        Column("month", DATE, "the month, by its first day"),
        Column(
            "status",
            TEXT,
            "open, or closed: from then on its rows are compared and never rewritten",
            default="'open'::text",
        ),
        Column("closed_at", INSTANT, "when it was closed for good", is_optional=True),
        Column("closed_by", TEXT, "who closed it", is_optional=True),
    ),
    is_monthly=False,
)
