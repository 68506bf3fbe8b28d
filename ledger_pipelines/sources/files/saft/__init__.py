"""SAF-T Financial, the Norwegian standard audit file, read as a stream (rules/general_ledger.md, SAF-T)."""
