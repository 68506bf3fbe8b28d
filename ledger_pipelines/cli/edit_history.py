"""`ledger edits`: who edited what, when, why, and what it was before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ledger_pipelines.cli.context import console, enter
from ledger_pipelines.cli.edits import label
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.printable import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from ledger_pipelines.store.edits.history import RecordedEdit


def edits(
    account: Annotated[
        str | None, typer.Option("--account", help="Of one company, its devices and people.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="YYYY-MM-DD", help="From this day on (UTC).")
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", help="By one person, by their whole name.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many are shown at most.")] = 100,
) -> None:
    """Lists what people edited, the latest first; the console's page /history puts an edit back."""
    from ledger_pipelines.store.edits.history import EditFilter, count_edits, list_edits

    database = enter()
    which = EditFilter(account=account, person=person, since=_day(since))
    found, total = list_edits(database, which, limit=limit), count_edits(database, which)
    for edit in found:
        console.print(_summary(edit), soft_wrap=True)
    if total > len(found):
        console.print(f"And {total - len(found):,} before these: --limit shows more.", style="dim")
    elif not found:
        console.print("Nothing was edited.")


def _day(text: str | None) -> datetime | None:
    from datetime import UTC, datetime

    try:
        return None if text is None else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise LedgerError(f"{text!r} is no day: write it as 2025-03-31.") from None


def _summary(edit: RecordedEdit) -> Text:
    """One edit: when, who, what and why, and below it each field."""
    done = "changed" if edit.is_change else "added" if edit.after is not None else "removed"
    why = f": {edit.reason}" if edit.reason else ""
    head = f"{edit.edited_at:%Y-%m-%d %H:%M} UTC {edit.person} {done} {_row(edit)} (edit {edit.id}){why}"
    fields = (f"{one.field}: {label(one.before)} → {label(one.after)}" for one in edit.changes)
    return Text("\n  ".join(map(one_line, (head, *fields))))


def _row(edit: RecordedEdit) -> str:
    from ledger_pipelines.store.edits.changes import row_label
    from ledger_pipelines.store.edits.tables import ALL
    from ledger_pipelines.workflows.edits import dated

    editable = next((one for one in ALL if one.name == edit.table_name), None)
    if editable is None:
        return f"a row of {edit.table_name.replace('_', ' ')}"
    return row_label(editable, dated(edit.row))
