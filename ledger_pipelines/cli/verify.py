"""`ledger verify`: general ledger against sub-ledgers."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli.context import console, enter, today
from ledger_pipelines.cli.listing import print_listing
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import format_amount, format_money
from ledger_pipelines.wording import counted

if TYPE_CHECKING:
    from ledger_pipelines.workflows.general_ledger.verification import Verification

_AMOUNTS = ("ledger_balance", "sub_ledger_balance", "difference", "unexplained")
#: What may explain a difference, as people read it.
_REASONS = {
    "manual": "manual lines",
    "before_sync_start": "before LEDGER_SYNC_START_DATE",
    "openings": "openings",
    "party_not_found": "lines without a party",
}


def verify(
    days: Annotated[
        int, typer.Option("--days", min=0, max=3660, help="List the entries of so many days before, too.")
    ] = 7,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="YYYY-MM-DD; the last day that was reckoned if not set.")
    ] = None,
) -> None:
    """Compares general ledger and sub-ledgers; exits with 1 where anything is unexplained."""
    day = None if as_of is None else parse_day(as_of)
    database = enter()
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.general_ledger.verification import verify as compare

    found = compare(database, today=today(), as_of=day, days=days, sync_start=read_settings().sync_start_date)
    _print(found, days)
    if found.unexplained:
        raise LedgerError(
            f"Nothing explains what the general ledger has and the sub-ledger has not on {'; '.join(found.unexplained)}: "
            "materialise the month anew, and look for rows that were altered by hand."
        )


def parse_day(text: str) -> date:
    """The day. Raises LedgerError where the text is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise LedgerError(f"{text!r} is no day: write it as YYYY-MM-DD, for example 2025-03-31.") from None


def _print(found: Verification, days: int) -> None:
    _print_accounts(found)
    if found.entries:
        _print_entries(found.entries)
    else:
        console.print(f"No entry on a control account in the {counted(days, 'day')} up to {found.day}.")


def _print_accounts(found: Verification) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"As of {found.day}", title_justify="left")
    table.add_column("Account")
    # Without lines between the columns: no amount may be cut on a narrow terminal.
    for heading in ("Ledger", "Sub-ledger", "Difference", "Unexplained"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Cur.", no_wrap=True)
    for row in found.rows:
        amounts = [format_amount(row[name], row["currency"]) for name in _AMOUNTS]
        table.add_row(escape(row["account"]), *amounts, row["currency"])
    console.print(table)
    for row in found.rows:
        reasons = [
            f"{reason} {format_money(row[name], row['currency'])}"
            for name, reason in _REASONS.items()
            if row[name]
        ]
        if reasons:
            console.print(
                f"{row['account']} is explained by {', '.join(reasons)}.", highlight=False, soft_wrap=True
            )


def _print_entries(entries: list[dict[str, Any]]) -> None:
    console.print("Entries on control accounts", style="italic", highlight=False)
    cells = [
        (
            str(row["day"]),
            row["account"],
            row["who"],
            format_amount(row["amount"], row["currency"]),
            "no row" if row["left"] is None else format_amount(row["left"], row["currency"]),
            row["currency"],
        )
        for row in entries
    ]
    ids = [row["entry"] for row in entries]
    headings = ("Date", "Account", "Party or text", "Amount", "Left", "Cur.")
    print_listing(
        console,
        headings,
        zip(ids, cells, strict=True),
        name="Party or text",
        amounts=("Amount", "Left"),
    )
