"""The general ledger's use cases: importing documents and accounting files, posting, reconciling."""
