"""Paid invoices on their way to the CFO's transactions (rules/cfo_sync.md)."""
