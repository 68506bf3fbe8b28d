"""Aging, trial balance and journal as sheets (rules/general_ledger.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from ledger_pipelines.exports.spreadsheets import Cell, Money
from ledger_pipelines.general_ledger.aging import COLUMNS as AGING
from ledger_pipelines.general_ledger.aging import age

AGING_COLUMNS = (
    *("As of", "Ledger", "Party", "Name", "Currency"),
    *("Not due", "1-30 days", "31-60 days", "61-90 days", "Over 90 days", "Unallocated credits", "Total"),
)
TRIAL_BALANCE_COLUMNS = (
    *("Month", "Account", "Name", "Currency", "Opening", "Debit", "Credit", "Closing"),
    *("Draft debit", "Draft credit"),
)
#: As `ledger import journal` reads them.
JOURNAL_COLUMNS = (
    *("entry", "date", "account", "debit", "credit", "currency"),
    *("description", "source_type", "source_id", "party"),
    *("reference", "kid", "invoice_number", "due_date"),
)


def aging_rows(items: pa.Table, day: date, ledger: str) -> Iterator[Sequence[Cell]]:
    """The aging of a sub-ledger on a day, a row for each party and currency; `items` are what is left on it."""
    names = dict(zip(items["party"].to_pylist(), items["name"].to_pylist(), strict=True))
    columns = [items[name].to_pylist() for name in ("party", "currency", "due_date", "remaining")]
    for (party, currency), aging in age(zip(*columns, strict=True), day).items():
        amounts = [*(getattr(aging, name) for name in AGING), aging.total]
        yield day, ledger, party, names[party], currency, *(Money(amount, currency) for amount in amounts)


def trial_balance_rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Cell]]:
    """The trial balance with the accounts' names and what of it is draft."""
    for row in rows:
        amounts = ("opening", "debit", "credit", "closing", "draft_debit", "draft_credit")
        head = (row["month"], row["account"], row["name"], row["currency"])
        yield *head, *(Money(row[name], row["currency"]) for name in amounts)


def journal_rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Cell]]:
    """The journal, a row for each line."""
    for row in rows:
        cells = {
            **row,
            **{
                side: None if row[side] is None else Money(row[side], row["currency"])
                for side in ("debit", "credit")
            },
        }
        yield [cells[name] for name in JOURNAL_COLUMNS]
