"""Files that people bring: accounting files, e-invoices and journals. Each is taken whole or refused whole."""
