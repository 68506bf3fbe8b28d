"""The accruals' invariants as asset checks, month by month (rules/accruals.md, Invariants)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pyarrow as pa

from ledger_pipelines.accruals import invariants
from ledger_pipelines.accruals.differences import accrual_difference
from ledger_pipelines.accruals.history import begun_before_the_ledger
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import AccrualResult
from ledger_pipelines.months import add_months, describe_months, format_month
from ledger_pipelines.orchestration.closed_months import closed_rows_finding
from ledger_pipelines.orchestration.findings import Finding, Invariant, listing, month_check, rows_finding
from ledger_pipelines.orchestration.partitions import first_partition
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.history import READ_BY_MONTH, unread_history
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.queries.contract_names import named_contracts
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.workflows.step import Step

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
_UNREAD = "earlier_months_were_read"
_BEGUN = "service_began_before_the_ledger"


_INVARIANTS: tuple[Invariant[AccrualResult], ...] = (
    Invariant(
        "monthly_accruals",
        "never_beyond_the_contract",
        "No contract has recognised more than its amount.",
        lambda result: invariants.recognised_beyond_contract(result.accruals),
        "contracts that have recognised more than their amount",
        _WARN,
    ),
    Invariant(
        "monthly_accruals",
        "completed_contracts_add_up",
        "A completed or cancelled contract has recognised exactly its amount.",
        lambda result: invariants.completed_with_money_left(result.accruals),
        "contracts that ended with another amount than they recognised",
    ),
    Invariant(
        "monthly_accruals",
        "months_follow_each_other",
        "Each month begins where the one before ended, and its amounts add up.",
        lambda result: invariants.accruals_that_do_not_follow(result.accruals),
        "accruals that do not follow from the month before",
    ),
    Invariant(
        "deferred_revenue",
        "rolls_forward",
        "Opening and invoiced less recognised is closing, and the next month opens with it.",
        lambda result: invariants.deferred_revenue_that_does_not_roll(result.deferred_revenue),
        "currencies that do not roll forward",
    ),
    Invariant(
        "deferred_revenue",
        "is_the_sum_of_contracts",
        "Deferred revenue is what the contracts come to.",
        lambda result: invariants.accruals_and_deferred_revenue_that_disagree(
            result.accruals, result.deferred_revenue
        ),
        "currencies that are not the sum of their contracts; they differ by",
    ),
    Invariant(
        "monthly_accruals",
        "revenue_taken_back",
        "Revenue is taken back only for a credit note, or where a notice says why.",
        lambda result: invariants.revenue_taken_back(result.accruals, result.notices),
        "contracts take revenue back that was recognised, without a credit note or a notice",
        _WARN,
    ),
    Invariant(
        "accrual_notices",
        "no_stalled_contracts",
        "Every contract's money will be recognised by some rule.",
        lambda result: invariants.stalled_contracts(result.notices).drop_columns(["message"]),
        "contracts with money left that no rule will release",
        _WARN,
        "End them, or correct their service periods.",
    ),
)

CHECKS = [
    *(invariant.spec for invariant in _INVARIANTS),
    month_check(
        CLOSED_UNCHANGED,
        asset="monthly_accruals",
        description="A closed month computed anew gives what was booked; what differs is in the first open month.",
    ),
    month_check(
        _UNREAD,
        asset="monthly_accruals",
        description="Every month of the ledger before this one was read from its sources, or a person says that there "
        "is nothing.",
    ),
    month_check(
        _BEGUN,
        asset="monthly_accruals",
        description="No contract rests on a service that began before the ledger, whose invoices it does not have.",
    ),
]


def accrual_findings(step: Step, inputs: AccrualInputs, result: AccrualResult) -> Iterator[Finding]:
    """What each check found in each of the step's months."""
    books = _as_booked(step, result)
    for invariant in _INVARIANTS:
        rows = named_contracts(step.connection, invariant.offending(books))
        for month in step.months:
            # What a closed month booked before earlier months were known cannot be mended there, nor can the month
            # after it open with anything else.
            is_settled = month in step.closed or add_months(month, -1) in step.closed
            yield invariant.finding(rows_of_months(rows, [month]), month, _WARN if is_settled else None)
    for month in step.months:
        yield _closed_month(step, rows_of_months(result.accruals, [month]), month)
    yield from _unread(step)
    yield from _begun_before(step, inputs, result)


def _as_booked(step: Step, result: AccrualResult) -> AccrualResult:
    """The months as they stand in the books, with the month before them: closed ones as they were booked."""
    stored = [add_months(step.months[0], -1), *(month for month in step.months if month in step.closed)]
    frames = []
    computed = (result.accruals, result.deferred_revenue, result.notices)
    tables = ("monthly_accruals", "deferred_revenue", "accrual_notices")
    for frame, table in zip(computed, tables, strict=True):
        booked = read_months(step.connection, table, stored, frame.column_names)
        frames.append(
            pa.concat_tables([booked.cast(frame.schema), rows_of_months(frame, step.open(step.months))])
        )
    return AccrualResult(*frames)


def _unread(step: Step) -> Iterator[Finding]:
    """Months before that were never read: what was invoiced and taught in them is not known."""
    first, last = first_partition(), step.months[-1]
    unread = {
        system: unread_history(step.connection, table, first, last) for table, system in READ_BY_MONTH.items()
    }
    for month in step.months:
        before = {system: [one for one in months if one < month] for system, months in unread.items()}
        names = "; ".join(
            f"{describe_months(months)} from {system}" for system, months in before.items() if months
        )
        advice = (
            f"`ledger close {format_month(month)}` reads them; if there is nothing before a month, say so with "
            "`ledger history --nothing-before`."
        )
        yield Finding(
            "monthly_accruals",
            _UNREAD,
            month,
            len(set().union(*before.values())),
            _WARN,
            description=listing("months that were never read", names, advice) if names else None,
        )


def _begun_before(step: Step, inputs: AccrualInputs, result: AccrualResult) -> Iterator[Finding]:
    accrued = rows_of_months(result.accruals, step.months)
    begun = begun_before_the_ledger(accrued, inputs, first_month=first_partition(), months=step.months)
    rows = named_contracts(step.connection, begun)
    for month in step.months:
        yield rows_finding(
            "monthly_accruals",
            _BEGUN,
            month,
            rows_of_months(rows, [month]),
            heading="contracts of services that began before the ledger's first month, "
            f"{format_month(first_partition())}",
            severity=_WARN,
            advice="What was invoiced before it is in none of these amounts: begin the ledger earlier, or add it.",
        )


def _closed_month(step: Step, computed: pa.Table, month: date) -> Finding:
    """The difference between a closed month as booked and as it would be now; an open month has none."""
    if month not in step.closed:
        return Finding("monthly_accruals", CLOSED_UNCHANGED, month, 0, _WARN)
    booked = read_months(step.connection, "monthly_accruals", [month], computed.column_names)
    found = accrual_difference(computed, booked)
    by_reason = ", ".join(
        f"{reason or 'waiting'} {amount:+,.2f}" for reason, amount in found.by_reason.items()
    )
    return closed_rows_finding(
        "monthly_accruals",
        month,
        named_contracts(step.connection, found.rows),
        message=f"computed anew its accruals would differ by {found.amount:+,.2f} ({by_reason})",
        advice="The first open month takes it.",
        difference_amount=str(found.amount),
    )
