"""The invariants of rules/billing.md as asset checks, month by month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing import invariants, unmatched
from ledger_pipelines.billing.differences import difference
from ledger_pipelines.defs.billing.run import StatementRun
from ledger_pipelines.defs.findings import Finding, Invariant, rows_finding
from ledger_pipelines.defs.partitions import first_partition
from ledger_pipelines.defs.presentation import preview
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.money import minor_unit
from ledger_pipelines.months import format_month
from ledger_pipelines.store.frames import read_months
from ledger_pipelines.store.replacement import rows_of_months
from ledger_pipelines.store.statements import read_billed_items

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


_INVARIANTS: tuple[Invariant[StatementRun], ...] = (
    Invariant(
        "billing_statements",
        "one_for_each_active_company",
        "Every active company with a plan has exactly one statement for the month.",
        lambda run: invariants.statements_missing_or_doubled(run.inputs, run.result.statements, run.months),
        "companies lack a statement, or have one too many",
    ),
    Invariant(
        "billing_statements",
        "total_is_the_sum_of_its_lines",
        "A statement's total is the sum of its lines, to the cent.",
        lambda run: invariants.totals_that_do_not_add_up(run.result.lines, run.result.statements),
        "statements are not the sum of their lines",
    ),
    Invariant(
        "billing_statements",
        "contracts_ending_soon",
        "No contract ends within 60 days of the month's end.",
        lambda run: invariants.contracts_ending(run.result.statements),
        "contracts end within 60 days",
        _WARN,
    ),
    Invariant(
        "billing_statements",
        "edits_that_match_nobody",
        "Every override and charge is of an account, a device or a person that the month has.",
        lambda run: unmatched.edits_that_match_nobody(run.inputs, run.months),
        "overrides and charges are of nobody that the month has, and change no statement",
        _WARN,
    ),
    Invariant(
        "billing_statement_lines",
        "nothing_billed_twice",
        "No asset, user, ticket hour or line item is billed twice in a month.",
        lambda run: invariants.billed_twice(run.result.lines),
        "records are billed twice",
    ),
    Invariant(
        "billing_statement_lines",
        "every_record_in_its_snapshot",
        "Every billed record is in the month's snapshot of its source, or among what people keep.",
        lambda run: invariants.lines_without_source(run.result.lines, run.inputs),
        "lines have no record behind them",
    ),
    Invariant(
        "ticket_hours",
        "counted_once",
        "A ticket's hours count for one company in a month.",
        lambda run: invariants.tickets_billed_twice(run.result.ticket_hours),
        "tickets count twice",
    ),
)
_NEVER = "one_offs_never_billed"
_BEYOND = "never_more_than_the_ticket"
_CLOSED = "closed_month_unchanged"
_KEYS = {
    "ticket_hours": ("month", "account_number", "ticket_number"),
    "billing_statement_lines": ("month", "account_number", "source_type", "source_id"),
    "billing_statements": ("month", "account_number"),
}
_AMOUNTS = {"billing_statement_lines": "amount", "billing_statements": "total"}

CHECKS = [
    *(invariant.spec for invariant in _INVARIANTS),
    dg.AssetCheckSpec(
        _NEVER,
        asset="billing_statements",
        description="No charge is for a month that is closed and has not billed it, or for one before the ledger.",
    ),
    dg.AssetCheckSpec(
        _BEYOND,
        asset="ticket_hours",
        description="Closed months together have billed no more of a ticket than its hours.",
    ),
    *(
        dg.AssetCheckSpec(
            _CLOSED,
            asset=table,
            description="A closed month computed anew gives what was booked; what differs belongs into an open month.",
        )
        for table in _KEYS
    ),
]


def statement_findings(step: Step, run: StatementRun) -> Iterator[Finding]:
    """What each check found in each of the run's months."""
    for invariant in _INVARIANTS:
        rows = invariant.offending(run)
        for month in run.months:
            yield invariant.finding(rows_of_months(rows, [month]), month)
    for month in run.months:
        yield _never_billed(step, run, month)
        yield _beyond(run, month)
        for table, frame in zip(_KEYS, _frames(run), strict=True):
            yield _closed_month(step, table, rows_of_months(frame, [month]), month)


def _frames(run: StatementRun) -> Sequence[pa.Table]:
    return run.result.ticket_hours, run.result.lines, run.result.statements


def _never_billed(step: Step, run: StatementRun, month: date) -> Finding:
    """The charges that no month bills: told once, at the last of the step's months."""
    rows = unmatched.NEVER_BILLED.empty_table()
    if month == step.months[-1]:
        rows = unmatched.charges_never_billed(
            run.inputs.read("custom_line_items"),
            read_billed_items(step.connection, sorted(step.closed)),
            closed=step.closed,
            first_month=first_partition(),
        )
    told = "charges are for a month that will not bill them: give each the month of an open one, or remove it"
    return rows_finding("billing_statements", _NEVER, month, rows, told=told, severity=_WARN)


def _beyond(run: StatementRun, month: date) -> Finding:
    booked = run.inputs.booked_ticket_hours
    rows = invariants.tickets_billed_beyond_their_hours(
        booked.filter(pc.less_equal(booked["month"], pa.scalar(month, pa.date32()))), run.inputs.tickets
    )
    # A warning, for only hours that were lowered after their month was closed can do this: a person gives the credit.
    told = "tickets had more hours billed than they have; their companies are owed a credit"
    return rows_finding("ticket_hours", _BEYOND, month, rows, told=told, severity=_WARN)


def _closed_month(step: Step, table: str, computed: pa.Table, month: date) -> Finding:
    """The difference between a closed month as booked and as it would be now; an open month has none."""
    nothing = Finding(table, _CLOSED, month, 0, _WARN)
    if month not in step.closed:
        return nothing
    booked = read_months(step.connection, table, [month])
    found = difference(computed, booked, _KEYS[table], amount=_AMOUNTS.get(table, ""))
    if not found:
        return nothing
    decimals = minor_unit(_currency(booked, computed))
    by = f" by {found.amount:+,.{decimals}f}" if table in _AMOUNTS else ""
    return Finding(
        asset=table,
        check=_CLOSED,
        month=month,
        count=found.rows.num_rows,
        severity=_WARN,
        description=f"{format_month(month)} is closed; {found.rows.num_rows:,} rows of {table} would differ{by}.",
        metadata={
            "difference": preview(found.rows, found.rows.column_names, rows=25),
            "difference_amount": f"{found.amount:.{decimals}f}",
        },
    )


def _currency(*frames: pa.Table) -> str:
    """The currency of these rows' amounts; none where they have no amounts."""
    with_amounts = [frame for frame in frames if "currency" in frame.column_names and frame.num_rows]
    return str(with_amounts[0]["currency"][0].as_py()) if with_amounts else ""
