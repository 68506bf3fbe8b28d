"""The sub-ledgers of some months: read the journal, match, replace the months (rules/general_ledger.md, Sub-ledgers).

A month starts from the last closed month before it and the journal since: what comes late, and what a person says of a
closed month, has its effect in the first open one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.general_ledger.due_dates import Terms
from ledger_pipelines.general_ledger.items import CONTROL_LINES, UNITS, ControlItems, items_of
from ledger_pipelines.general_ledger.matched import Carried, Item, Matching, PersonsMatch
from ledger_pipelines.general_ledger.matching import match
from ledger_pipelines.general_ledger.reconciliation import explained, explained_beside
from ledger_pipelines.general_ledger.sub_ledger import (
    ROWS,
    TRANSACTIONS,
    carried_from,
    decimal_of,
    sub_ledger,
    unowned,
)
from ledger_pipelines.money import format_money
from ledger_pipelines.months import add_months, format_month, last_day, month_of, month_range
from ledger_pipelines.store.copy import schema_of
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.store.queries.sub_ledgers import (
    existing_items,
    read_control_lines,
    read_terms,
    read_transactions,
)
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import TEXT

CUSTOMER, SUPPLIER = "customer_ledger", "supplier_ledger"
RECONCILIATION = "ledger_reconciliation"
TABLES = {"customer": CUSTOMER, "supplier": SUPPLIER}
_NOBODYS = schema_of({"item": TEXT, "account": TEXT, "amount": LEDGER_AMOUNT, "currency": TEXT})
OUTPUT_TABLES = (CUSTOMER, f"{CUSTOMER}_transactions", SUPPLIER, f"{SUPPLIER}_transactions")
INTEGRATION, OPERATION = "ledger", "matching"


@dataclass(frozen=True, slots=True)
class Span:
    """Months that start from the same closed one: what the control accounts have without a row, and the matching."""

    months: list[date]
    without_row: pa.Table
    matching: Matching
    carried: Carried | None


@dataclass(frozen=True, slots=True)
class SubLedgers:
    """The months' rows by table, by spans what has no row, and what a person should look at."""

    frames: Mapping[str, pa.Table]
    spans: list[Span]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class _Read:
    """What is known of the journal up to a month."""

    items: ControlItems
    persons: list[PersonsMatch]
    #: The transactions up to the last closed month, that is computed or before.
    booked: pa.Table
    controls: Mapping[str, str]
    #: Those of people's matches that the whole journal has.
    there: set[str]


def sub_ledgers(
    connection: psycopg.Connection,
    months: Sequence[date],
    closed: frozenset[date],
    *,
    sync_start: date | None = None,
    as_of: date | None = None,
) -> SubLedgers:
    """The sub-ledgers of these months as the journal and people have them now; writes nothing.

    What has no row is that of the months' ends, or of a day (`as_of`); of closed months, what has none in the rows that
    they keep.
    """
    if not months:
        return SubLedgers({table: _empty(table) for table in OUTPUT_TABLES}, [], [])
    read = _read(connection, max(months), closed)
    rows, transactions = [ROWS.empty_table()], [TRANSACTIONS.empty_table()]
    spans: list[Span] = []
    booked = read.booked
    for base, wanted in _by_base(months, closed).items():
        carried = None if base is None else _carried(booked, read.items.items, base)
        items = [item for item in read.items.items if month_of(item.day) <= wanted[-1]]
        matching = match(items, read.persons, carried=carried, sync_start=sync_start)
        first = min([wanted[0], *(month_of(item.day) for item in items)]) if carried is None else carried.day
        found = sub_ledger(matching, month_range(first, add_months(wanted[-1], 1)), carried)
        booked = _rebooked(booked, found.transactions, [month for month in wanted if month not in closed])
        rows.append(rows_of_months(found.rows, wanted))
        transactions.append(rows_of_months(found.transactions, wanted))
        beside = explained_beside(read.items, read.booked, sync_start=sync_start, until=as_of)
        reckoned = explained(read.items, matching, carried, until=as_of)
        for without_row, is_closed in ((beside, True), (reckoned, False)):
            if of_span := [month for month in wanted if (month in closed) == is_closed]:
                spans.append(Span(of_span, without_row, matching, carried))
    frames = _by_table(pa.concat_tables(rows), pa.concat_tables(transactions), read.controls)
    problems = [problem for span in spans for problem in _problems(span)]
    return SubLedgers(frames, spans, problems + _orphans(read, spans[-1]))


def nobodys(found: SubLedgers, month: date) -> pa.Table:
    """The lines that nobody's rows fit by a month's end: `item`, `account`, `amount`, `currency`.

    An amount is positive where it raises the account.
    """
    rows = [
        {
            "item": item.id,
            "account": item.account,
            "amount": decimal_of(item.amount if item.is_raising else -item.amount),
            "currency": item.currency,
        }
        for span in found.spans
        if month in span.months
        for item in unowned(span.matching, last_day(month), span.carried)
    ]
    return pa.Table.from_pylist(rows, _NOBODYS)


def _by_base(months: Sequence[date], closed: frozenset[date]) -> dict[date | None, list[date]]:
    """The months by the last closed month before them; None where there is none."""
    spans: dict[date | None, list[date]] = {}
    for month in sorted(months):
        before = [one for one in closed if one < month]
        spans.setdefault(max(before, default=None), []).append(month)
    return spans


def _read(connection: psycopg.Connection, until: date, closed: frozenset[date]) -> _Read:
    with one_view(connection):
        terms = {party: Terms(*found) for party, found in read_terms(connection).items()}
        lines = read_control_lines(connection, CONTROL_LINES, until)
        persons = [
            PersonsMatch(number, settlement, item, int(amount * UNITS))
            for number, settlement, item, amount in connection.execute(
                "SELECT id, settlement, item, amount FROM payment_matches ORDER BY id"
            ).fetchall()
        ]
        booked = [TRANSACTIONS.empty_table()]
        base = max((month for month in closed if month <= until), default=None)
        if base is not None:
            # Those of open months among closed ones, too: what they allocated is part of what the closed one left.
            booked += [read_transactions(connection, TRANSACTIONS, table, base) for table in TABLES.values()]
        there = existing_items(connection, [name for one in persons for name in (one.settlement, one.item)])
        controls: dict[str, str] = dict(
            connection.execute("SELECT number, control FROM accounts WHERE control IS NOT NULL").fetchall()
        )
    return _Read(items_of(lines, terms), persons, pa.concat_tables(booked), controls, there)


def _carried(booked: pa.Table, items: list[Item], base: date) -> Carried:
    before: pa.Table = booked.filter(pc.less_equal(booked["month"], pa.scalar(base)))
    return carried_from(before, items, add_months(base, 1))


def _rebooked(booked: pa.Table, transactions: pa.Table, months: Sequence[date]) -> pa.Table:
    """The transactions as they will be: of these months, which are open, those that were computed now."""
    others = booked.filter(pc.invert(pc.is_in(booked["month"], value_set=pa.array(months, pa.date32()))))
    both = pa.concat_tables([others, rows_of_months(transactions, months)])
    return both.sort_by([("month", "ascending"), ("item", "ascending"), ("number", "ascending")])


def _by_table(rows: pa.Table, transactions: pa.Table, controls: Mapping[str, str]) -> dict[str, pa.Table]:
    frames = {}
    for control, table in TABLES.items():
        accounts = pa.array([number for number, whose in controls.items() if whose == control], pa.string())
        for name, frame in ((table, rows), (f"{table}_transactions", transactions)):
            frames[name] = frame.filter(pc.is_in(frame["account"], value_set=accounts))
    return frames


def _empty(table: str) -> pa.Table:
    return (TRANSACTIONS if table.endswith("transactions") else ROWS).empty_table()


def _problems(span: Span) -> list[Problem]:
    """What fits several, each with its amount: it is allocated to nothing until a person says to what."""
    found = []
    for one in span.matching.ambiguous:
        if month_of(one.day) in span.months:
            what = _item_label(one.item)
            parties = ", ".join(one.parties)
            several = f"fits rows of {parties}" if len(one.parties) > 1 else f"fits several rows of {parties}"
            message = f"{what} {several}, so it is allocated to none: say which with `ledger match`."
            found.append(_problem("settlement", one.item.id, message, one.day))
    for match_ in span.matching.misfits:
        item = span.matching.items[match_.settlement]
        if month_of(item.day) in span.months:
            message = (
                f"The match {match_.id} of {_item_label(item)} cannot be: {match_.item} is of another party, account or "
                f"currency, or no open item; take it back with `ledger match undo {match_.id}`."
            )
            found.append(_problem("match", str(match_.id), message, item.day))
    return found


def _orphans(read: _Read, span: Span) -> list[Problem]:
    """People's matches of which the journal has one item and not the other: the amount waits for it."""
    found = []
    for one in read.persons:
        there = [
            span.matching.items[name] for name in (one.settlement, one.item) if name in span.matching.items
        ]
        missing = one.item if there and there[0].id == one.settlement else one.settlement
        if len(there) == 1 and missing not in read.there and month_of(there[0].day) in span.months:
            amount = format_money(decimal_of(one.amount), there[0].currency)
            message = (
                f"The match {one.id} keeps {amount} of {there[0].id} for {missing}, which the journal does not have: "
                f"take it back with `ledger match undo {one.id}` if it never will."
            )
            found.append(_problem("match", str(one.id), message, there[0].day))
    return found


def _item_label(item: Item) -> str:
    amount = format_money(decimal_of(item.amount), item.currency)
    return f"{amount} of {item.entry} on {item.account}, {item.day}"


def _problem(kind: str, record: str, message: str, day: date) -> Problem:
    return Problem(
        INTEGRATION, OPERATION, kind, record, message, month=format_month(month_of(day)), is_blocking=False
    )
