"""`ledger match`: a person says which settlement pays which open item."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli.context import console, enter, person, today
from ledger_pipelines.cli.listing import print_listing
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import format_amount, format_money

app = typer.Typer(help="Which settlement pays which open item, as a person says.", no_args_is_help=True)

_NEXT = "It holds from the next run of an open month on: `ledger close MONTH`."


@app.command("list")
def list_(
    party: Annotated[str | None, typer.Argument(metavar="[PARTY]", help="Part of its name or id.")] = None,
) -> None:
    """The open items and what is unallocated, by party: what could be matched; below each the item that `add` takes."""
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.general_ledger.payment_matches import candidates

    database = enter()
    rows = candidates(database, today(), party, sync_start=read_settings().sync_start_date)
    if not rows:
        console.print("Nothing is open.")
        return
    cells = [
        (
            row["name"] or "nobody's",
            row["invoice_number"] or "",
            str(row["due_date"] or ""),
            format_amount(row["remaining"], row["currency"]),
            row["currency"],
        )
        for row in rows
    ]
    items = [row["item"] for row in rows]
    headings = ("Party", "Invoice", "Due", "Left", "Cur.")
    print_listing(console, headings, zip(items, cells, strict=True), name="Party", amounts=("Left",))


@app.command("add")
def add(
    settlement: Annotated[str, typer.Argument(help="The payment or credit note: its item, or its entry.")],
    item: Annotated[str, typer.Argument(help="The open item that it pays, or its entry.")],
    amount: Annotated[
        str | None, typer.Argument(metavar="[AMOUNT]", help="How much; as much as both have if not set.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="Why; it is kept with the match.")] = None,
) -> None:
    """Matches a settlement with an open item: ledger match add holded/pay1 holded/5ab391 100.00."""
    from ledger_pipelines.workflows.general_ledger.payment_matches import add_match

    made = add_match(
        enter(),
        settlement,
        item,
        None if amount is None else _parsed(amount),
        person=person(),
        note=note,
    )
    money = format_money(made.amount, made.currency)
    _print(f"Match {made.id}: {money} of {made.settlement} pays {made.item}. {_NEXT}")


@app.command("undo")
def undo(
    number: Annotated[int, typer.Argument(metavar="ID", help="The match's number, as `made` shows it.")],
) -> None:
    """Takes a match back."""
    from ledger_pipelines.workflows.general_ledger.payment_matches import undo_match

    undone = undo_match(enter(), number, person=person())
    _print(f"{undone.settlement} pays {undone.item} no longer as match {number} said. {_NEXT}")


@app.command("made")
def made() -> None:
    """The matches that people made."""
    from ledger_pipelines.workflows.general_ledger.payment_matches import list_matches

    matches = list_matches(enter())
    if not matches:
        console.print("Nobody matched anything.")
    for one in matches:
        note = f": {one.note}" if one.note else ""
        money = format_money(one.amount, one.currency)
        _print(f"{one.id}: {money} of {one.settlement} pays {one.item}, by {one.person}{note}")


def _parsed(text: str) -> Decimal:
    try:
        amount = Decimal(text)
        if (
            amount.is_finite()
            and 0 < amount < Decimal(10) ** 17
            and amount == amount.quantize(Decimal("0.001"))
        ):
            return amount
    except InvalidOperation:
        pass
    raise LedgerError(f"{text!r} is no amount: write a number greater than 0, for example 12.50.")


def _print(sentence: str) -> None:
    console.print(escape(sentence), highlight=False, soft_wrap=True)
