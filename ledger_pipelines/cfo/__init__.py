"""The rules of handing paid invoices to the CFO (rules/cfo_sync.md): what is paid, and what becomes of it there.

Pure: no database, no HTTP, no Dagster, no clock. `payments` says when an invoice is paid, `transactions` maps paid
invoices to the CFO's transactions, `retry` says which failures are temporary, `metrics` what alarms.
"""
