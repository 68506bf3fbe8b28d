"""A ledger on this machine."""
