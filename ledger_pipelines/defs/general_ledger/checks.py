"""The invariants of what is computed from the journal as asset checks, month by month (rules/general_ledger.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.orchestration.closed_months import closed_month_finding
from ledger_pipelines.orchestration.findings import Finding, month_check, rows_finding
from ledger_pipelines.store.journal import months_of_journal
from ledger_pipelines.store.months import Change, rows_of_months
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.store.queries.sub_ledgers import items_that_do_not_add_up
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.workflows.general_ledger.sub_ledgers import CUSTOMER, SUPPLIER, SubLedgers, nobodys
from ledger_pipelines.workflows.step import Step

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
_RECONCILIATION, _TRIAL = "ledger_reconciliation", "trial_balance"
_UNALLOCATED, _ADDS_UP = "nothing_is_unallocated", "changes_come_to_what_remains"
_UNEXPLAINED, _PARTIES, _BALANCED = "nothing_is_unexplained", "every_party_is_found", "closings_sum_to_zero"
_ZERO = pa.scalar(0, LEDGER_AMOUNT)
_COLUMNS = {
    CUSTOMER: ("party", "voucher", "amount", "remaining_amount", "currency"),
    SUPPLIER: ("party", "voucher", "amount", "remaining_amount", "currency"),
}

SUB_LEDGER_CHECKS = [
    *(
        month_check(
            _UNALLOCATED,
            asset=table,
            description="Every payment and credit note pays something: money that nobody claims is named.",
        )
        for table in _COLUMNS
    ),
    *(
        month_check(
            _ADDS_UP,
            asset=table,
            description="What remained of an item, and the month's changes, come to what remains of it.",
        )
        for table in _COLUMNS
    ),
    *(
        month_check(
            CLOSED_UNCHANGED,
            asset=table,
            description="A closed month reckoned anew gives what is booked; what differs is in the first open month.",
        )
        for table in _COLUMNS
    ),
    month_check(
        _UNEXPLAINED,
        asset=_RECONCILIATION,
        description="The general ledger is the sub-ledgers and what explains the difference.",
    ),
    month_check(
        _PARTIES,
        asset=_RECONCILIATION,
        description="Every line of an accounting file on a control account has a party, or fits a row of one.",
    ),
]
REPORT_CHECKS = [
    month_check(
        _BALANCED, asset=_TRIAL, description="In each currency the closings of all accounts come to 0."
    ),
    month_check(
        CLOSED_UNCHANGED,
        asset=_TRIAL,
        description="A closed month's trial balance is what its journal comes to.",
    ),
]


def sub_ledger_findings(
    step: Step, found: SubLedgers, compared: pa.Table, changes: Mapping[str, Mapping[date, Change]]
) -> Iterator[Finding]:
    """What the checks of sub-ledgers and reconciliation found in each of the step's months."""
    before_closed = _is_open_before_closed(step)
    for month in step.months:
        for table, columns in _COLUMNS.items():
            rows = rows_of_months(found.frames[table], [month])
            credits = rows.filter(pc.less(rows["remaining_amount"], _ZERO))
            yield rows_finding(
                table,
                _UNALLOCATED,
                month,
                credits.select(["party", "voucher", "remaining_amount", "currency"]),
                heading="payments and credit notes that pay nothing",
                severity=_WARN,
                advice="Say what they pay with `ledger match`, or pay them back.",
            )
            yield rows_finding(
                table,
                _ADDS_UP,
                month,
                items_that_do_not_add_up(step.connection, table, month),
                heading="items whose changes do not come to what remains of them",
                severity=_WARN if month in step.closed or before_closed else _ERROR,
                advice="An earlier month that is open changed after a later one was closed."
                if before_closed
                else "",
            )
            yield closed_month_finding(
                step, table, month, changes[table][month], found.frames[table], columns=columns
            )
        of_month = rows_of_months(compared, [month])
        unexplained = of_month.filter(pc.not_equal(of_month["unexplained"], _ZERO))
        yield rows_finding(
            _RECONCILIATION,
            _UNEXPLAINED,
            month,
            unexplained.select(["account", "unexplained", "currency"]),
            heading="accounts of which the general ledger says otherwise than the sub-ledger",
            severity=_severity(step, month),
            advice="`ledger verify` lists the entries beside the rows that they made.",
        )
        yield rows_finding(
            _RECONCILIATION,
            _PARTIES,
            month,
            nobodys(found, month),
            heading="lines whose party was not found",
            severity=_WARN,
            advice="Say what they pay with `ledger match`.",
        )


def _is_open_before_closed(step: Step) -> bool:
    """Whether a month with entries is open while a later one is closed: what it brings was not known to that one."""
    last = max(step.closed, default=None)
    return last is not None and any(
        month < last and month not in step.closed for month in months_of_journal(step.connection)
    )


def _severity(step: Step, month: date) -> dg.AssetCheckSeverity:
    """Of an open month an error. What an earlier one brings after a month was closed is the first open one's to take."""
    return _WARN if month in step.closed else _ERROR


def report_findings(
    step: Step, frames: Mapping[str, pa.Table], changes: Mapping[str, Mapping[date, Change]]
) -> Iterator[Finding]:
    """What the checks of the reports found in each of the step's months."""
    for month in step.months:
        rows = rows_of_months(frames[_TRIAL], [month])
        sums = rows.group_by("currency", use_threads=False).aggregate([("closing", "sum")])
        off = sums.rename_columns(["currency", "closing"]).select(["closing", "currency"])
        yield rows_finding(
            _TRIAL,
            _BALANCED,
            month,
            off.filter(pc.not_equal(off["closing"], pa.scalar(0, off["closing"].type))),
            heading="currencies whose closings do not come to 0",
            severity=_ERROR,
        )
        yield closed_month_finding(
            step,
            _TRIAL,
            month,
            changes[_TRIAL][month],
            frames[_TRIAL],
            columns=("account", "closing", "currency"),
        )
