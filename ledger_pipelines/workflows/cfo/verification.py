"""Comparing all that was handed over with the CFO's transactions, and mending what differs (`ledger cfo verify`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import psycopg

from ledger_pipelines.cfo.transactions import transactions_of
from ledger_pipelines.destinations.cfo.lookup import Row, correct_rows, lost_transactions, read_rows
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.cfo.deliveries import (
    LostTransaction,
    log_corrections,
    shared_transactions,
    synced_in_months,
    synced_invoices,
)
from ledger_pipelines.store.cfo.metrics import waiting_invoices
from ledger_pipelines.store.cfo.sync import read_mappings, register_holded_invoices
from ledger_pipelines.store.database import Database
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cfo.connections import CfoConnection, our_connection
from ledger_pipelines.workflows.cfo.delivery import sentence
from ledger_pipelines.workflows.cfo.sync import Clock, sync_invoices

#: What of a transaction is the invoice's own: how it is classified is the CFO's business.
_FACTS = ("amount", "currency", "classification_reason")


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it should be of one invoice or transaction, in words; whether a repair can mend it."""

    invoice: str
    transaction: int | None
    message: str
    is_mendable: bool


#: Of an invoice and a transaction that came from here the facts that it should have, where it has others.
_Correction = tuple[int, int, Mapping[str, Any]]


def verify(ledger: Database, cfo: Database) -> list[Difference]:
    """Every difference between what the ledger has handed over, or should have, and the CFO's transactions.

    Raises LedgerError when the CFO's database does not let us look.
    """
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs:
        register_holded_invoices(ours)
        return _compare(ours, theirs)[0]


def repair(ledger: Database, cfo: Database, *, clock: Clock) -> list[Difference]:
    """Mends what can be mended, in the rows that came from here alone; the differences that there were.

    What is gone is handed over again, and what waits is handed over. Amounts, currencies and reasons are set to what the
    invoices say, also in closed months, for the CFO's table is not part of our books; each leaves a row in the log.
    Raises LedgerError when the CFO's database does not let us look or correct.
    """
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs:
        register_holded_invoices(ours)
        differences, corrections = _compare(ours, theirs)
        if corrections:
            facts = {name: [one[name] for _, _, one in corrections] for name in _FACTS}
            try:
                correct_rows(theirs.connection(), [number for _, number, _ in corrections], facts)
            except psycopg.Error as error:
                raise LedgerError(
                    f"{sentence(error)}. {counted(len(corrections), 'transaction')} could not be corrected: the "
                    "CFO's user must be able to UPDATE them."
                ) from error
            log_corrections(ours, corrections, at=clock())
    sync_invoices(ledger, cfo, clock=clock)
    return differences


def _compare(ours: psycopg.Connection, theirs: CfoConnection) -> tuple[list[Difference], list[_Correction]]:
    synced = synced_invoices(ours)
    invoices: list[dict[str, Any]] = synced.to_pylist()
    owners = {one["cfo_transaction_id"]: one for one in invoices}
    try:
        lost = lost_transactions(theirs.connection(), synced_in_months(ours, None))
        rows = read_rows(theirs.connection(), list(owners), with_all_of_ours=True)
    except psycopg.Error as error:
        if ours.closed:
            raise
        raise LedgerError(f"The CFO's transactions cannot be compared. {sentence(error)}.") from error
    gone = {one.transaction_id for one in lost}
    found = [*_lost(lost, owners), *_shared(ours, invoices)]
    corrections: list[_Correction] = []
    numbers = {one["invoice_id"]: one["cfo_transaction_id"] for one in invoices}
    for should in transactions_of(synced, *read_mappings(ours)).transactions.to_pylist():
        row = rows.get(numbers[should["invoice_id"]])
        if row is not None and row.id not in gone:
            differs = _differing(row, should)
            found += [_difference(row, should, name) for name in differs]
            if differs and row.is_ours:
                corrections.append((should["invoice_id"], row.id, {name: should[name] for name in _FACTS}))
    found += [*_orphans(rows, set(owners) - gone), *_waiting(ours)]
    return found, corrections


def _lost(lost: Sequence[LostTransaction], owners: Mapping[int, Mapping[str, Any]]) -> Iterator[Difference]:
    for one in lost:
        number = owners.get(one.transaction_id, {}).get("invoice_number") or f"#{one.invoice_id}"
        why = "its transaction is gone" if one.is_gone else "its transaction is another's now"
        yield Difference(number, one.transaction_id, why, is_mendable=True)


def _shared(ours: psycopg.Connection, synced: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    shared = set(shared_transactions(ours))
    for one in synced:
        if one["cfo_transaction_id"] in shared:
            number = one["invoice_number"] or f"#{one['invoice_id']}"
            why = "it shares its transaction with another invoice"
            yield Difference(number, one["cfo_transaction_id"], why, is_mendable=True)


def _differing(row: Row, should: Mapping[str, Any]) -> list[str]:
    """Which facts of the row are not as they should be; of a row that the CFO entered only its amount is looked at."""
    return [
        name
        for name in (_FACTS if row.is_ours else ("amount",))
        if (getattr(row, name) or "") != str(should[name])
    ]


def _difference(row: Row, should: Mapping[str, Any], name: str) -> Difference:
    differs = f"its {name} is {getattr(row, name)!r} there, and should be {str(should[name])!r}"
    whose = "" if row.is_ours else "; the CFO entered it, so that nobody here changes it"
    return Difference(should["identifier"], row.id, differs + whose, is_mendable=row.is_ours)


def _orphans(rows: Mapping[int, Row], owned: set[int]) -> Iterator[Difference]:
    """Rows that came from here and are no handed-over invoice's."""
    files = {rows[number].source_file for number in owned if number in rows}
    for row in rows.values():
        if row.is_ours and row.id not in owned:
            message = (
                f"a transaction of {row.amount} that came from here twice: delete one of the two"
                if row.source_file in files
                else f"a transaction of {row.amount} that no handed-over invoice is: delete it, unless its invoice waits"
            )
            yield Difference(row.source_file or "", row.id, message, is_mendable=False)


def _waiting(ours: psycopg.Connection) -> Iterator[Difference]:
    for one in waiting_invoices(ours):
        why = one.error or "nobody has taken it up"
        message = f"{one.amount_label} paid {one.paid_at.astimezone(UTC):%Y-%m-%d} and not handed over: {why}"
        yield Difference(one.label, None, message, is_mendable=one.sync_status in (None, "retry"))
