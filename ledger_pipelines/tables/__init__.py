"""Every table once: what a row is, its key, its columns with a line each, and which of them a person sees first.

Sources fill them, rules take a part, the store keeps them, and assets and pages show them. Not here: partitions, indexes
and constraints, which `sql/` has.
"""

from __future__ import annotations

from ledger_pipelines.tables import (
    accruals,
    billing,
    cfo,
    closing,
    codex,
    crm,
    datto,
    edits,
    freshservice,
    general_ledger,
    invoicing,
    sub_ledgers,
    vendor_invoices,
)
from ledger_pipelines.tables.table import Table

_MODULES = (
    *(codex, freshservice, datto, invoicing, crm, billing, accruals, closing, cfo, edits),
    *(general_ledger, vendor_invoices, sub_ledgers),
)
#: The tables by name.
TABLES: dict[str, Table] = {
    table.name: table for module in _MODULES for table in vars(module).values() if isinstance(table, Table)
}
