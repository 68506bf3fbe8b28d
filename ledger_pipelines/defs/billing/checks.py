"""The invariants of rules/billing.md as asset checks, month by month."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial

import dagster as dg
import pyarrow as pa

from ledger_pipelines.billing import credits, invariants
from ledger_pipelines.billing.differences import difference
from ledger_pipelines.defs.billing.run import StatementRun
from ledger_pipelines.defs.findings import Finding, Invariant
from ledger_pipelines.defs.presentation import preview
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.months import format_month
from ledger_pipelines.store.frames import read_months
from ledger_pipelines.store.replacement import rows_of_months

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
        "No ticket hour is billed twice in a month.",
        lambda run: invariants.tickets_billed_twice(run.result.ticket_hours),
        "tickets count twice",
    ),
    Invariant(
        "ticket_hours",
        "never_more_than_the_ticket",
        "Closed months together have billed no more of a ticket than the hours that they knew of, in whole seconds.",
        lambda run: _each_month(run, partial(invariants.tickets_billed_beyond_their_hours, _booked(run))),
        "tickets had more hours billed than they ever had",
        _WARN,
    ),
    Invariant(
        "ticket_hours",
        "credits_owed",
        "No ticket has fewer hours than closed months billed; a person gives what is owed as a line item.",
        lambda run: _each_month(run, partial(credits.credits_owed, run.inputs)),
        "tickets have fewer hours than closed months billed, so that their companies are owed a credit",
        _WARN,
    ),
    Invariant(
        "ticket_hours",
        "hours_vanished",
        "No ticket that had hours shows none: Codex writes 0 while its PSA does not answer.",
        lambda run: _each_month(run, partial(credits.hours_vanished, run.inputs, run.result.statements)),
        "tickets that had hours show none, so that those are not billed, or owed as a credit if they are gone indeed",
        _WARN,
    ),
    Invariant(
        "ticket_hours",
        "hours_not_billed",
        "No hours of a closed month's tickets came to be known that no statement can bill.",
        lambda run: run.result.unbilled_hours,
        "tickets of closed months have hours that nobody is billed for",
        _WARN,
    ),
)


def _booked(run: StatementRun) -> pa.Table:
    return run.inputs.booked_ticket_hours


def _each_month(run: StatementRun, rows_of: Callable[[date], pa.Table]) -> pa.Table:
    return pa.concat_tables(rows_of(month) for month in run.months)


_CLOSED = "closed_month_unchanged"
_KEYS = {
    "ticket_hours": ("month", "account_number", "ticket_number"),
    "billing_statement_lines": ("month", "account_number", "source_type", "source_id"),
    "billing_statements": ("month", "account_number"),
}
_AMOUNTS = {"billing_statement_lines": "amount", "billing_statements": "total"}

CHECKS = [
    *(invariant.spec for invariant in _INVARIANTS),
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
        for table, frame in zip(_KEYS, _frames(run), strict=True):
            yield _closed_month(step, table, rows_of_months(frame, [month]), month)


def _frames(run: StatementRun) -> Sequence[pa.Table]:
    return run.result.ticket_hours, run.result.lines, run.result.statements


def _closed_month(step: Step, table: str, computed: pa.Table, month: date) -> Finding:
    """The difference between a closed month as booked and as it would be now; an open month has none."""
    nothing = Finding(table, _CLOSED, month, 0, _WARN)
    if month not in step.closed:
        return nothing
    booked = read_months(step.connection, table, [month])
    found = difference(computed, booked, _KEYS[table], amount=_AMOUNTS.get(table, ""))
    if not found:
        return nothing
    by = f" by {found.amount:+,.2f}" if table in _AMOUNTS else ""
    return Finding(
        asset=table,
        check=_CLOSED,
        month=month,
        count=found.rows.num_rows,
        severity=_WARN,
        description=f"{format_month(month)} is closed; {found.rows.num_rows:,} rows of {table} would differ{by}.",
        metadata={
            "difference": preview(found.rows, found.rows.column_names, rows=25),
            "difference_amount": str(found.amount),
        },
    )
