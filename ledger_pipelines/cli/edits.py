"""`ledger plans`, `ledger overrides` and `ledger items`: what people edit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli.context import console, enter, person
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, parse_month

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from ledger_pipelines.store.edits.editing import Editor
    from ledger_pipelines.store.edits.tables import Editable
    from ledger_pipelines.workflows.edits import Edited

plans = typer.Typer(help="Billing plans with their rates, beside those of Codex.", no_args_is_help=True)
overrides = typer.Typer(
    help="What is agreed with one company, device or person in place of the plan.", no_args_is_help=True
)
items = typer.Typer(
    help="What is billed beside a snapshot: charges, devices and people that Codex does not have.",
    no_args_is_help=True,
)

_Fields = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME… FIELD=VALUE…", help="What names it, then fields; FIELD= takes a value away."
    ),
]
_Name = Annotated[list[str], typer.Argument(metavar="NAME…", help="What names it, as `list` shows it.")]
_Account = Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="One company's only.")]
_From = Annotated[
    str | None, typer.Option("--from-month", help="From when it holds: YYYY-MM; else in all open months.")
]
_NEXT = "It holds from the next run of an open month on: `ledger close MONTH`."
_Id = Annotated[int | None, typer.Option("--id", help="Which, where several have the same name.")]
_Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept with the edit.")]
_Override = Annotated[Literal["client", "asset", "user", "feature"], typer.Argument(help="Of what.")]
_Item = Annotated[Literal["charge", "asset", "user"], typer.Argument(help="What it is.")]


@plans.command("list")
def list_plans() -> None:
    """The plans that were entered here, each with its rates."""
    from ledger_pipelines.store.edits.tables import PLANS

    _list({"plan": PLANS}, None)


@plans.command("set")
def set_plan(words: _Fields, from_month: _From = None, reason: _Reason = None) -> None:
    """Sets rates of a plan: ledger plans set Gold "1 Year" per_user_cost=10. Without a term it is Month to Month."""
    from ledger_pipelines.store.edits.tables import PLANS

    _set(PLANS, words, from_month, None, reason)


@plans.command("remove")
def remove_plan(words: _Name, from_month: _From = None, reason: _Reason = None) -> None:
    """Removes a plan: ledger plans remove Gold "1 Year"."""
    from ledger_pipelines.store.edits.tables import PLANS

    _remove(PLANS, words, from_month, None, reason)


@overrides.command("list")
def list_overrides(account: _Account = None) -> None:
    """The overrides, each with what it sets."""
    from ledger_pipelines.store.edits.tables import OVERRIDES

    _list(OVERRIDES, account)


@overrides.command("set")
def set_override(of: _Override, words: _Fields, from_month: _From = None, reason: _Reason = None) -> None:
    """Sets what is agreed: ledger overrides set client 620547 per_user_cost=12 billing_plan=Gold."""
    from ledger_pipelines.store.edits.tables import OVERRIDES

    _set(OVERRIDES[of], words, from_month, None, reason)


@overrides.command("remove")
def remove_override(of: _Override, words: _Name, from_month: _From = None, reason: _Reason = None) -> None:
    """Removes an override: ledger overrides remove asset 1234."""
    from ledger_pipelines.store.edits.tables import OVERRIDES

    _remove(OVERRIDES[of], words, from_month, None, reason)


@items.command("list")
def list_items(account: _Account = None) -> None:
    """The charges, devices and people that are billed beside the snapshots."""
    from ledger_pipelines.store.edits.tables import ITEMS

    _list(ITEMS, account)


@items.command("set")
def set_item(
    of: _Item, words: _Fields, from_month: _From = None, row_id: _Id = None, reason: _Reason = None
) -> None:
    """Sets an item: ledger items set charge 620547 Monitoring monthly_fee=49."""
    from ledger_pipelines.store.edits.tables import ITEMS

    _set(ITEMS[of], words, from_month, row_id, reason)


@items.command("remove")
def remove_item(
    of: _Item, words: _Name, from_month: _From = None, row_id: _Id = None, reason: _Reason = None
) -> None:
    """Removes an item: ledger items remove charge 620547 Monitoring."""
    from ledger_pipelines.store.edits.tables import ITEMS

    _remove(ITEMS[of], words, from_month, row_id, reason)


def _list(kinds: Mapping[str, Editable], account: str | None) -> None:
    """The rows of these kinds, of one company or all, each with what it sets."""
    from ledger_pipelines.workflows.edits import counting_fields, edited_rows

    database = enter()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Kind", "Of", "From", "Sets"):
        table.add_column(heading, no_wrap=heading in ("Kind", "From"), overflow="fold")
    for kind, editable in kinds.items():
        for row in edited_rows(database, editable, account):
            since = row["from_month"]
            number = f" (id {row['id']})" if "id" in row else ""
            of = " / ".join(str(row[name]) for name in editable.key) + number
            sets = ", ".join(f"{name} {label(row[name])}" for name in counting_fields(editable, row))
            table.add_row(kind, escape(of), "" if since is None else format_month(since), escape(sets))
    if table.row_count:
        console.print(table)
    else:
        whose = "" if account is None else f" for {escape(account)}"
        console.print(f"Nothing is edited{whose}.")


def _set(
    editable: Editable, words: list[str], from_month: str | None, row_id: int | None, reason: str | None
) -> None:
    from ledger_pipelines.workflows.edits import set_edit, split_words

    database = enter()
    names, fields = split_words(editable, words)
    _print(
        editable,
        set_edit(
            database,
            editable,
            names,
            fields,
            from_month=_month(from_month),
            row_id=row_id,
            by=_editor(reason),
        ),
    )


def _remove(
    editable: Editable, words: list[str], from_month: str | None, row_id: int | None, reason: str | None
) -> None:
    from ledger_pipelines.workflows.edits import remove_edit, split_words

    database = enter()
    names, fields = split_words(editable, words)
    if fields:
        raise LedgerError(
            f"{next(iter(fields))} is no part of the {editable.row}'s name: `set` it to nothing instead."
        )
    month = _month(from_month)
    by = _editor(reason)
    _print(editable, remove_edit(database, editable, names, from_month=month, row_id=row_id, by=by))


def _editor(reason: str | None) -> Editor:
    from ledger_pipelines.store.edits.editing import Editor

    return Editor(person(), reason)


def _month(text: str | None) -> date | None:
    return None if text is None else parse_month(text)


def _print(editable: Editable, edited: Edited) -> None:
    """What was done, each field that changed, and what follows from it."""
    from ledger_pipelines.store.edits.changes import row_label

    before, after = edited.edit.before, edited.edit.after
    done = "Removed" if after is None else "Added" if before is None else "Changed"
    lines = [f"{done} {row_label(editable, after or before or {})}."]
    for name in editable.fields:
        was, is_ = ((row or {}).get(name) for row in (before, after))
        is_default = before is None and not is_ and editable.switch_of(name) is None
        if was != is_ and not is_default:
            lines.append(f"  {name}: {label(was)} → {label(is_)}")
    console.print(escape("\n".join([*lines, *edited.notes, _NEXT])), highlight=False, soft_wrap=True)


def label(value: object) -> str:
    """A value as a line of text has it."""
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value != value.to_integral() else f"{value:.0f}"
    return str(value).lower() if isinstance(value, bool) else str(value)
