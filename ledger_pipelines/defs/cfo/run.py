"""The CFO sync: claim what is ready, hand it over, record how it ended; and correcting entities afterwards.

Without Dagster, so that tests and benchmarks run the same code that the asset runs. Killed between any two steps,
the claim expires, and the next sync finds the transaction and links it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.mappings import entity_of
from ledger_pipelines.cfo.retry import after_failure, is_transient
from ledger_pipelines.cfo.transactions import transactions_of
from ledger_pipelines.columns import (
    Column,
    array,
    column,
    int64s,
    kept,
    mask,
    positions,
    present,
    take,
)
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.cfo_metrics import waiting_invoices
from ledger_pipelines.store.cfo_sync import (
    OUTCOMES,
    Claim,
    claim_invoices,
    owners_of,
    read_mappings,
    record_corrections,
    record_outcomes,
    register_holded_invoices,
    synced_of_months,
)
from ledger_pipelines.store.cfo_transactions import HANDED_OVER, correct_entities, hand_over, limit_waiting
from ledger_pipelines.store.database import Database

Clock = Callable[[], datetime]
Mappings = tuple[pa.Table, pa.Table]
#: How many invoices are handed over at once: one round trip each way for all of them.
BATCH = 12_500
#: How many batches are claimed at once at most: looking for what is ready goes through all that was ever paid.
_BATCHES_OF_A_CLAIM = 4


@dataclass(slots=True)
class SyncCounts:
    """What a sync did, in invoices. `trouble` is why the CFO's database could not take them, the last time."""

    inserted: int = 0
    linked: int = 0
    to_retry: int = 0
    failed: int = 0
    corrected: int = 0
    trouble: str | None = None

    def __iadd__(self, other: SyncCounts) -> SyncCounts:
        self.inserted += other.inserted
        self.linked += other.linked
        self.to_retry += other.to_retry
        self.failed += other.failed
        self.trouble = other.trouble or self.trouble
        return self


def sync_invoices(
    ledger: Database,
    cfo: Database,
    *,
    clock: Clock,
    months: Sequence[date] | None = None,
    invoice_ids: Sequence[int] | None = None,
    force: bool = False,
    batch: int = BATCH,
) -> SyncCounts:
    """Hands over everything that is ready, batch by batch, and says what came of it.

    `months` are those of the payment, `invoice_ids` these invoices only, `force` failed ones again from count 0. Stops
    after a batch that the CFO's database could not take: what was claimed with it waits for its retry, and the rest is
    not ready any less.
    Raises DatabaseUnavailableError when the ledger's own database fails.
    """
    counts = SyncCounts()
    with _ours(ledger) as ours, _Cfo(cfo) as theirs, _Recorder(ledger) as recorder:
        register_holded_invoices(ours)
        mappings = read_mappings(ours)
        # What is forced is named beforehand: one that fails again would else be taken again and again.
        only = None if invoice_ids is None else frozenset(invoice_ids)
        forced = _batches(ours, months, only, batch) if force else None
        limit = batch
        while forced is None or forced:
            claim = claim_invoices(
                ours,
                at=clock(),
                limit=limit,
                months=months,
                invoice_ids=invoice_ids if forced is None else forced.pop(0),
                force=force,
            )
            for part in claim.parts(batch):
                counts += _sync_claim(theirs, recorder, part, mappings, at=clock(), trouble=counts.trouble)
            if counts.trouble or (forced is None and claim.wanted < limit):
                break
            # One batch at first, so that the recorder soon has something to do.
            limit = min(2 * limit, _BATCHES_OF_A_CLAIM * batch)
    return counts


@contextmanager
def _ours(ledger: Database) -> Iterator[psycopg.Connection]:
    """The ledger's own database; losing it is told as such. What was claimed is taken again when the claim expires."""
    try:
        with ledger.connect(application_name="ledger cfo sync") as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"The ledger's database {ledger.shown} was lost ({type(error).__name__}): run it again when it is back."
        ) from error


def _batches(
    ours: psycopg.Connection, months: Sequence[date] | None, invoice_ids: frozenset[int] | None, batch: int
) -> list[list[int]]:
    """The invoices that are not synced, of these months or these only, in batches."""
    waiting = [one.invoice_id for one in waiting_invoices(ours, months)]
    wanted = waiting if invoice_ids is None else [one for one in waiting if one in invoice_ids]
    return [wanted[place : place + batch] for place in range(0, len(wanted), batch)]


def correct_months(ledger: Database, cfo: Database, months: Sequence[date], *, clock: Clock) -> int:
    """Gives the months' transactions the entities that the mappings say now; how many were wrong.

    Theirs first: killed in between, the next run finds the same difference on our side again.
    """
    with _ours(ledger) as ours:
        synced = synced_of_months(ours, months)
        mappings, _ = read_mappings(ours)
        entities = entity_of(column(synced, "client_name"), mappings)
        differs = mask(pc.not_equal(entities, column(synced, "entity_mapped")).fill_null(True)) & present(
            entities
        )
        wrong = kept(synced.append_column("entity", entities), differs)
        if wrong.num_rows:
            corrections = wrong.select(["cfo_transaction_id", "entity"])
            _correct(cfo, corrections)
            record_corrections(ours, wrong.select(["invoice_id", "cfo_transaction_id", "entity"]), at=clock())
    return wrong.num_rows


def _correct(cfo: Database, corrections: pa.Table) -> None:
    with cfo.connect(application_name="ledger cfo sync") as theirs:
        limit_waiting(theirs)
        try:
            correct_entities(theirs, corrections)
        except psycopg.Error as error:
            raise LedgerError(
                f"The entities of {corrections.num_rows:,} transactions could not be corrected "
                f"({error.diag.message_primary or type(error).__name__}): the CFO's user must be able to UPDATE them."
            ) from error


class _Cfo:
    """The connection to the CFO's database, made when it is first needed and again after it was lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> _Cfo:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def connection(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect(application_name="ledger cfo sync")
            limit_waiting(self._connection)
        return self._connection


class _Recorder:
    """Records how a batch ended while the next is claimed and handed over, on a connection of its own.

    One batch at a time: the next waits until it is written, or raises why it was not.
    """

    def __init__(self, ledger: Database) -> None:
        self._connection = ledger.connect(application_name="ledger cfo sync")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cfo-recorder")
        self._recording: Future[int] | None = None

    def __enter__(self) -> _Recorder:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        with self._connection, self._thread:
            if failed is None:
                self._finish()

    def record(self, token: UUID, outcomes: pa.Table, sent: pa.Table, at: datetime) -> None:
        self._finish()
        self._recording = self._thread.submit(record_outcomes, self._connection, token, outcomes, sent, at=at)

    def owners_of(self, transaction_ids: Column) -> pa.Table:
        """Whose these transactions are, by all that has been recorded."""
        self._finish()
        return owners_of(self._connection, transaction_ids)

    def _finish(self) -> None:
        if self._recording is not None:
            self._recording.result()
            self._recording = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """Invoices that were not handed over, each with why; `transient` ones are tried again."""

    invoice_ids: Column
    errors: Column
    transient: bool


def _sync_claim(
    theirs: _Cfo, recorder: _Recorder, claim: Claim, mappings: Mappings, *, at: datetime, trouble: str | None
) -> SyncCounts:
    """Maps, hands over and has recorded what was claimed; not handed over where there was trouble before."""
    mapped = transactions_of(claim.invoices, *mappings)
    handed, failures = _handed_over(theirs, mapped.transactions, trouble)
    handed, doubles = _without_doubles(recorder, handed)
    refused = _Failure(column(mapped.refused, "invoice_id"), column(mapped.refused, "error"), False)
    sent = _Sent(claim, mapped.transactions)
    parts = [sent.synced(handed)]
    for failure in (refused, doubles, *failures):
        parts += sent.failed(failure, at)
    outcomes = pa.concat_tables(parts)
    recorder.record(claim.token, outcomes, mapped.transactions, at)
    new = int(mask(column(handed, "is_new")).sum())
    states = outcomes["sync_status"].to_pylist()
    lost = [failure.errors[0].as_py() for failure in failures if failure.transient]
    return SyncCounts(
        inserted=new,
        linked=handed.num_rows - new,
        to_retry=states.count("retry"),
        failed=states.count("failed"),
        trouble=lost[-1] if lost else None,
    )


def _handed_over(
    theirs: _Cfo, transactions: pa.Table, trouble: str | None
) -> tuple[pa.Table, list[_Failure]]:
    """What the CFO's database took, and what it refused: one bad record does not hold back the others.

    A batch that is refused is halved until the bad record stands alone. With trouble before, none is tried.
    """
    taken = [HANDED_OVER.empty_table()]
    failures: list[_Failure] = []
    waiting = [transactions] if transactions.num_rows else []
    if waiting and trouble is not None:
        failures.append(_failure(waiting.pop(), trouble, transient=True))
    while waiting:
        part = waiting.pop()
        try:
            handed = hand_over(theirs.connection(), part)
            is_there = present(column(handed, "cfo_transaction_id"))
            taken.append(kept(handed, is_there))
            if not is_there.all():
                failures.append(_failure(kept(handed, ~is_there), _DROPPED, transient=False))
        except pa.ArrowInvalid:
            failures.append(_failure(part, _STRANGE_ID, transient=False))
        except DatabaseUnavailableError as error:
            failures.append(_failure(part, str(error), transient=True))
        except psycopg.Error as error:
            transient = is_transient(error.sqlstate)
            # What is wrong with the table is wrong with every record.
            is_theirs = transient or (error.sqlstate or "").startswith("42")
            if is_theirs or part.num_rows == 1:
                failures.append(_failure(part, _sentence(error), transient=transient))
            else:
                middle = part.num_rows // 2
                waiting += [part.slice(middle), part.slice(0, middle)]
    return pa.concat_tables(taken), failures


def _without_doubles(recorder: _Recorder, handed: pa.Table) -> tuple[pa.Table, _Failure]:
    """What was handed over but for what was linked to another invoice's transaction, and that.

    A transaction that was there is this invoice's, from a sync that was killed, or one that the CFO entered; unless
    another invoice is synced to it: then two invoices have one number, and one of them would vanish.
    """
    is_new = mask(column(handed, "is_new"))
    if is_new.all():
        return handed, _Failure(column(handed.slice(0, 0), "invoice_id"), pa.array([], pa.string()), False)
    owners = recorder.owners_of(column(kept(handed, ~is_new), "cfo_transaction_id"))
    claims = pa.concat_tables(
        part.select(owners.column_names) for part in (owners, kept(handed, is_new), kept(handed, ~is_new))
    )
    ids, transaction_ids = column(handed, "invoice_id"), column(handed, "cfo_transaction_id")
    first = take(
        column(claims, "invoice_id"), positions(transaction_ids, column(claims, "cfo_transaction_id"))
    )
    is_double = mask(pc.not_equal(first, ids))
    texts: Any = [pc.cast(one.filter(array(is_double)), pa.string()) for one in (first, transaction_ids)]
    errors = pc.binary_join_element_wise(
        "Invoice #", texts[0], " has the same number and is the CFO's transaction ", texts[1], _RENUMBER, ""
    )
    return kept(handed, ~is_double), _Failure(ids.filter(array(is_double)), errors, False)


_RENUMBER = ": give one of them another number, then force its sync."


def _failure(part: pa.Table, error: str, *, transient: bool) -> _Failure:
    errors = pa.repeat(pa.scalar(error, pa.string()), part.num_rows)
    return _Failure(column(part, "invoice_id"), errors, transient)


_DROPPED = "The CFO's database took it and kept no row: look for a trigger, a rule or another key of its transactions."
_STRANGE_ID = "The ids of the CFO's transactions are beyond 2,147,483,647, which cannot be kept here."


def _sentence(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"The CFO's database did not take it: {error.diag.message_primary or lines[0]}"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A claim and the transactions that it made, as the outcomes of its attempts name them."""

    claim: Claim
    transactions: pa.Table

    def synced(self, handed: pa.Table) -> pa.Table:
        """The outcomes of what the CFO's database took."""
        return self._outcomes(
            column(handed, "invoice_id"),
            sync_status="synced",
            cfo_transaction_id=column(handed, "cfo_transaction_id"),
            is_new=column(handed, "is_new"),
            linked_entity=column(handed, "linked_entity"),
        )

    def failed(self, failure: _Failure, at: datetime) -> list[pa.Table]:
        """The outcomes of what failed, by how often it was tried before: what comes next depends on that alone."""
        rows = positions(failure.invoice_ids, column(self.claim.invoices, "invoice_id"))
        counts = int64s(take(column(self.claim.invoices, "retry_count"), rows))
        parts = []
        for count in sorted(set(counts.tolist())):
            following = after_failure(count, transient=failure.transient, at=at)
            chosen = array(counts == count)
            parts.append(
                self._outcomes(
                    failure.invoice_ids.filter(chosen),
                    sync_status=following.status,
                    error=failure.errors.filter(chosen),
                    retry_count=following.retry_count,
                    retryable=following.retryable,
                    next_attempt_at=following.next_attempt_at,
                )
            )
        return parts

    def _outcomes(self, ids: Column, **values: Any) -> pa.Table:
        """OUTCOMES of these invoices; `values` are columns, or one value for all."""
        claimed = positions(ids, column(self.claim.invoices, "invoice_id"))
        columns: dict[str, Any] = {
            "invoice_id": ids,
            "retry_count": take(column(self.claim.invoices, "retry_count"), claimed),
            "retryable": True,
            **values,
        }
        arrays = [_as_column(columns.get(field.name), field.type, len(ids)) for field in OUTCOMES]
        return pa.Table.from_arrays(arrays, schema=OUTCOMES)


def _as_column(value: Any, kind: pa.DataType, count: int) -> Column:
    if isinstance(value, pa.Array):
        return value.cast(kind)
    one: Any = pa.scalar(value, kind)
    repeated: Column = pa.repeat(one, count)
    return repeated
