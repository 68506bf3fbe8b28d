"""`ledger export`: statements, accruals, errors and the general ledger as files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger_pipelines.cli.context import console, enter, months_from, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import replaced
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.wording import counted

if TYPE_CHECKING:
    from ledger_pipelines.workflows.exports import Export

app = typer.Typer(
    help="Writes statements, accruals, errors and the general ledger to files.", no_args_is_help=True
)

#: Formats of rows, and of documents.
_SHEETS, _PAPERS = ("csv", "xlsx"), ("pdf", "zip")

_OneMonth = Annotated[str | None, typer.Option("--month", help="YYYY-MM.")]
_Start = Annotated[str | None, typer.Option("--start", help="First month of a range.")]
_End = Annotated[str | None, typer.Option("--end", help="Where the range ends; not included.")]
_Format = Annotated[
    str | None, typer.Option("--format", help="csv or xlsx; as the file is named if not set, else csv.")
]
_Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to; standard output if not set.")]


@app.command("statements")
def statements(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    account: Annotated[str | None, typer.Option(help="Only this company's statement.")] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, xlsx, pdf, or zip with a PDF for each company; as the file is named if not set, else csv.",
        ),
    ] = None,
    output: _Output = None,
) -> None:
    """The statements of a month or a range, a row for each line that is not zero; or of a month, as on paper."""
    from ledger_pipelines.workflows.exports import export_statements

    months = _span(month, start, end)
    file_format = chosen_format(file_format, output, (*_SHEETS, *_PAPERS))
    if file_format in _PAPERS:
        from ledger_pipelines.cli.papers import write_papers

        write_papers(enter(), months, account, file_format, output)
        return
    write_export(export_statements(enter(), months, account), file_format, output, "statement")


@app.command("accruals")
def accruals(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The accruals of a month or a range, a row for each contract and service period."""
    months, file_format = _span(month, start, end), chosen_format(file_format, output)
    database = enter()
    from ledger_pipelines.store.migrations import read_first_month
    from ledger_pipelines.workflows.exports import export_accruals

    with database.connect() as connection:
        first = read_first_month(connection)
    ledger_months = month_range(first, add_months(month_of(today()), 1))
    write_export(export_accruals(database, months, ledger_months), file_format, output, "accrual")


@app.command("errors")
def errors(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The integration errors: all of them, or those that trouble a month or a range."""
    from ledger_pipelines.workflows.exports import export_errors

    months = _span(month, start, end) if month or start or end else []
    file_format = chosen_format(file_format, output)
    write_export(export_errors(enter(), months), file_format, output, "integration error")


@app.command("aging")
def aging(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """How old what is owed is at a month's end, or at those of a range, a row for each party."""
    _write_ledger("aging", _span(month, start, end), file_format, output, "row")


@app.command("trial-balance")
def trial_balance(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The trial balance of a month or a range, a row for each account, with how much of it is draft."""
    _write_ledger("trial-balance", _span(month, start, end), file_format, output, "row")


@app.command("journal")
def journal(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The journal of a month or a range, a row for each line, as `ledger import journal` reads it."""
    _write_ledger("journal", _span(month, start, end), file_format, output, "line")


def _write_ledger(
    name: str, months: list[date], file_format: str | None, output: Path | None, noun: str
) -> None:
    file_format = chosen_format(file_format, output)
    database = enter()
    from ledger_pipelines.workflows.general_ledger.exports import EXPORTS

    write_export(EXPORTS[name](database, months), file_format, output, noun)


def _span(month: str | None, start: str | None, end: str | None) -> list[date]:
    if (month is None) == (start is None) or (start is None) != (end is None):
        raise LedgerError("Say which months: --month 2025-03, or --start 2025-01 --end 2025-04.")
    return months_from(month or start or "", None if month else end)


def chosen_format(file_format: str | None, output: Path | None, formats: Sequence[str] = _SHEETS) -> str:
    """The format, which the file's name says where nobody does. Raises LedgerError where they are at odds."""
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    chosen = file_format or suffix or "csv"
    if chosen not in formats:
        raise LedgerError(f"{chosen!r} is no format: choose {', '.join(formats[:-1])} or {formats[-1]}.")
    if chosen == "xlsx" and output is None:
        raise LedgerError("A workbook needs a file: name it with -o.")
    if chosen in _PAPERS and output is None:
        raise LedgerError(f"A {chosen} needs a file: name it with -o.")
    if suffix in formats and suffix != chosen:
        raise LedgerError(f"{output} would be {chosen}: name the file .{chosen}, or leave --format out.")
    return chosen


def write_export(export: Export, file_format: str, output: Path | None, noun: str) -> None:
    """Writes to the file, or to standard output, and says what was written.

    The file is written beside the one that is there and moved into its place; text is UTF-8, whatever the locale.
    Raises LedgerError where it cannot be written.
    """
    try:
        if output is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(export.csv().encode())
            sys.stdout.buffer.flush()
            # Standard output is the file itself, so no message goes there.
            return
        with replaced(output) as beside:
            if file_format == "csv":
                beside.write_bytes(export.csv().encode())
            else:
                export.write_xlsx(beside)
    except OSError as error:
        where = "Standard output" if output is None else output
        raise LedgerError(
            f"{where} cannot be written: {error.strerror}; choose another file with -o."
        ) from None
    console.print(
        f"Wrote {counted(export.count, noun)} to {output}.", highlight=False, soft_wrap=True, markup=False
    )
