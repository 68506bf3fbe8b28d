"""Who a client is, and what the memberships of 4Geeks say of their service (rules/accruals.md, Service periods).

Pure: frames in, frames and problems out. The contacts that invoices are made out to become clients, and cohort
memberships service periods, which are what contracts are recognised by.
"""
