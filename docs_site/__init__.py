"""The documentation site's own code: pages that are written from the ledger's (not part of the package)."""
