"""All books in one file, and back: what the file is, how it is filled, and how a ledger is made of it."""

from ledger_pipelines.store.backup.archive import Archive, Manifest, TableEntry
from ledger_pipelines.store.backup.dump import LEFT_OUT, dump_books
from ledger_pipelines.store.backup.load import load_books, require_known

__all__ = ["LEFT_OUT", "Archive", "Manifest", "TableEntry", "dump_books", "load_books", "require_known"]
