"""`ledger import journal`: a CSV journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli.context import console, enter, today

_File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.csv",
        help="UTF-8 with the heading entry,date,account,debit,credit,currency and, where wanted, description, "
        "source_type, source_id, party, kid, reference, invoice_number, due_date.",
    ),
]


def journal(file: _File) -> None:
    """Posts the entries of a CSV file, all or none; one that is there already is left as it is."""
    from ledger_pipelines.money import format_money
    from ledger_pipelines.months import describe_months
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.wording import counted
    from ledger_pipelines.workflows.general_ledger.after_import import update_ledgers
    from ledger_pipelines.workflows.general_ledger.import_journal import import_journal

    database = enter()
    with database.connect() as connection:
        outcome = import_journal(connection, file, today=today())
    update_ledgers(database, read_settings(), outcome.months)
    summary = f"{counted(outcome.added, 'entry', 'entries')} with {counted(outcome.lines, 'line')} posted"
    if outcome.months:
        debits = ", ".join(format_money(amount, currency) for currency, amount in outcome.debits.items())
        summary += f" in {describe_months(outcome.months)}, debits {debits}"
    if outcome.unchanged:
        summary += f"; {counted(outcome.unchanged, 'entry', 'entries')} imported before"
    console.print(f"{escape(outcome.name)}: {summary}.", highlight=False, soft_wrap=True)
