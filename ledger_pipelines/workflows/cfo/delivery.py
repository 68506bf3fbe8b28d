"""Handing a batch to the CFO's database: what it took, and what it refused, each with why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg

from ledger_pipelines.cfo.retry import is_transient
from ledger_pipelines.destinations.cfo.table import UnfitTableError
from ledger_pipelines.destinations.cfo.transactions import Delivered, Transaction, hand_over, has_policies
from ledger_pipelines.errors import DatabaseUnavailableError
from ledger_pipelines.store.cfo.deliveries import of_shared_numbers, owners_of
from ledger_pipelines.workflows.cfo.connections import CfoConnection

#: How many parts of a batch may wait in vain for a lock, the first as long as usual and the others briefly: enough to
#: find one invoice that somebody keeps locked, and not too many where it is the whole table.
_VAIN_WAITS = 30
_BRIEFLY = "1s"

_DROPPED = "The CFO's database took it and kept no row: look for a trigger, a rule or another key of its transactions."
_LOCKED = "The CFO's transactions are locked: nothing could be handed over in the time that a sync waits."


class Failure(NamedTuple):
    """An invoice that was not handed over, with why; a transient failure is tried again."""

    invoice_id: int
    error: str
    is_transient: bool


@dataclass(slots=True)
class Batch:
    """What became of a batch, and why the CFO's database takes nothing now, if so."""

    delivered: list[Delivered] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    trouble: str | None = None

    def fail(self, part: Sequence[Transaction], error: str, *, is_transient: bool) -> None:
        """These failed for the same reason."""
        self.failures += [Failure(one.invoice_id, error, is_transient) for one in part]


def deliver(theirs: CfoConnection, transactions: Sequence[Transaction]) -> Batch:
    """Hands over what can be: one bad record does not hold back the others.

    A batch that is refused is halved until the bad record stands alone. Whose the transactions are that were there
    already, `refuse_of_others` asks.
    """
    batch = Batch()
    waiting = [transactions] if transactions else []
    vain_waits = 0
    while waiting:
        part = waiting.pop()
        if batch.trouble is not None:
            batch.fail(part, batch.trouble, is_transient=True)
            continue
        try:
            lock_timeout = _BRIEFLY if vain_waits else None
            batch.delivered += hand_over(theirs.connection(), part, lock_timeout=lock_timeout)
        except UnfitTableError as error:
            batch.fail(part, str(error), is_transient=False)
        except DatabaseUnavailableError as error:
            batch.trouble = str(error)
            batch.fail(part, batch.trouble, is_transient=True)
        except psycopg.Error as error:
            vain_waits += isinstance(error, psycopg.errors.LockNotAvailable)
            is_of_a_record = _is_of_a_record(theirs, error, vain_waits)
            if is_of_a_record and len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
                continue
            passes = is_transient(error.sqlstate)
            batch.fail(part, sentence(error), is_transient=passes)
            if passes and not (is_of_a_record and len(transactions) > 1):
                batch.trouble = sentence(error)
    if vain_waits and not batch.delivered and batch.trouble is None:
        batch.trouble = _LOCKED
    return batch


def _is_of_a_record(theirs: CfoConnection, error: psycopg.Error, vain_waits: int) -> bool:
    """Whether a part was refused because of one of its records, and not for what is wrong with the table or server."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return vain_waits <= _VAIN_WAITS
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        try:
            return has_policies(theirs.connection())
        except (psycopg.Error, DatabaseUnavailableError, UnfitTableError):
            return False
    return not is_transient(error.sqlstate) and not (error.sqlstate or "").startswith("42")


def refuse_of_others(ours: psycopg.Connection, batch: Batch) -> None:
    """Fails what the CFO's database kept no row of, and what was linked to another invoice's transaction.

    A transaction that was there is this invoice's, from a sync that was killed, or one that the CFO entered; unless
    another invoice is synced to it: then two invoices have one number, and one of them would vanish. All earlier
    batches must have been recorded.
    """
    linked = [one for one in batch.delivered if one.match != "new"]
    if not linked:
        return
    numbers = [one.transaction_id for one in linked if one.transaction_id is not None]
    owners = owners_of(ours, numbers)
    shared = of_shared_numbers(ours, [one.invoice_id for one in linked])
    # By its Identifier alone one finds another kind's; by its file another of the same kind, which looks otherwise.
    others = {
        one.invoice_id
        for one in linked
        if one.match == "other" or (one.match != "same" and one.invoice_id in shared)
    }
    for one in sorted(batch.delivered, key=lambda one: one.match != "new"):
        if one.transaction_id is not None and one.invoice_id not in others:
            owners.setdefault(one.transaction_id, one.invoice_id)
    for one in linked:
        if one.transaction_id is None:
            batch.failures.append(Failure(one.invoice_id, _DROPPED, is_transient=False))
        elif one.invoice_id in others or owners[one.transaction_id] != one.invoice_id:
            error = _same_number(owners.get(one.transaction_id), one.transaction_id)
            batch.failures.append(Failure(one.invoice_id, error, is_transient=False))
    failed = {one.invoice_id for one in batch.failures}
    batch.delivered = [one for one in batch.delivered if one.invoice_id not in failed]


def _same_number(owner: int | None, transaction: int) -> str:
    whose = "Another invoice" if owner is None else f"Invoice #{owner}"
    return (
        f"{whose} has the same number and is the CFO's transaction {transaction}: give one of them another number, "
        "then force its sync."
    )


def sentence(error: psycopg.Error) -> str:
    """What the CFO's database said, in one sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"The CFO's database did not take it: {error.diag.message_primary or lines[0]}"
