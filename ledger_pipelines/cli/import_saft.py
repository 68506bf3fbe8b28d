"""`ledger import saft`: what it shows while it reads, and what it prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ledger_pipelines.cli.context import console, enter, today
from ledger_pipelines.money import format_money
from ledger_pipelines.months import describe_months
from ledger_pipelines.wording import counted

if TYPE_CHECKING:
    from ledger_pipelines.workflows.general_ledger.import_saft import SaftOutcome

_Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="SAF-T files or zips of them; the parts of one export together."),
]
_Schema = Annotated[
    Path | None,
    typer.Option("--validate", metavar="SCHEMA.xsd", help="Refuses what this XML schema refuses."),
]
_OPENING = {
    "posted": "posted",
    "unchanged": "unchanged",
    "compared": "compared with the ledger, which has entries before them",
    "none": "none",
}
#: What a comparison is of, as people read it.
_WHAT = {
    "closing": "opening + lines - stated closing",
    "opening": "stated opening - ledger",
    "missing": "lines, missing from the master files",
}


def saft(files: _Files, schema: _Schema = None) -> None:
    """Takes SAF-T Financial exports (1.0 to 1.30) into the journal; each export is taken whole or refused."""
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.sources.files.saft.exports import read_schema
    from ledger_pipelines.workflows.general_ledger.after_import import update_ledgers
    from ledger_pipelines.workflows.general_ledger.import_saft import import_saft

    database, settings, months = enter(), read_settings(), set[date]()
    compiled = None if schema is None else read_schema(schema)
    try:
        with database.connect() as connection, _progress(files) as (on_bytes, on_posted):
            outcomes = import_saft(
                connection,
                files,
                settings,
                today=today(),
                schema=compiled,
                on_bytes=on_bytes,
                on_posted=on_posted,
            )
            for outcome in outcomes:
                months.update(outcome.months)
                print_saft(outcome)
    finally:
        # Those before one that is refused are posted: their sub-ledgers must not lack them.
        update_ledgers(database, settings, months)


@contextmanager
def _progress(files: list[Path]) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Shows how much was read and posted; of a zip nobody knows before how much it is."""
    is_known = not any(path.suffix.lower() == ".zip" for path in files)
    try:
        total = sum(path.stat().st_size for path in files) if is_known else None
    except OSError:
        # Whoever reads it says so.
        total = None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Reading", total=total)
        posted = 0

        def on_bytes(count: int) -> None:
            progress.update(task, advance=count)

        def on_posted(lines: int) -> None:
            nonlocal posted
            posted += lines
            progress.update(task, description=f"Posting, {counted(posted, 'line')}")

        yield on_bytes, on_posted


def print_saft(outcome: SaftOutcome) -> None:
    """What an export brought, and where it disagrees."""
    summary = f"{counted(outcome.added, 'entry', 'entries')} with {counted(outcome.lines, 'line')} posted"
    if outcome.unchanged:
        summary += f", {outcome.unchanged:,} imported before"
    if outcome.accounts:
        summary += f", {counted(outcome.accounts, 'account')} added to the chart"
    console.print(
        f"{escape(outcome.name)}: {escape(outcome.company)}, {describe_months(outcome.months)}: {summary}; debits "
        f"{format_money(outcome.debit, outcome.currency)}.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"Opening balances: {_OPENING[outcome.opening]}.")
    for notice in outcome.notices:
        console.print(f"[yellow]Notice:[/] {escape(notice)}", highlight=False, soft_wrap=True)
    if not outcome.comparisons:
        console.print("Every stated balance is what its opening and lines give.")
        return
    table = Table(title="Differences, debits positive", title_justify="left")
    for name in ("Of", "Number", "Name", "What"):
        table.add_column(name, overflow="fold")
    table.add_column("Amount", justify="right", no_wrap=True)
    for one in outcome.comparisons:
        amount = format_money(one.amount, outcome.currency)
        table.add_row(one.of, escape(one.subject), escape(one.name), _WHAT[one.what], amount)
    console.print(table)
