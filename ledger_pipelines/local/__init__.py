"""A ledger on this machine: its processes, and how they find each other."""
