"""`ledger export`: statements, accruals and errors as files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ledger_pipelines.cli.entering import console, enter, months_from, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.wording import counted

app = typer.Typer(help="Writes statements, accruals and errors to files.", no_args_is_help=True)

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
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The statements of a month or a range, a row for each line that is not zero."""
    from ledger_pipelines.cli.run_exports import write_statements

    months = _span(month, start, end)
    count = write_statements(enter(), months, account=account, file_format=file_format, output=output)
    _say_written(output, count, "statement")


@app.command("accruals")
def accruals(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The accruals of a month or a range, a row for each contract and service period."""
    months = _span(month, start, end)
    database = enter()
    from ledger_pipelines.cli.run_exports import write_accruals
    from ledger_pipelines.orchestration.partitions import first_partition

    ledger_months = month_range(first_partition(), add_months(month_of(today()), 1))
    count = write_accruals(
        database, months, ledger_months=ledger_months, file_format=file_format, output=output
    )
    _say_written(output, count, "accrual")


@app.command("errors")
def errors(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = None,
    output: _Output = None,
) -> None:
    """The integration errors: all of them, or those that trouble a month or a range."""
    from ledger_pipelines.cli.run_exports import write_errors

    months = _span(month, start, end) if month or start or end else []
    count = write_errors(enter(), months, file_format=file_format, output=output)
    _say_written(output, count, "integration error")


def _say_written(output: Path | None, count: int, noun: str) -> None:
    # Standard output is the file itself where there is no other.
    if output is not None:
        console.print(
            f"Wrote {counted(count, noun)} to {output}.", highlight=False, soft_wrap=True, markup=False
        )


def _span(month: str | None, start: str | None, end: str | None) -> list[date]:
    if (month is None) == (start is None) or (start is None) != (end is None):
        raise LedgerError("Say which months: --month 2025-03, or --start 2025-01 --end 2025-04.")
    return months_from(month or start or "", None if month else end)
