"""What edits would make of statements: the same rule, the months' own snapshots, and nothing is written.

Everything is read as it is at one moment, in transactions that cannot write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines.errors import ClosedMonthError
from ledger_pipelines.months import describe_months
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.billing_runs import edited_since_run
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.queries.statement_lists import companies_on
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.workflows.billing import read_hours, read_inputs
from ledger_pipelines.workflows.proposals import Proposal, with_proposals

#: What a statement charges, by kind, and the total.
CHARGED = (
    *("total_user_charges", "total_asset_charges", "ticket_charge", "backup_charge"),
    *("total_line_item_charges", "total"),
)
_LINE = ("source_type", "source_id")
_NOTHING = Decimal(0)
#: Naming this many companies in each query takes longer than reading all.
_MANY = 1_000
#: How many of the companies whose total a plan's edit changes are named.
_LARGEST = 10

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """A company's statement of a month (`billing_statements`) with its lines (`billing_statement_lines`)."""

    row: Row
    lines: Sequence[Row]


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line that comes (`before` is None), goes (`after` is None) or changes."""

    before: Row | None
    after: Row | None

    @property
    def difference(self) -> Decimal:
        """By how much the statement changes by it."""
        return _of(self.after, "amount") - _of(self.before, "amount")


@dataclass(frozen=True, slots=True)
class PreviewedMonth:
    """A month's statement before and after; None where there is, or would be, none. `problems` are sentences on what
    could not be billed as it would stand.
    """

    month: date
    before: Statement | None
    after: Statement | None
    problems: Sequence[str]

    @property
    def difference(self) -> Decimal:
        """By how much the total changes."""
        return self.charged_difference("total")

    def charged_difference(self, name: str) -> Decimal:
        """By how much one of CHARGED changes."""
        before, after = (None if one is None else one.row for one in (self.before, self.after))
        return _of(after, name) - _of(before, name)

    @property
    def lines(self) -> list[LineChange]:
        """The lines that come, go and change, the largest difference first."""
        before, after = (_by_source(one) for one in (self.before, self.after))
        changes = [
            LineChange(before.get(source), after.get(source))
            for source in sorted({*before, *after})
            if before.get(source) != after.get(source)
        ]
        return sorted(changes, key=lambda one: -abs(one.difference))


@dataclass(frozen=True, slots=True)
class CompanyDifference:
    """A company whose total a plan's edit changes; None where it has, or would have, no statement."""

    account_number: str
    company_name: str
    before: Decimal | None
    after: Decimal | None

    @property
    def difference(self) -> Decimal:
        """By how much its total changes."""
        return (self.after or _NOTHING) - (self.before or _NOTHING)


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What edits of plans change in a month: how many companies are on them, how many of these change, by how much in
    all, and which most.
    """

    month: date
    companies: int
    changed: int
    difference: Decimal
    largest: Sequence[CompanyDifference]


def preview(
    database: Database,
    settings: Settings,
    account: str,
    months: Sequence[date],
    proposals: Sequence[Proposal],
) -> list[PreviewedMonth]:
    """A company's statements of these open months, as they are by all that is saved, and as these edits would make them.

    Raises ClosedMonthError where a month is closed, LedgerError where an edit would be refused.
    """
    with pooled_connection(database) as connection, one_view(connection):
        closed = _open_only(connection, months)
        inputs = _read(connection, months, closed, [account])
        waiting = edited_since_run(connection, months, account)
        stored = {} if waiting else stored_statements(connection, months, account)
    changed = bill(with_proposals(inputs, proposals), months, currency=settings.currency)
    after = statements_of(changed, account)
    if waiting:
        before = (
            statements_of(bill(inputs, months, currency=settings.currency), account) if proposals else after
        )
    else:
        before = stored
    return [
        PreviewedMonth(month, before.get(month), after.get(month), _sentences(changed, account, month))
        for month in sorted(months)
    ]


def computed_statements(
    connection: psycopg.Connection, settings: Settings, account: str, months: Sequence[date]
) -> dict[date, Statement]:
    """A company's statements of these open months by all that is saved, whether or not a run has written them."""
    inputs = _read(connection, months, closed_months(connection), [account])
    return statements_of(bill(inputs, months, currency=settings.currency), account)


def why_unbilled(connection: psycopg.Connection, settings: Settings, account: str, month: date) -> list[str]:
    """Sentences on why a company has no statement of an open month by all that is saved; none where it is inactive."""
    inputs = _read(connection, [month], closed_months(connection), [account])
    return _sentences(bill(inputs, [month], currency=settings.currency), account, month)


def computed_frames(
    connection: psycopg.Connection, settings: Settings, month: date, accounts: Sequence[str]
) -> tuple[pa.Table, pa.Table]:
    """The statements of these companies for an open month, and their lines, by all that the connection sees saved."""
    inputs = _read(connection, [month], closed_months(connection), accounts)
    result = bill(inputs, [month], currency=settings.currency)
    are_theirs = pc.field("account_number").isin(list(accounts))
    return result.statements.filter(are_theirs), result.lines.filter(are_theirs)


def preview_plans(
    database: Database, settings: Settings, month: date, plans: Sequence[str], proposals: Sequence[Proposal]
) -> PlanPreview:
    """What these edits of the plans of these names would change of an open month's statements, over all companies.

    Raises ClosedMonthError where it is closed, LedgerError where an edit would be refused.
    """
    with pooled_connection(database) as connection, one_view(connection):
        closed = _open_only(connection, [month])
        accounts = companies_on(connection, month, plans)
        if not accounts:
            return PlanPreview(month, 0, 0, _NOTHING, [])
        inputs = _read(connection, [month], closed, accounts)
        waiting = bool(edited_since_run(connection, [month]))
        columns = ["account_number", "company_name", "total"]
        stored = read_months(connection, "billing_statements", [month], columns)
    is_on_them = pc.field("account_number").isin(accounts)
    changed = bill(with_proposals(inputs, proposals), [month], currency=settings.currency)
    after = changed.statements.filter(is_on_them)
    before = (bill(inputs, [month], currency=settings.currency).statements if waiting else stored).filter(
        is_on_them
    )
    differences = [one for one in _differences(before, after) if one.before != one.after]
    return PlanPreview(
        month,
        len(accounts),
        len(differences),
        sum((one.difference for one in differences), _NOTHING),
        sorted(differences, key=lambda one: (-abs(one.difference), one.account_number))[:_LARGEST],
    )


def stored_statements(
    connection: psycopg.Connection, months: Sequence[date], account: str
) -> dict[date, Statement]:
    """A company's statements of these months as the last run wrote them."""
    of_it = {"account_number": [account]}
    statements = read_months(connection, "billing_statements", months, only=of_it)
    lines = read_months(connection, "billing_statement_lines", months, only=of_it)
    return _together(statements, lines)


def statements_of(result: BillingResult, account: str) -> dict[date, Statement]:
    """A company's statements of a result, by month."""
    is_its = pc.field("account_number") == account
    return _together(result.statements.filter(is_its), result.lines.filter(is_its))


def _together(statements: pa.Table, lines: pa.Table) -> dict[date, Statement]:
    by_month: dict[date, list[Row]] = {}
    ordered: list[Any] = lines.sort_by([(name, "ascending") for name in ("kind", *_LINE)]).to_pylist()
    for line in ordered:
        by_month.setdefault(line["month"], []).append(line)
    rows: list[Any] = statements.to_pylist()
    return {row["month"]: Statement(row, by_month.get(row["month"], [])) for row in rows}


def _open_only(connection: psycopg.Connection, months: Sequence[date]) -> frozenset[date]:
    closed = closed_months(connection)
    if refused := sorted(closed.intersection(months)):
        raise ClosedMonthError(
            f"{describe_months(refused)} is closed: its statements stay as they are, whatever is edited."
        )
    return closed


def _read(
    connection: psycopg.Connection, months: Sequence[date], closed: frozenset[date], accounts: Sequence[str]
) -> BillingInputs:
    """What bills these companies, with others' records beside theirs."""
    if len(accounts) > _MANY:
        return read_inputs(connection, months, closed, read_hours(connection, months, closed))
    hours = read_hours(connection, months, closed, accounts)
    # Whose a ticket is now says whose its billed hours are: who shares one with them is read, too.
    sharing: list[Any] = pc.unique(hours.tickets["account_number"]).to_pylist()
    return read_inputs(connection, months, closed, hours, sorted({*accounts, *sharing}))


def _differences(before: pa.Table, after: pa.Table) -> list[CompanyDifference]:
    totals: list[dict[str, tuple[str, Decimal]]] = []
    for frame in (before, after):
        rows = zip(
            *(frame[name].to_pylist() for name in ("account_number", "company_name", "total")), strict=True
        )
        totals.append({account: (name, total) for account, name, total in rows})
    was, would = totals
    return [
        CompanyDifference(
            account,
            (would.get(account) or was[account])[0],
            was[account][1] if account in was else None,
            would[account][1] if account in would else None,
        )
        for account in sorted({*was, *would})
    ]


def _sentences(result: BillingResult, account: str, month: date) -> list[str]:
    return [
        problem.message
        for problem in result.problems
        if problem.month == f"{month:%Y-%m}" and problem.details.get("account_number") == account
    ]


def _by_source(statement: Statement | None) -> dict[tuple[str, ...], Row]:
    return (
        {} if statement is None else {tuple(line[name] for name in _LINE): line for line in statement.lines}
    )


def _of(row: Row | None, name: str) -> Decimal:
    return _NOTHING if row is None else Decimal(row[name])
