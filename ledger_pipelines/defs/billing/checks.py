"""The invariants of rules/billing.md as asset checks, month by month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

import dagster as dg
import pyarrow as pa

from ledger_pipelines.billing import credits, invariants, unmatched
from ledger_pipelines.closing.differences import difference
from ledger_pipelines.frames import matching_rows
from ledger_pipelines.money import minor_unit
from ledger_pipelines.orchestration.closed_months import closed_rows_finding
from ledger_pipelines.orchestration.findings import Finding, Invariant, month_check, rows_finding
from ledger_pipelines.orchestration.partitions import first_partition
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.store.queries.statements import read_billed_items
from ledger_pipelines.workflows.billing import StatementRun
from ledger_pipelines.workflows.step import Step

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


_INVARIANTS: tuple[Invariant[StatementRun], ...] = (
    Invariant(
        "billing_statements",
        "one_for_each_active_company",
        "Every active company with a plan has exactly one statement for the month.",
        lambda run: invariants.statements_missing_or_doubled(run.inputs, run.result.statements, run.months),
        "companies that lack a statement, or have one too many",
    ),
    Invariant(
        "billing_statements",
        "total_is_the_sum_of_its_lines",
        "A statement's total is the sum of its lines, to the cent.",
        lambda run: invariants.totals_that_do_not_add_up(run.result.lines, run.result.statements),
        "statements that are not the sum of their lines",
    ),
    Invariant(
        "billing_statements",
        "contracts_ending_soon",
        "No contract ends within 60 days of the month's end.",
        lambda run: invariants.contracts_ending(run.result.statements),
        "contracts that end within 60 days",
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
        "lines that bill what another line bills, too",
    ),
    Invariant(
        "billing_statement_lines",
        "every_record_in_its_snapshot",
        "Every billed record is in the month's snapshot of its source, or among what people keep.",
        lambda run: invariants.lines_without_source(run.result.lines, run.inputs),
        "lines without a record behind them",
    ),
    Invariant(
        "ticket_hours",
        "counted_once",
        "No ticket hour is billed twice in a month.",
        lambda run: invariants.tickets_billed_twice(run.result.ticket_hours),
        "tickets that count more than once",
    ),
    Invariant(
        "ticket_hours",
        "never_more_than_the_ticket",
        "Closed months together have billed no more of a ticket than the hours that they knew of, in whole seconds.",
        lambda run: _each_month(run, partial(invariants.tickets_billed_beyond_their_hours, _booked(run))),
        "tickets of which more hours were billed than they ever had",
        _WARN,
        "Their companies are owed a credit.",
    ),
    Invariant(
        "ticket_hours",
        "credits_owed",
        "No ticket has fewer hours than closed months billed; a person gives what is owed as a line item.",
        lambda run: _each_month(run, partial(credits.credits_owed, run.inputs, currency=run.currency)),
        "tickets with fewer hours than closed months billed",
        _WARN,
        "Their companies are owed a credit: give it as a line item.",
    ),
    Invariant(
        "ticket_hours",
        "hours_vanished",
        "No ticket that had hours shows none: Codex writes 0 while its PSA does not answer.",
        lambda run: _each_month(
            run,
            partial(credits.hours_vanished, run.inputs, run.result.statements, currency=run.currency),
        ),
        "tickets that had hours and show none",
        _WARN,
        "Run again when the PSA answers; if they are gone indeed, those that closed months billed are owed as a credit.",
    ),
    Invariant(
        "ticket_hours",
        "hours_not_billed",
        "No hours of a closed month's tickets came to be known that no statement can bill.",
        lambda run: run.result.unbilled_hours,
        "tickets of closed months with hours that nobody is billed for",
        _WARN,
        "Charge them as a line item, or leave them.",
    ),
)


def _booked(run: StatementRun) -> pa.Table:
    return run.inputs.booked_ticket_hours


def _each_month(run: StatementRun, rows_of: Callable[[date], pa.Table]) -> pa.Table:
    return pa.concat_tables(rows_of(month) for month in run.months)


_NEVER = "one_offs_never_billed"
_KEYS = {
    "ticket_hours": ("month", "account_number", "ticket_number"),
    "billing_statement_lines": ("month", "account_number", "source_type", "source_id"),
    "billing_statements": ("month", "account_number"),
}
_AMOUNTS = {"billing_statement_lines": "amount", "billing_statements": "total"}

CHECKS = [
    *(invariant.spec for invariant in _INVARIANTS),
    month_check(
        _NEVER,
        asset="billing_statements",
        description="No charge is for a month that is closed and has not billed it, or for one before the ledger.",
    ),
    *(
        month_check(
            CLOSED_UNCHANGED,
            asset=table,
            description="A closed month computed anew gives what was booked; what differs belongs into an open month.",
        )
        for table in _KEYS
    ),
]


def statement_findings(step: Step, run: StatementRun) -> Iterator[Finding]:
    """What each check found in each of the run's months."""
    for invariant in _INVARIANTS:
        rows = _with_companies(invariant.offending(run), run)
        for month in run.months:
            yield invariant.finding(rows_of_months(rows, [month]), month)
    for month in run.months:
        yield _never_billed(step, run, month)
        for table in _KEYS:
            yield _closed_month(step, run, table, month)


def _frames(run: StatementRun) -> dict[str, pa.Table]:
    frames = (run.result.ticket_hours, run.result.lines, run.result.statements)
    return dict(zip(_KEYS, frames, strict=True))


def _never_billed(step: Step, run: StatementRun, month: date) -> Finding:
    """The charges that no month bills: reported once, at the last of the step's months."""
    rows = unmatched.NEVER_BILLED.empty_table()
    if month == step.months[-1]:
        rows = unmatched.charges_never_billed(
            run.inputs.read("custom_line_items"),
            read_billed_items(step.connection, sorted(step.closed)),
            closed=step.closed,
            first_month=first_partition(),
        )
    heading = (
        "charges are for a month that will not bill them: give each the month of an open one, or remove it"
    )
    return rows_finding("billing_statements", _NEVER, month, rows, heading=heading, severity=_WARN)


def _closed_month(step: Step, run: StatementRun, table: str, month: date) -> Finding:
    """The difference between a closed month as booked and as it would be now; an open month has none."""
    if month not in step.closed:
        return Finding(table, CLOSED_UNCHANGED, month, 0, _WARN)
    computed = rows_of_months(_frames(run)[table], [month])
    booked = read_months(step.connection, table, [month])
    labels = ["description"] if "description" in computed.column_names else []
    found = difference(computed, booked, _KEYS[table], amount=_AMOUNTS.get(table, ""), labels=labels)
    decimals = minor_unit(_currency(booked, computed))
    by = f" by {found.amount:+,.{decimals}f} in all" if table in _AMOUNTS else ""
    names = [*_KEYS[table][:2], *labels]
    rows = found.rows.select([*names, *(name for name in found.rows.column_names if name not in names)])
    return closed_rows_finding(
        table,
        month,
        _with_companies(rows, run),
        message=f"computed anew its {table} would differ{by}",
        advice="",
        difference_amount=f"{found.amount:.{decimals}f}",
    )


def _currency(*frames: pa.Table) -> str:
    """The currency of these rows' amounts; none where they have no amounts."""
    with_amounts = [frame for frame in frames if "currency" in frame.column_names and frame.num_rows]
    return str(with_amounts[0]["currency"][0].as_py()) if with_amounts else ""


def _with_companies(rows: pa.Table, run: StatementRun) -> pa.Table:
    """The rows of companies with the name that each had in the month."""
    if rows.num_rows == 0 or "account_number" not in rows.column_names or "company_name" in rows.column_names:
        return rows
    key = {name: name for name in ("month", "account_number")}
    companies = matching_rows(rows, run.inputs.companies.select([*key, "name"]), key)
    return rows.add_column(1, "company_name", companies["name"])
