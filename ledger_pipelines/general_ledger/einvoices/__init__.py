"""E-invoices: which are taken, whether their figures agree, and their journal entries
(rules/general_ledger.md, E-invoices).
"""
