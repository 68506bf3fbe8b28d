"""Accounting files: what people hand over, read strictly and whole."""
