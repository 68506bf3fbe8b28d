"""Handing a batch to the CFO's database: what it took, and what it refused, each with why."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.retry import is_transient
from ledger_pipelines.columns import Column, array, column, kept, mask, positions, present, take
from ledger_pipelines.destinations.cfo.table import UnfitTableError
from ledger_pipelines.destinations.cfo.transactions import HANDED_OVER, hand_over, has_policies
from ledger_pipelines.errors import DatabaseUnavailableError
from ledger_pipelines.workflows.cfo.connections import CfoConnection, Recorder

#: How many parts of a batch may wait in vain for a lock, the first as long as usual and the others briefly: enough to
#: find one invoice that somebody keeps locked, and not too many where it is the whole table.
_VAIN_WAITS = 30
_BRIEFLY = "1s"

_DROPPED = "The CFO's database took it and kept no row: look for a trigger, a rule or another key of its transactions."
_LOCKED = "The CFO's transactions are locked: nothing could be handed over in the time that a sync waits."


@dataclass(frozen=True, slots=True)
class Failure:
    """Invoices that were not handed over, each with why; `transient` ones are tried again."""

    invoice_ids: Column
    errors: Column
    transient: bool


@dataclass(slots=True)
class Batch:
    """What became of a batch: HANDED_OVER, what failed, and why the CFO's database takes nothing now, if so."""

    taken: pa.Table = field(default_factory=HANDED_OVER.empty_table)
    failures: list[Failure] = field(default_factory=list)
    trouble: str | None = None

    def fail(self, part: pa.Table, error: str, *, transient: bool) -> None:
        """These invoices failed for the same reason."""
        errors = pa.repeat(pa.scalar(error, pa.string()), part.num_rows)
        self.failures.append(Failure(column(part, "invoice_id"), errors, transient))


def hand_over_batch(
    theirs: CfoConnection, recorder: Recorder, transactions: pa.Table, trouble: str | None
) -> Batch:
    """Hands over what can be: one bad record does not hold back the others.

    A batch that is refused is halved until the bad record stands alone. With trouble before, none is tried.
    """
    batch = Batch()
    waiting = [transactions] if transactions.num_rows else []
    if waiting and trouble is not None:
        batch.trouble = trouble
        batch.fail(waiting.pop(), trouble, transient=True)
    vain_waits = 0
    while waiting:
        part = waiting.pop()
        if batch.trouble is not None:
            batch.fail(part, batch.trouble, transient=True)
            continue
        try:
            handed = hand_over(theirs.connection(), part, lock_timeout=_BRIEFLY if vain_waits else None)
            _take(batch, handed)
        except UnfitTableError as error:
            batch.fail(part, str(error), transient=False)
        except DatabaseUnavailableError as error:
            batch.trouble = str(error)
            batch.fail(part, batch.trouble, transient=True)
        except psycopg.Error as error:
            vain_waits += isinstance(error, psycopg.errors.LockNotAvailable)
            of_a_record = _is_of_a_record(theirs, error, vain_waits)
            if of_a_record and part.num_rows > 1:
                middle = part.num_rows // 2
                waiting += [part.slice(middle), part.slice(0, middle)]
                continue
            transient = is_transient(error.sqlstate)
            batch.fail(part, sentence(error), transient=transient)
            if transient and not (of_a_record and transactions.num_rows > 1):
                batch.trouble = sentence(error)
    if vain_waits and not batch.taken.num_rows and batch.trouble is None:
        batch.trouble = _LOCKED
    _take_out_doubles(recorder, batch)
    return batch


def _take(batch: Batch, handed: pa.Table) -> None:
    is_there = present(column(handed, "cfo_transaction_id"))
    batch.taken = pa.concat_tables([batch.taken, kept(handed, is_there)])
    if not is_there.all():
        batch.fail(kept(handed, ~is_there), _DROPPED, transient=False)


def _is_of_a_record(theirs: CfoConnection, error: psycopg.Error, vain_waits: int) -> bool:
    """Whether a part was refused because of one of its records, and not for what is wrong with the table or server."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return vain_waits <= _VAIN_WAITS
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return _has_policies(theirs)
    return not is_transient(error.sqlstate) and not (error.sqlstate or "").startswith("42")


def _has_policies(theirs: CfoConnection) -> bool:
    try:
        return has_policies(theirs.connection())
    except (psycopg.Error, DatabaseUnavailableError, UnfitTableError):
        return False


def _take_out_doubles(recorder: Recorder, batch: Batch) -> None:
    """Fails what was linked to another invoice's transaction.

    A transaction that was there is this invoice's, from a sync that was killed, or one that the CFO entered; unless
    another invoice is synced to it: then two invoices have one number, and one of them would vanish.
    """
    handed = batch.taken
    is_new = mask(column(handed, "is_new"))
    if is_new.all():
        return
    linked = kept(handed, ~is_new)
    owners, shared = recorder.owners_of(linked)
    ids, transaction_ids = column(handed, "invoice_id"), column(handed, "cfo_transaction_id")
    # By its Identifier alone one finds another kind's; by its file another of the same kind, which looks otherwise.
    is_other = mask(column(handed, "is_other"))
    is_other |= mask(pc.is_in(ids, value_set=shared)) & ~mask(column(handed, "is_alike"))
    claims = pa.concat_tables(
        part.select(owners.column_names)
        for part in (owners, kept(handed, is_new), kept(handed, ~is_new & ~is_other))
    )
    rows = positions(transaction_ids, column(claims, "cfo_transaction_id"))
    owner = take(column(claims, "invoice_id"), rows)
    is_double = is_other | mask(pc.not_equal(owner, ids))
    doubles = zip(
        *(one.filter(array(is_double)).to_pylist() for one in (owner, transaction_ids)), strict=True
    )
    errors = pa.array([_same_number(whose, transaction) for whose, transaction in doubles], pa.string())
    batch.taken = kept(handed, ~is_double)
    batch.failures.append(Failure(ids.filter(array(is_double)), errors, transient=False))


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
