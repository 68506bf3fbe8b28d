"""Clients of the outside systems: HTTP in, frames out.

One module for each system, with its wire models beside it; what they share is `http` (the exchange itself),
`frames` (records to frames, one problem for each record that cannot be read) and `base` (what every source
can say of itself). Not here: the database, Dagster, the rules, and the environment: settings are arguments.
"""
