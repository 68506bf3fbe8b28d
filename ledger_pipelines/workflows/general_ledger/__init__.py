"""The general ledger: posting, imports, sub-ledgers and reports (rules/general_ledger.md)."""
