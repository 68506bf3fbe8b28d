"""Documents of statements and of what customers owe: single ones, and all of a month while somebody downloads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, groupby
from typing import Any, Literal
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.exports.archive import FileNames, safe_name, zipped
from ledger_pipelines.exports.party_pdf import party_pdf
from ledger_pipelines.exports.statement_csv import (
    StatementRow,
    quickbooks_csv,
    rows_csv,
    statement_rows,
)
from ledger_pipelines.exports.statement_pdf import Paper, statement_pdf, statement_pdfs
from ledger_pipelines.months import format_month, last_day, month_of
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.billing_runs import edited_since_run
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.client_records import newest_company
from ledger_pipelines.store.queries.documents import (
    latest_month,
    overdue_parties,
    read_party_items,
    read_statements_of,
    reading_long,
    statement_accounts,
)
from ledger_pipelines.workflows.preview import computed_frames

#: Companies, or parties, of one PDF that has all: these are set well within half a minute.
PART = 100
_CHUNK = 100

Format = Literal["csv", "pdf"]


class NoStatementError(LedgerError):
    """There is no such statement, or none of the month."""


@dataclass(frozen=True, slots=True)
class Reads:
    """How documents read: which companies have a statement of a month, and the statements of some with their lines.

    As it is, what the last run wrote.
    """

    accounts: Callable[[psycopg.Connection, date], list[str]] = statement_accounts
    statements: Callable[[psycopg.Connection, date, Sequence[str]], tuple[pa.Table, pa.Table]] = (
        read_statements_of
    )


STORED = Reads()


def present_statements(settings: Settings) -> Reads:
    """Reads the stored statements, and in their place what the rule makes of those that were edited since the run.

    A company whose first statement comes of such an edit has one, too.
    """

    def accounts(connection: psycopg.Connection, month: date) -> list[str]:
        stored = statement_accounts(connection, month)
        if not stored:
            # A month that was never billed is not one that was edited since.
            return []
        waiting = {account for _, account in edited_since_run(connection, [month])}
        new = sorted(waiting.difference(stored))
        if not new:
            return stored
        present, _ = computed_frames(connection, settings, month, new)
        return sorted([*stored, *map(str, present["account_number"].to_pylist())])

    def read(
        connection: psycopg.Connection, month: date, accounts: Sequence[str]
    ) -> tuple[pa.Table, pa.Table]:
        stored = read_statements_of(connection, month, accounts)
        waiting = sorted({account for _, account in edited_since_run(connection, [month])} & set(accounts))
        if not waiting:
            return stored
        computed = computed_frames(connection, settings, month, waiting)
        others = ~pc.field("account_number").isin(waiting)
        statements, lines = (
            pa.concat_tables([frame.filter(others), present.select(frame.column_names).cast(frame.schema)])
            for frame, present in zip(stored, computed, strict=True)
        )
        return statements, lines

    return Reads(accounts, read)


@dataclass(frozen=True, slots=True)
class Document:
    """A file: its name, of letters and digits of any script, `-` and `_`, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One of several files that together have all."""

    document: Document
    number: int
    parts: int


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is made while it is sent; who does not read it to its end closes it."""

    name: str
    content: Iterator[bytes]


def statement_document(
    database: Database,
    account: str,
    month: date | None,
    kind: Literal["csv", "pdf", "quickbooks"],
    read: Reads = STORED,
) -> Document:
    """A company's statement of a month, of the latest with statements where none is given.

    Raises NoStatementError where there is none.
    """
    with database.connect() as connection, reading_long(connection):
        asked = month or latest_month(connection)
        statements, lines = read.statements(connection, asked, [account]) if asked else (None, None)
        if asked is None or statements is None or lines is None or not statements.num_rows:
            raise NoStatementError(_why_none(connection, account, asked, read))
        closed = closed_months(connection)
    stem = _stem(statements.to_pylist()[0])
    if kind == "pdf":
        return Document(f"{stem}.pdf", statement_pdf(_papers(statements, lines, asked in closed)))
    text = rows_csv if kind == "csv" else quickbooks_csv
    suffix = "" if kind == "csv" else "-quickbooks"
    return Document(f"{stem}{suffix}.csv", text(statement_rows(lines, statements)).encode())


def statement_archive(database: Database, month: date | None, kind: Format, read: Reads = STORED) -> Download:
    """All statements of a month, a CSV or PDF each, as a ZIP that is made while it is read: some are in memory at once.

    It shows the month (where none is given, the latest with statements) as it is when this is called.

    Raises NoStatementError where it has no statement.
    """
    asked = _asked(database, month)
    made = _archive(database, asked, kind, read)
    # So that what fails fails before anything is sent.
    first = next(made)
    return Download(f"statements-{format_month(asked)}-{kind}.zip", chain([first], made))


def _archive(database: Database, month: date, kind: Format, read: Reads) -> Iterator[bytes]:
    with database.connect() as connection, reading_long(connection):
        accounts = _accounts(connection, month, read)
        is_final = month in closed_months(connection)
        frames = (read.statements(connection, month, part) for part in _parts(accounts, _CHUNK))
        files = (file for statements, lines in frames for file in _files(statements, lines, kind, is_final))
        names = FileNames()
        yield from zipped(((names.take(stem, kind), content) for stem, content in files), last_day(month))


def _files(
    statements: pa.Table, lines: pa.Table, kind: Format, is_final: bool
) -> Iterator[tuple[str, bytes]]:
    """The name without its ending and the content of each statement's file."""
    if kind == "pdf":
        papers = _papers(statements, lines, is_final)
        yield from zip((_stem(paper.statement) for paper in papers), statement_pdfs(papers), strict=True)
        return
    rows: dict[str, list[StatementRow]] = {
        number: list(of_one) for number, of_one in groupby(statement_rows(lines, statements), key=_number)
    }
    for statement in _ordered(statements):
        yield _stem(statement), rows_csv(rows.get(statement["statement_number"], [])).encode()


def statement_book(database: Database, month: date | None, part: int = 1, read: Reads = STORED) -> Part:
    """All statements of a month in one PDF, or where they are more than PART, the part of that number, from 1.

    Raises NoStatementError where the month has no statement, or not that many parts.
    """
    month = _asked(database, month)
    with database.connect() as connection, reading_long(connection):
        parts = _parts(_accounts(connection, month, read), PART)
        if not 1 <= part <= len(parts):
            raise NoStatementError(
                f"The statements of {format_month(month)} have the parts 1 to {len(parts)}, not {part}."
            )
        statements, lines = read.statements(connection, month, parts[part - 1])
        is_final = month in closed_months(connection)
    content = statement_pdf(_papers(statements, lines, is_final))
    return Part(
        Document(_part_name(f"statements-{format_month(month)}", part, parts), content), part, len(parts)
    )


def party_document(database: Database, party: str, day: date) -> Document:
    """A customer's open items at the end of a day. Raises NoStatementError where it has none."""
    with database.connect() as connection:
        items = read_party_items(connection, day, [party])
    if not items.num_rows:
        raise NoStatementError(f"Nothing of {party!r} is open on {day}: {_how_to_name(party)}")
    return Document(f"account-{safe_name(party)}-{day}.pdf", party_pdf(items, day))


def _how_to_name(party: str) -> str:
    if ":" not in party:
        return f"a customer is written as 'customer:{party}', and found by its name on /ledgers."
    return "choose another customer, found by its name on /ledgers, or a day whose month was reckoned."


def overdue_book(database: Database, day: date, part: int = 1) -> Part:
    """The open items of all customers that have one overdue at the end of a day, in one PDF or in parts.

    Raises NoStatementError where nothing is overdue, or there are not that many parts.
    """
    with database.connect() as connection, reading_long(connection):
        parts = _parts(overdue_parties(connection, day), PART)
        if not parts:
            raise NoStatementError(
                f"Nothing is overdue on {day} in {format_month(month_of(day))}'s customer ledger."
            )
        if not 1 <= part <= len(parts):
            raise NoStatementError(f"What is overdue on {day} has the parts 1 to {len(parts)}, not {part}.")
        items = read_party_items(connection, day, parts[part - 1])
    return Part(Document(_part_name(f"overdue-{day}", part, parts), party_pdf(items, day)), part, len(parts))


def _why_none(connection: psycopg.Connection, account: str, month: date | None, read: Reads) -> str:
    """Why a company has no statement, in a sentence with what to do."""
    if month is None:
        return (
            f"There is no statement for {account!r}: no month has statements yet; run `ledger close MONTH`."
        )
    none = f"There is no statement of {format_month(month)} for {account!r}"
    if not read.accounts(connection, month):
        return f"{none}: the month has none yet; run it, or ask for another."
    if newest_company(connection, account) is None:
        return f"{none}: no company has that account number; check it."
    return f"{none}, and the month was run: /client/{quote(account, safe='')} says why, or ask for another month."


def _asked(database: Database, month: date | None) -> date:
    """The month, or the latest that has statements."""
    if month is not None:
        return month
    with database.connect() as connection:
        latest = latest_month(connection)
    if latest is None:
        raise NoStatementError("No month has statements yet: run `ledger close MONTH`.")
    return latest


def _part_name(stem: str, part: int, parts: Sequence[Any]) -> str:
    return f"{stem}.pdf" if len(parts) == 1 else f"{stem}-{part:03}-of-{len(parts):03}.pdf"


def _accounts(connection: psycopg.Connection, month: date, read: Reads) -> list[str]:
    accounts = read.accounts(connection, month)
    if not accounts:
        raise NoStatementError(
            f"{format_month(month)} has no statement: run `ledger close {format_month(month)}`."
        )
    return accounts


def _parts(items: list[str], size: int) -> list[list[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _papers(statements: pa.Table, lines: pa.Table, is_final: bool) -> list[Paper]:
    of_account: dict[str, list[Any]] = {}
    for line in lines.to_pylist():
        of_account.setdefault(line["account_number"], []).append(line)
    return [Paper(one, of_account.get(one["account_number"], []), is_final) for one in _ordered(statements)]


def _ordered(statements: pa.Table) -> list[dict[str, Any]]:
    return sorted(statements.to_pylist(), key=lambda one: one["account_number"])


def _number(row: StatementRow) -> str:
    return row.number


def _stem(statement: Mapping[str, Any]) -> str:
    """The name of a statement's file without its ending: account, month and company."""
    parts = (
        safe_name(statement["account_number"]),
        format_month(statement["month"]),
        safe_name(statement["company_name"]),
    )
    return "-".join(filter(None, parts))
