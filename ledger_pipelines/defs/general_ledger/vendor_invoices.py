"""Electronic invoices: tables that `ledger import ehf` fills, and no run."""

from __future__ import annotations

import dagster as dg

from ledger_pipelines.orchestration.presentation import OWNER, table_metadata
from ledger_pipelines.tables.vendor_invoices import (
    VENDOR_INVOICE_LINES,
    VENDOR_INVOICE_TAXES,
    VENDOR_INVOICES,
)


@dg.definitions
def vendor_invoices() -> dg.Definitions:
    """The documents, and their VAT and lines."""
    deps: dict[str, list[str]] = {
        VENDOR_INVOICES.name: [],
        VENDOR_INVOICE_TAXES.name: [VENDOR_INVOICES.name],
        VENDOR_INVOICE_LINES.name: [VENDOR_INVOICES.name],
    }
    return dg.Definitions(
        assets=[
            dg.AssetSpec(
                table.name,
                deps=deps[table.name],
                description=f"{table.row} Filled by `ledger import ehf`.",
                group_name="general_ledger",
                owners=[OWNER],
                kinds={"ehf", "postgres"},
                metadata=table_metadata(table),
            )
            for table in (VENDOR_INVOICES, VENDOR_INVOICE_TAXES, VENDOR_INVOICE_LINES)
        ]
    )
