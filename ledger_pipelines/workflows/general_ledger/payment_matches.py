"""A person's match of a settlement with an open item, and its undoing (rules/general_ledger.md, Matching, 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.items import CONTROL_LINES, items_of
from ledger_pipelines.general_ledger.matched import Item
from ledger_pipelines.general_ledger.sub_ledger import decimal_of
from ledger_pipelines.money import format_money
from ledger_pipelines.months import last_day
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.sub_ledgers import read_control_lines
from ledger_pipelines.store.snapshots import computed_months
from ledger_pipelines.workflows.general_ledger.sub_ledgers import CUSTOMER, SUPPLIER, nobodys, sub_ledgers
from ledger_pipelines.workflows.general_ledger.verification import open_items


@dataclass(frozen=True, slots=True)
class Match:
    """A person's match as it is kept; the currency is that of its items, where it is known."""

    id: int
    settlement: str
    item: str
    amount: Decimal
    person: str
    note: str | None
    currency: str = ""


def candidates(
    database: Database, today: date, party: str | None, *, sync_start: date | None = None
) -> Sequence[Mapping[str, Any]]:
    """What is open or unallocated in the last month that was computed, by party; then lines of nobody's.

    `party` is a part of a name or id. Each has the columns of `OPEN_ITEMS`; a credit's remaining amount is negative.
    """
    with database.connect() as connection:
        computed = [month for month in computed_months(connection, CUSTOMER) if month <= today]
        if not computed:
            raise LedgerError("The sub-ledgers were never reckoned: run `ledger close MONTH` first.")
        month = computed[-1]
        rows = [
            row
            for table in (CUSTOMER, SUPPLIER)
            for row in open_items(connection, table, last_day(month)).to_pylist()
        ]
        found = sub_ledgers(connection, [month], closed_months(connection), sync_start=sync_start)
    wanted = None if party is None else party.casefold()
    named = [
        row
        for row in rows
        if wanted is None or wanted in row["name"].casefold() or wanted in row["party"].casefold()
    ]
    named.sort(key=lambda row: (row["name"], row["remaining"] < 0, row["due_date"] or date.max, row["item"]))
    if wanted is not None:
        return named
    return [*named, *(_nobodys(row) for row in nobodys(found, month).to_pylist())]


def _nobodys(row: Mapping[str, Any]) -> Mapping[str, Any]:
    nothing = {"name": None, "invoice_number": None, "due_date": None}
    return nothing | {"item": row["item"], "remaining": row["amount"], "currency": row["currency"]}


def add_match(
    database: Database,
    settlement: str,
    item: str,
    amount: Decimal | None,
    *,
    person: str,
    note: str | None = None,
) -> Match:
    """Records that the settlement pays the item so much; where no amount is given, as much as both have.

    Each is named by its item, or by its entry where that has one only. Raises LedgerError where the two cannot be
    matched, or one of them does not have so much left beside what persons matched to others.
    """
    with database.connect() as connection, connection.transaction():
        # One at a time: two at once could match more than there is.
        connection.execute(
            "SELECT set_config('ledger.person', %s, true), pg_advisory_xact_lock(7435, 2)", [person]
        )
        credit, row = (
            _item(connection, settlement, is_raising=False),
            _item(connection, item, is_raising=True),
        )
        if credit.group != row.group:
            raise LedgerError(
                f"{credit.id} is on {credit.account} in {credit.currency}, {row.id} on {row.account} in {row.currency}: "
                "match items of one account and currency."
            )
        if None not in (credit.party, row.party) and credit.party != row.party:
            raise LedgerError(
                f"{credit.id} is of {credit.party}, {row.id} of {row.party}: match items of one party."
            )
        if row.party is None:
            raise LedgerError(f"{row.id} names no party, so it is no open item: correct it in its source.")
        left = {one.id: decimal_of(one.amount) - _matched(connection, one.id) for one in (credit, row)}
        wanted = min(left.values()) if amount is None else amount
        for name, most in left.items():
            if wanted > most or most <= 0:
                raise LedgerError(
                    f"Of {name} people can match {format_money(most, row.currency)} more: say a smaller amount, or take "
                    "another match back with `ledger match undo`."
                )
        inserted = connection.execute(
            """INSERT INTO payment_matches (settlement, item, amount, person, note)
               VALUES (%s, %s, %s, %s, %s) RETURNING id""",
            [credit.id, row.id, wanted, person, note],
        ).fetchall()
    ((number,),) = inserted
    return Match(number, credit.id, row.id, wanted, person, note, row.currency)


def undo_match(database: Database, number: int, *, person: str) -> Match:
    """Takes a match back. Raises LedgerError where there is none."""
    with database.connect() as connection, connection.transaction():
        connection.execute("SELECT set_config('ledger.person', %s, true)", [person])
        row = connection.execute(
            "DELETE FROM payment_matches WHERE id = %s RETURNING id, settlement, item, amount, person, note",
            [number],
        ).fetchone()
        if row is None:
            raise LedgerError(f"There is no match {number}: see `ledger match made`.")
    return Match(*row)


def list_matches(database: Database) -> list[Match]:
    """The matches that people made, in their order."""
    with database.connect() as connection:
        rows = connection.execute(
            """SELECT id, settlement, item, amount, person, note,
                      coalesce((SELECT currency FROM journal_lines l
                                WHERE l.entry_id = substring(m.item from '^(.*):') LIMIT 1), '')
               FROM payment_matches m ORDER BY id"""
        ).fetchall()
    return [Match(*row) for row in rows]


def _item(connection: psycopg.Connection, name: str, *, is_raising: bool) -> Item:
    """The item of this id, or the only one on this side of the entry of this id."""
    entry, _, line = name.rpartition(":")
    is_item = bool(entry) and line.isdigit()
    lines = read_control_lines(
        connection, CONTROL_LINES, date.max, entries=[name, *([entry] if is_item else [])]
    )
    items = items_of(lines).items
    exact = [one for one in items if one.id == name]
    found = exact or [one for one in items if one.entry == name and one.is_raising == is_raising]
    what = "an open item" if is_raising else "a settlement"
    if not found:
        raise LedgerError(f"The journal has no {name} that could be {what}: see `ledger match list`.")
    if len(found) > 1:
        names = ", ".join(one.id for one in found)
        raise LedgerError(f"{name} has several items: say which ({names}).")
    if found[0].is_raising != is_raising:
        raise LedgerError(
            f"{name} is not {what}: name the settlement first, then the open item that it pays."
        )
    return found[0]


def _matched(connection: psycopg.Connection, item: str) -> Decimal:
    row = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM payment_matches WHERE settlement = %(item)s OR item = %(item)s",
        {"item": item},
    ).fetchone()
    return Decimal(0) if row is None else Decimal(row[0])
