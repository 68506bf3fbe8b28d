"""The CFO sync's invariants as asset checks (rules/cfo_sync.md, Invariants)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.mappings import entity_of
from ledger_pipelines.destinations.cfo.lookup import doubled_identifiers, read_transactions
from ledger_pipelines.destinations.cfo.transactions import limit_waiting
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.frames import matching_rows
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.findings import Finding, month_check, rows_finding
from ledger_pipelines.orchestration.partitions import nearest_month
from ledger_pipelines.store.cfo.deliveries import shared_transactions, synced_of_months, withdrawn_invoices
from ledger_pipelines.store.cfo.metrics import unaccounted_invoices, waiting_invoices
from ledger_pipelines.store.cfo.sync import read_mappings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import rows_of_months

_ASSET = "cfo_transactions"
_SAME_AMOUNTS = "same_amounts"
_ACCOUNTED = "every_paid_invoice_accounted_for"
_ONCE = "identifiers_are_unique"
_FAILED = "nothing_has_failed"
_STILL = "still_paid"
_ENTITIES = "entities_follow_the_mappings"
_DATABASE = "cfo_database_is_ready"
_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
_DESCRIPTIONS = {
    _SAME_AMOUNTS: "Each synced invoice has a transaction of its own, of the same amount.",
    _ACCOUNTED: "Every paid invoice is synced, scheduled, or failed with a reason.",
    _ONCE: "No other transaction has the Identifier of one that came from here.",
    _FAILED: "No invoice has failed for good: one that has waits for a person.",
    _STILL: "The invoice of each transaction is still paid, and has the same number: the CFO hears of no change.",
    _DATABASE: "The CFO's database answers and its table takes invoices: else the month closes all the same.",
    _ENTITIES: "Each invoice was synced with the entity that the mappings say now; an open month run again corrects it.",
}
#: Where a synced invoice names its transaction, and where that has its number.
_SAME_TRANSACTION = {"cfo_transaction_id": "id"}
CHECKS = [
    month_check(name, asset=_ASSET, description=description) for name, description in _DESCRIPTIONS.items()
]


@dataclass(frozen=True, slots=True)
class _Both:
    """What the checks of every month look at: both databases, and what does not depend on the month."""

    doubled: pa.Table
    shared: pa.Array[Any]
    withdrawn: pa.Table

    @classmethod
    def of(cls, ours: psycopg.Connection, theirs: psycopg.Connection) -> _Both:
        withdrawn = withdrawn_invoices(ours)
        ids: list[Any] = withdrawn["cfo_transaction_id"].to_pylist()
        found = read_transactions(theirs, ids)
        there = matching_rows(withdrawn, found, _SAME_TRANSACTION)
        today = datetime.now(UTC).date()
        months = [
            None if month is None else nearest_month(month, today) for month in there["month"].to_pylist()
        ]
        withdrawn = withdrawn.append_column("month", pa.array(months, pa.date32())).append_column(
            "identifier", there["identifier"]
        )
        return cls(
            doubled=pa.table({"identifier": pa.array(doubled_identifiers(theirs), pa.string())}),
            shared=pa.array(shared_transactions(ours), pa.int64()),
            withdrawn=withdrawn,
        )


def cfo_findings(
    ours: psycopg.Connection,
    cfo: Database,
    months: Mapping[date, Sequence[date]],
    *,
    were_ready: Sequence[int],
    ready_at: datetime,
    troubles: Sequence[str] = (),
) -> Iterator[Finding]:
    """What each check found in each month with the months of payments that belong to it.

    `were_ready` are the invoices that were ready at `ready_at`, when a sync of all of them began; `troubles` what was
    wrong with the CFO's database meanwhile. Where it does not let us look, what could not be compared warns.
    """
    unseen = None
    try:
        with cfo.connect(application_name="ledger cfo sync") as theirs:
            limit_waiting(theirs)
            yield from _compared(ours, theirs, months)
    except (psycopg.Error, LedgerError) as error:
        if ours.closed:
            raise
        unseen = _why_unseen(cfo, error)
        yield from _not_compared(months, unseen)
    now = datetime.now(UTC)
    mappings = read_mappings(ours)[0]
    for month, payments in months.items():
        yield _database(month, [*troubles, *([unseen] if unseen and not troubles else [])])
        yield _entities(month, synced_of_months(ours, payments), mappings)
        lost = unaccounted_invoices(ours, payments, were_ready=were_ready, ready_at=ready_at, now=now)
        yield _accounted(month, lost)
        yield _failed(month, payments, ours)


def _compared(
    ours: psycopg.Connection, theirs: psycopg.Connection, months: Mapping[date, Sequence[date]]
) -> list[Finding]:
    """What both databases are needed for, all of it or none."""
    both = _Both.of(ours, theirs)
    findings = []
    for month, payments in months.items():
        synced = synced_of_months(ours, payments)
        ids: list[Any] = synced["cfo_transaction_id"].to_pylist()
        found = read_transactions(theirs, ids)
        there = matching_rows(synced, found, _SAME_TRANSACTION)
        message = "identifiers that are there twice"
        findings += [
            _amounts_finding(month, synced, there, both),
            _still(month, synced, there, both),
            rows_finding(_ASSET, _ONCE, month, both.doubled, heading=message, severity=_ERROR),
        ]
    return findings


def _why_unseen(cfo: Database, error: psycopg.Error | LedgerError) -> str:
    if isinstance(error, LedgerError):
        return str(error)
    reason = error.diag.message_primary or type(error).__name__
    return f"The CFO's transactions in {cfo.label} could not be checked ({reason}): run the month again."


def _not_compared(months: Mapping[date, Sequence[date]], why: str) -> Iterator[Finding]:
    """What could not be read is not well: it warns."""
    for month in months:
        for check in (_SAME_AMOUNTS, _STILL, _ONCE):
            message = f"{format_month(month)}: not compared. {why}"
            yield Finding(_ASSET, check, month, count=1, severity=_WARN, description=message)


def _database(month: date, troubles: Sequence[str]) -> Finding:
    message = f"{format_month(month)}: {' '.join(troubles)}" if troubles else None
    return Finding(_ASSET, _DATABASE, month, count=len(troubles), severity=_WARN, description=message)


def _amounts_finding(month: date, synced: pa.Table, theirs: pa.Table, both: _Both) -> Finding:
    differs: Any = pc.not_equal(theirs["amount"], synced["amount"])
    is_shared = pc.is_in(synced["cfo_transaction_id"], value_set=both.shared)
    columns = synced.select(["invoice_number", "client_name", "amount", "cfo_transaction_id"])
    columns = columns.append_column("transaction_amount", theirs["amount"])
    rows = columns.filter(pc.or_(differs.fill_null(True), is_shared))
    message = "invoices that have no transaction of their own, or not of their amount"
    return rows_finding(_ASSET, _SAME_AMOUNTS, month, rows, heading=message, severity=_ERROR)


def _still(month: date, synced: pa.Table, theirs: pa.Table, both: _Both) -> Finding:
    names = ["identifier", "cfo_transaction_id"]
    gone = rows_of_months(both.withdrawn, [month]).select(names)
    changed = synced.append_column("identifier", theirs["identifier"])
    changed = changed.filter(pc.not_equal(changed["identifier"], changed["invoice_number"]))
    not_paid = pa.repeat(pa.scalar("not paid"), gone.num_rows)
    rows = pa.concat_tables(
        [
            gone.append_column("now", not_paid),
            changed.select([*names, "invoice_number"]).rename_columns([*names, "now"]),
        ]
    )
    message = "transactions of invoices that are paid no longer or have another number"
    return rows_finding(_ASSET, _STILL, month, rows, heading=message, severity=_WARN, advice="Tell the CFO.")


def _entities(month: date, synced: pa.Table, mappings: pa.Table) -> Finding:
    entities = entity_of(synced["client_name"].combine_chunks(), mappings)
    columns = synced.select(["invoice_number", "client_name", "entity_mapped"]).append_column(
        "mapping", entities
    )
    rows = columns.filter(pc.not_equal(columns["mapping"], columns["entity_mapped"]))
    message = "transactions with another entity than the mappings say"
    advice = "Run the month again, if it is open."
    return rows_finding(_ASSET, _ENTITIES, month, rows, heading=message, severity=_WARN, advice=advice)


def _accounted(month: date, lost: Sequence[tuple[str, str]]) -> Finding:
    rows = pa.table(
        {
            "invoice": pa.array([number for number, _ in lost], pa.string()),
            "state": pa.array([state for _, state in lost], pa.string()),
        }
    )
    message = "paid invoices that are neither synced, nor scheduled, nor failed"
    return rows_finding(_ASSET, _ACCOUNTED, month, rows, heading=message, severity=_ERROR)


def _failed(month: date, payments: Sequence[date], ours: psycopg.Connection) -> Finding:
    failed = [one for one in waiting_invoices(ours, payments) if one.sync_status == "failed"]
    rows = pa.table(
        {
            "invoice": pa.array([one.label for one in failed], pa.string()),
            "client_name": pa.array([one.client_name for one in failed], pa.string()),
            "amount": pa.array([one.amount_label for one in failed], pa.string()),
            "why": pa.array([one.error for one in failed], pa.string()),
        }
    )
    message = "invoices that have failed"
    advice = "Mend them, then `ledger cfo sync --invoice NUMBER --force`."
    return rows_finding(_ASSET, _FAILED, month, rows, heading=message, severity=_WARN, advice=advice)
