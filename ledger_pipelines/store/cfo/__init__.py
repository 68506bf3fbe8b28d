"""The ledger's side of the CFO sync: what is ready, claimed, delivered and failed."""
