"""The rules of billing (rules/billing.md): whole months of data in, statements out.

Pure: no database, no HTTP, no Dagster, no clock, no environment. `inputs` says what the rule reads, `outputs`
what it gives, `statements` ties the charges together; each charge has a module of its own.
"""
