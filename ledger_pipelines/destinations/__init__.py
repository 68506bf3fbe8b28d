"""Systems that the ledger writes to. Each write is idempotent, and rows that are not ours are never changed."""
