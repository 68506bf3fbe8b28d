"""Electronic invoices in UBL 2.1, as the terms of EN 16931 (rules/general_ledger.md, E-invoices)."""
