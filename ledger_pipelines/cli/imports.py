"""`ledger import`: documents and accounting files that people bring."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli import import_journal, import_saft
from ledger_pipelines.cli.context import console, enter, today

if TYPE_CHECKING:
    from ledger_pipelines.workflows.general_ledger.import_einvoices import FileOutcome, Outcome

app = typer.Typer(help="Takes accounting files and e-invoices into the ledger.", no_args_is_help=True)
app.command()(import_saft.saft)
app.command()(import_journal.journal)

_Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="The files; each is taken whole or refused.")
]
_COLOURS = {"taken": "green", "completed": "green", "unchanged": "dim", "refused": "red"}


@app.command()
def ehf(files: _Files) -> None:
    """Takes e-invoices (EHF 3, Peppol, UBL 2.1 by EN 16931); the good ones of a command are taken all the same."""
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.general_ledger.after_import import update_ledgers
    from ledger_pipelines.workflows.general_ledger.import_einvoices import import_einvoices

    database, settings = enter(), read_settings()
    with database.connect() as connection:
        outcome = import_einvoices(connection, files, settings, today=today())
    _print(outcome)
    update_ledgers(database, settings, outcome.months)
    if not outcome.is_complete:
        sys.exit(1)


def _print(outcome: Outcome) -> None:
    table = Table(title="E-invoices", title_justify="left")
    for name in ("File", "Document", "Party"):
        table.add_column(name)
    table.add_column("Due", justify="right", no_wrap=True)
    for name in ("Month", "Outcome"):
        table.add_column(name, no_wrap=True)
    for one in outcome.files:
        table.add_row(*_cells(one))
    console.print(table)
    for one in outcome.files:
        for sentence in one.reasons:
            message = sentence if one.file in sentence else f"{one.file}: {sentence}"
            console.print(f"[red]Refused:[/] {escape(message)}", highlight=False, soft_wrap=True)
        for notice in one.notices:
            _notice(f"{one.file}: {notice}.")
    for notice in outcome.notices:
        _notice(notice)


def _cells(one: FileOutcome) -> list[str]:
    from ledger_pipelines.money import format_money
    from ledger_pipelines.months import format_month

    document = one.document
    what, due = "", ""
    if document is not None:
        what = f"{document.head.kind.replace('_', ' ')} {document.number}"
        due = format_money(document.totals.payable, document.currency)
    return [
        escape(one.file),
        escape(what),
        escape(one.party or ""),
        due,
        format_month(one.month) if one.month else "",
        f"[{_COLOURS[one.status]}]{one.status}[/]",
    ]


def _notice(sentence: str) -> None:
    console.print(f"[yellow]Notice:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
