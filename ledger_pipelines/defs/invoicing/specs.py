"""The assets that the import steps fill, in the order in which they are read; each step's depend on the one before."""

from __future__ import annotations

import dagster as dg

from ledger_pipelines.orchestration.presentation import month_asset

#: What each is computed from, its group, and the system that it is read from.
_LINEAGE: dict[str, tuple[tuple[str, ...], str, str]] = {
    "services": (("holded",), "invoicing", "holded"),
    "holded_contacts": (("services", "holded"), "invoicing", "holded"),
    "invoices": (("services", "holded"), "invoicing", "holded"),
    "invoice_lines": (("invoices",), "invoicing", "holded"),
    "invoice_payments": (("invoices", "holded"), "invoicing", "holded"),
    "contracts": (("invoice_lines", "holded_contacts"), "invoicing", "arrow"),
    "clients": (("contracts", "4geeks"), "crm", "4geeks"),
    "enrollments": (("clients", "4geeks"), "crm", "4geeks"),
    "external_ids": (("enrollments", "notion"), "crm", "notion"),
}


def import_spec(table: str) -> dg.AssetSpec:
    """The spec of an asset that an import step fills."""
    deps, group, kind = _LINEAGE[table]
    return month_asset(table, deps=deps, group=group, kinds=(kind, "postgres"))
