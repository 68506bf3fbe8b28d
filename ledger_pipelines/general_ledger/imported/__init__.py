"""The rules of imported journals: SAF-T and CSV (rules/general_ledger.md, SAF-T; Journals)."""
