"""`ledger export statements` as documents: a PDF, or a ZIP with one for each company."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from ledger_pipelines.cli.context import console
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import replaced
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.documents import statement_archive, statement_book, statement_document


def write_papers(
    database: Database, months: Sequence[date], account: str | None, file_format: str, output: Path | None
) -> None:
    """Writes a month's statements to the file, and says so; raises LedgerError where it cannot be."""
    if len(months) != 1:
        raise LedgerError(f"A {file_format} is of one month: say --month.")
    if output is None:
        raise LedgerError(f"A {file_format} needs a file: name it with -o.")
    content = _content(database, months[0], account, file_format)
    try:
        with replaced(output) as beside, beside.open("wb") as file:
            file.writelines(content)
    except OSError as error:
        raise LedgerError(
            f"{output} cannot be written: {error.strerror}; choose another file with -o."
        ) from None
    console.print(f"Wrote {output}.", highlight=False, soft_wrap=True, markup=False)


def _content(database: Database, month: date, account: str | None, file_format: str) -> Iterable[bytes]:
    if account is not None and file_format == "zip":
        raise LedgerError("A ZIP is of all companies: leave --account out, or write a PDF.")
    if account is not None:
        return [statement_document(database, account, month, "pdf").content]
    if file_format == "zip":
        return statement_archive(database, month, "pdf").content
    book = statement_book(database, month)
    if book.parts > 1:
        raise LedgerError(
            "That are too many statements for one PDF: write a ZIP, or one company's with --account."
        )
    return [book.document.content]
