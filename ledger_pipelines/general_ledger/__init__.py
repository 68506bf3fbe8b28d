"""The rules of the general ledger and its sub-ledgers (rules/general_ledger.md). Pure: frames in, frames out."""
