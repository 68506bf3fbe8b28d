"""The CFO sync's invariants as asset checks (rules/cfo_sync.md, Invariants)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import column, kept, mask, positions, take
from ledger_pipelines.defs.findings import Finding, rows_finding
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.store.cfo_metrics import waiting_invoices
from ledger_pipelines.store.cfo_sync import synced_of_months
from ledger_pipelines.store.cfo_transactions import doubled_identifiers, read_transactions
from ledger_pipelines.store.database import Database

_ASSET = "cfo_transactions"
_SAME = "same_amounts"
_ACCOUNTED = "every_paid_invoice_accounted_for"
_ONCE = "identifiers_are_unique"
_FAILED = "nothing_has_failed"

CHECKS = [
    dg.AssetCheckSpec(
        _SAME,
        asset=_ASSET,
        description="Each synced invoice has its transaction, of the same amount.",
    ),
    dg.AssetCheckSpec(
        _ACCOUNTED,
        asset=_ASSET,
        description="Every paid invoice is synced, scheduled, or failed with a reason.",
    ),
    dg.AssetCheckSpec(_ONCE, asset=_ASSET, description="No two transactions share an Identifier."),
    dg.AssetCheckSpec(
        _FAILED, asset=_ASSET, description="No invoice has failed for good: one that has waits for a person."
    ),
]


def cfo_findings(step: Step, cfo: Database) -> Iterator[Finding]:
    """What each check found in each of the step's months."""
    error, warn = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
    with cfo.connect(application_name="ledger cfo sync") as theirs:
        doubled = doubled_identifiers(theirs)
        for month in step.months:
            synced = synced_of_months(step.connection, [month])
            found = read_transactions(theirs, column(synced, "cfo_transaction_id"))
            rows = _unlike(synced, found)
            yield rows_finding(
                _ASSET,
                _SAME,
                month,
                rows,
                told="invoices have no transaction of their amount",
                severity=error,
            )
            twice = pa.table({"identifier": pa.array(doubled, pa.string())})
            yield rows_finding(
                _ASSET, _ONCE, month, twice, told="identifiers are there twice", severity=error
            )
            yield from _waiting(step, month, error, warn)


def _unlike(synced: pa.Table, found: pa.Table) -> pa.Table:
    rows = positions(column(synced, "cfo_transaction_id"), column(found, "id"))
    theirs = take(column(found, "amount"), rows)
    differs = pc.not_equal(theirs, column(synced, "amount")).fill_null(True)
    return kept(
        synced.select(["invoice_number", "amount"]).append_column("transaction_amount", theirs), mask(differs)
    )


def _waiting(
    step: Step, month: date, error: dg.AssetCheckSeverity, warn: dg.AssetCheckSeverity
) -> Iterator[Finding]:
    waiting = waiting_invoices(step.connection, [month])
    lost = [one.invoice_number for one in waiting if one.sync_status == "failed" and not one.error]
    failed = [one for one in waiting if one.sync_status == "failed"]
    yield rows_finding(
        _ASSET,
        _ACCOUNTED,
        month,
        pa.table({"invoice": pa.array(lost, pa.string())}),
        told="invoices have failed without a reason",
        severity=error,
    )
    yield rows_finding(
        _ASSET,
        _FAILED,
        month,
        pa.table(
            {
                "invoice": pa.array([one.invoice_number for one in failed], pa.string()),
                "why": pa.array([one.error for one in failed], pa.string()),
            }
        ),
        told="invoices have failed; mend them, then `ledger cfo sync --invoice NUMBER --force`",
        severity=warn,
    )
