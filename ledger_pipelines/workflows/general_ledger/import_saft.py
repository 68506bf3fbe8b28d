"""`ledger import saft`: SAF-T Financial exports into the journal (rules/general_ledger.md, SAF-T)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.imported.comparisons import (
    Comparison,
    compare_accounts,
    compare_openings,
    compare_parties,
)
from ledger_pipelines.general_ledger.imported.keys import SAFT, distinct
from ledger_pipelines.general_ledger.imported.lines import KINDS, Books, journal_of
from ledger_pipelines.general_ledger.imported.masters import account_kind, control_accounts
from ledger_pipelines.general_ledger.imported.opening import opening_day, opening_entry
from ledger_pipelines.general_ledger.journal import Journal, entry_id, entry_ids
from ledger_pipelines.general_ledger.parties import registration_number
from ledger_pipelines.months import FURTHEST_AHEAD, describe_months, month_of
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.files.saft.exports import Export, find_exports
from ledger_pipelines.sources.files.saft.spool import Spool, spooling
from ledger_pipelines.store.accounts import read_accounts
from ledger_pipelines.store.imported_journal import (
    TABLES,
    add_accounts,
    balances_before,
    has_entries_before,
    posting_batches,
    read_imported,
    read_openings,
)
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.parties import register_parties
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.tables.general_ledger import ACCOUNTS
from ledger_pipelines.workflows.general_ledger.company import settle_company, whose_books
from ledger_pipelines.workflows.general_ledger.imported_before import (
    OPERATION,
    conflicts,
    control_accounts_of,
    importing_alone,
    settle_conflicts,
    split_new_and_changed,
)
from ledger_pipelines.workflows.general_ledger.reading_saft import (
    Reading,
    note_repeated,
    parties_of,
    read_export,
)

_compute: Any = pc


@dataclass(slots=True)
class SaftOutcome:
    """What an export brought.

    `added` and `unchanged` count its entries, `lines` those of the added. `opening` is the result of its opening
    balances: posted, unchanged, compared or none. `debit` is what the file's debits sum to, as they stand; `accounts` how
    many accounts are new in the chart.
    """

    name: str
    company: str
    currency: str
    months: list[date]
    debit: Decimal
    added: int = 0
    unchanged: int = 0
    lines: int = 0
    opening: str = "none"
    accounts: int = 0
    comparisons: list[Comparison] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Export:
    """An export that was read, and what it is posted by."""

    reading: Reading
    spool: Spool
    accounts: pa.Table
    controls: Mapping[str, frozenset[str]]
    known: pa.Table

    def batches(self, books: Books) -> Iterator[Journal]:
        """Its entries, a batch at a time."""
        begin = 0
        for batch in self.spool:
            count = batch.entries.num_rows
            yield journal_of(batch.entries, batch.lines, self.reading.revisions.slice(begin, count), books)
            begin += count


@dataclass(slots=True)
class _Plan:
    """What is to be written: the opening entry, and entries in these months beside those that are there."""

    opening: Journal | None = None
    months: set[date] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def import_saft(
    connection: psycopg.Connection,
    paths: Iterable[Path],
    settings: Settings,
    *,
    today: date,
    schema: etree.XMLSchema | None = None,
    on_bytes: Callable[[int], None] | None = None,
    on_posted: Callable[[int], None] = lambda _: None,
) -> Iterator[SaftOutcome]:
    """Imports exports, the earliest first, each whole or not at all; the connection is in autocommit mode.

    Raises LedgerError for the first that is refused: those before it stay. Entries that were imported before with other
    content are integration errors, and nothing of their export is written.
    """
    exports = find_exports(paths, schema=schema, on_bytes=on_bytes)
    with importing_alone(connection):
        for export in exports:
            company = _checked_company(connection, export, settings)
            with spooling() as spool:
                outcome = _import(connection, export, spool, on_posted, today + FURTHEST_AHEAD)
            settle_company(connection, company)
            yield outcome


def _checked_company(connection: psycopg.Connection, export: Export, settings: Settings) -> str:
    """The company's number. Raises LedgerError where the export has none, or is not of these books."""
    header = export.header
    number = registration_number(header.registration_number)
    if number is None:
        raise LedgerError(
            f"{export.name} has no RegistrationNumber of its company: nobody knows whose books it has."
        )
    own = whose_books(connection, settings)
    if own is not None and own != number:
        raise LedgerError(
            f"{export.name} has the books of {header.company} ({number}), and these are the books of {own}: "
            "name a file of this company, or set LEDGER_ORG_NUMBER."
        )
    return number


def _import(
    connection: psycopg.Connection,
    export: Export,
    spool: Spool,
    on_posted: Callable[[int], None],
    latest: date,
) -> SaftOutcome:
    reading = read_export(export, spool, latest)
    accounts = read_accounts(connection)
    controls = control_accounts(reading.parties.values(), control_accounts_of(accounts))
    note_repeated(reading, spool, controls)
    years = [str(year) for year in distinct(reading.entries["year"])]
    work = _Export(reading, spool, accounts, controls, read_imported(connection, SAFT, years))
    outcome = SaftOutcome(
        export.name, export.header.company, reading.currency, reading.months, reading.totals.debit
    )
    plan = _planned(connection, work, outcome)
    _refuse_conflicts(connection, work, plan)
    closed = sorted(plan.months & closed_months(connection))
    if closed:
        raise LedgerError(
            f"{export.name} has entries in {describe_months(closed)}, which is closed: reopen it with `ledger reopen`, "
            "and nothing was imported."
        )
    _post(connection, work, plan, outcome, on_posted)
    settle_conflicts(connection, SAFT, _entry_ids(work))
    outcome.comparisons += [
        *compare_accounts(reading.accounts, reading.movements),
        *compare_parties(reading.parties, reading.movements, controls),
    ]
    outcome.notices += reading.notices
    return outcome


def _registered(connection: psycopg.Connection, work: _Export) -> Books:
    """The books with the parties that the export names, those that are new among them."""
    reading = work.reading
    known = register_parties(connection, parties_of(reading, work.controls)).to_pylist()
    parties = {
        kind: {row["source_id"]: row["party"] for row in known if row["kind"] == kind} for kind in KINDS
    }
    return Books(reading.currency, work.controls, parties, reading.by_date)


def _planned(connection: psycopg.Connection, work: _Export, outcome: SaftOutcome) -> _Plan:
    """What is to be written. Nothing is: the parties that it takes to know are given back."""
    plan = _Plan()
    with connection.transaction(force_rollback=True):
        books = _registered(connection, work)
        _plan_opening(connection, work, books, plan, outcome)
        if work.known.num_rows == 0:
            plan.months |= set(work.reading.months)
            return plan
        for journal in work.batches(books):
            new, differing, before = split_new_and_changed(journal.entries, work.known)
            plan.months |= set(distinct(new["month"]))
            if differing.num_rows:
                plan.problems += conflicts(connection, SAFT, differing, before, journal.lines)
    return plan


def _plan_opening(
    connection: psycopg.Connection, work: _Export, books: Books, plan: _Plan, outcome: SaftOutcome
) -> None:
    """Opening balances are posted once, where the ledger has nothing before them; others are compared."""
    reading = work.reading
    day = opening_day(reading.starts, reading.months, by_date=reading.by_date)
    if day is None:
        return
    opening = opening_entry(
        reading.accounts.values(),
        reading.parties.values(),
        work.controls,
        books.parties,
        currency=reading.currency,
        day=day,
        difference=Chart.of(work.accounts).account("opening_difference"),
    )
    posted = read_openings(connection)
    later = [one for one in posted if one.day > day]
    if later:
        raise LedgerError(
            f"{reading.name} begins on {day}, and the opening balances of {later[0].day} are posted: they contain what "
            "was before. Import the earliest file first, into a ledger without them."
        )
    if opening is None:
        return
    entry = opening.entries.to_pylist()[0]
    earlier = [one for one in posted if one.entry_id == entry["id"]]
    if earlier:
        outcome.opening = "unchanged"
        if earlier[0].content != entry["content"]:
            before = pa.Table.from_pylist([entry], schema=opening.entries.schema)
            plan.problems += conflicts(connection, SAFT, opening.entries, before, opening.lines)
    elif has_entries_before(connection, day):
        outcome.opening = "compared"
        balances = balances_before(connection, day, reading.currency)
        outcome.comparisons += compare_openings(reading.accounts.values(), balances)
    else:
        outcome.opening = "posted"
        plan.opening = opening
        plan.months.add(month_of(day))


def _refuse_conflicts(connection: psycopg.Connection, work: _Export, plan: _Plan) -> None:
    if not plan.problems:
        return
    record_problems(connection, SAFT, OPERATION, plan.problems, is_complete=False)
    more = f" (and {len(plan.problems) - 1:,} more)" if len(plan.problems) > 1 else ""
    raise LedgerError(
        f"{work.reading.name} changes what was imported before, and nothing was imported: "
        f"{plan.problems[0].message}{more}; see `ledger errors list`."
    )


def _entry_ids(work: _Export) -> list[str]:
    """The ids of the file's entries and of its opening balances, as errors name them."""
    reading = work.reading
    day = opening_day(reading.starts, reading.months, by_date=reading.by_date)
    heads = pa.table({"source_id": reading.ids, "revision": reading.revisions})
    heads = heads.append_column("source_system", pa.repeat(pa.scalar(SAFT), heads.num_rows))
    return [*entry_ids(heads).to_pylist(), entry_id(SAFT, f"opening/{day}", 0)]


def _post(
    connection: psycopg.Connection,
    work: _Export,
    plan: _Plan,
    outcome: SaftOutcome,
    on_posted: Callable[[int], None],
) -> None:
    """Writes all that is new in one transaction."""
    months = sorted(plan.months)
    ensure_months(connection, TABLES, months)
    with connection.transaction():
        books = _registered(connection, work)
        outcome.accounts = add_accounts(connection, _accounts(work))
        outcome.unchanged = work.reading.entries.num_rows
        if not months:
            return
        with posting_batches(connection, months) as post:
            if plan.opening is not None:
                post(plan.opening.entries, plan.opening.lines)
            for journal in work.batches(books):
                entries, lines = journal.entries, journal.lines
                if work.known.num_rows:
                    entries = entries.filter(
                        _compute.invert(_compute.is_in(entries["id"], value_set=work.known["id"]))
                    )
                    lines = lines.filter(_compute.is_in(lines["entry_id"], value_set=entries["id"]))
                post(entries, lines)
                outcome.added += entries.num_rows
                outcome.lines += lines.num_rows
                on_posted(lines.num_rows)
        outcome.unchanged -= outcome.added


def _accounts(work: _Export) -> pa.Table:
    """The accounts of the chart, and those that lines or parties name and it lacks."""
    chart = work.reading.accounts
    named = {*chart, *distinct(work.reading.movements["account"])}
    numbers = sorted(named.union(*work.controls.values()))
    rows = []
    for number in numbers:
        account = chart.get(number)
        rows.append(
            {
                "number": number,
                "name": (None if account is None else account.name) or number,
                "kind": account_kind(number, None if account is None else account.standard),
                "control": next((kind for kind in KINDS if number in work.controls[kind]), None),
            }
        )
    return pa.Table.from_pylist(rows, schema=ACCOUNTS.schema)
