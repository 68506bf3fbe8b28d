"""The CFO sync: look again at what was handed over, claim what is ready, hand it over, record how it ended.

And correcting entities afterwards.

Without Dagster, so that tests and benchmarks run the same code that the asset runs. Killed between any two steps,
the claim expires, and the next sync finds the transaction and links it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.mappings import entity_of
from ledger_pipelines.cfo.retry import after_failure
from ledger_pipelines.cfo.transactions import transactions_of
from ledger_pipelines.columns import Column, array, column, int64s, kept, mask, positions, take
from ledger_pipelines.destinations.cfo.lookup import correct_entities
from ledger_pipelines.destinations.cfo.table import UnfitTableError
from ledger_pipelines.destinations.cfo.transactions import limit_waiting
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.cfo.metrics import waiting_invoices
from ledger_pipelines.store.cfo.sync import (
    OUTCOMES,
    Claim,
    claim_invoices,
    read_mappings,
    record_corrections,
    register_holded_invoices,
    synced_of_months,
)
from ledger_pipelines.store.database import Database
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cfo.connections import CfoConnection, Recorder, our_connection
from ledger_pipelines.workflows.cfo.delivery import Failure, hand_over_batch, sentence
from ledger_pipelines.workflows.cfo.lookup import look_again

Clock = Callable[[], datetime]
Mappings = tuple[pa.Table, pa.Table]
#: How many invoices are handed over at once: one round trip each way for all of them.
BATCH = 12_500
#: How many batches are claimed at once at most: looking for what is ready goes through all that was ever paid.
_BATCHES_OF_A_CLAIM = 4


@dataclass(slots=True)
class SyncCounts:
    """What a sync did, in invoices. `trouble` is why the CFO's database could not take them, the last time.

    `released` were handed over before and are gone there: they are ready again, and handed over by this sync where it
    could. `unseen` is why nobody could look whether any are.
    """

    inserted: int = 0
    linked: int = 0
    to_retry: int = 0
    failed: int = 0
    corrected: int = 0
    released: int = 0
    trouble: str | None = None
    unseen: str | None = None

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
    """Looks again at what was handed over, hands over everything that is ready, and says what came of it.

    `months` are those of the payment, `invoice_ids` these invoices only, `force` failed ones, and those that wait for a
    retry, again from count 0. What is found to be gone in the CFO's database is handed over again, whatever its month.
    Stops after a batch that the CFO's database could not take: what was claimed with it waits for its retry, and the
    rest is not ready any less.
    Raises DatabaseUnavailableError when the ledger's own database fails.
    """
    counts = SyncCounts()
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs, Recorder(ledger) as recorder:
        register_holded_invoices(ours)
        released = _look_again(ours, theirs, counts, clock, [] if invoice_ids is not None else months)
        sync = _Sync(ours, theirs, recorder, read_mappings(ours), clock, batch, counts)
        sync.hand_over(months, invoice_ids, force=force)
        if released and not (months is None and invoice_ids is None):
            sync.hand_over(None, released, force=False)
    return counts


def release_lost(ledger: Database, cfo: Database, *, clock: Clock) -> int:
    """Makes ready again all that was handed over and is gone in the CFO's database, of all months; how many.

    Raises LedgerError when the CFO's database does not let us look.
    """
    counts = SyncCounts()
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs:
        _look_again(ours, theirs, counts, clock, None)
    if counts.unseen is not None:
        raise LedgerError(f"Nobody could look whether what was handed over is there. {counts.unseen}")
    return counts.released


def _look_again(
    ours: psycopg.Connection,
    theirs: CfoConnection,
    counts: SyncCounts,
    clock: Clock,
    months: Sequence[date] | None,
) -> list[int]:
    """The invoices that are gone in the CFO's database. What is ready is tried whether or not one could look."""
    try:
        released = look_again(ours, theirs, clock=clock, months=months)
    except (DatabaseUnavailableError, UnfitTableError) as error:
        counts.unseen = str(error)
        return []
    except psycopg.Error as error:
        if ours.closed:
            raise
        counts.unseen = sentence(error)
        return []
    counts.released = len(released)
    return [one.invoice_id for one in released]


@dataclass(slots=True)
class _Sync:
    """What the batches of one sync share."""

    ours: psycopg.Connection
    theirs: CfoConnection
    recorder: Recorder
    mappings: Mappings
    clock: Clock
    batch: int
    counts: SyncCounts

    def hand_over(
        self, months: Sequence[date] | None, invoice_ids: Sequence[int] | None, *, force: bool
    ) -> None:
        """Hands over what is ready of these months or invoices, batch by batch, until there is trouble."""
        # What is forced is named beforehand: one that fails again would else be taken again and again.
        only = None if invoice_ids is None else frozenset(invoice_ids)
        forced = _batches(self.ours, months, only, self.batch) if force else None
        limit = self.batch
        while not self.counts.trouble and (forced is None or forced):
            claim = claim_invoices(
                self.ours,
                at=self.clock(),
                limit=limit,
                months=months,
                invoice_ids=invoice_ids if forced is None else forced.pop(0),
                force=force,
            )
            for part in claim.parts(self.batch):
                self.counts += _sync_claim(
                    self.theirs,
                    self.recorder,
                    part,
                    self.mappings,
                    at=self.clock(),
                    trouble=self.counts.trouble,
                )
            if forced is None and claim.wanted < limit:
                break
            # One batch at first, so that the recorder soon has something to do.
            limit = min(2 * limit, _BATCHES_OF_A_CLAIM * self.batch)


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
    with our_connection(ledger) as ours:
        synced = synced_of_months(ours, months)
        mappings, _ = read_mappings(ours)
        entities = entity_of(column(synced, "client_name"), mappings)
        differs = mask(pc.not_equal(entities, column(synced, "entity_mapped")))
        wrong = kept(synced.append_column("entity", entities), differs)
        if wrong.num_rows:
            corrections = wrong.select(["cfo_transaction_id", "entity"]).rename_columns(
                ["cfo_transaction_id", "classified_entity"]
            )
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
                f"The entities of {counted(corrections.num_rows, 'transaction')} could not be corrected "
                f"({error.diag.message_primary or type(error).__name__}): the CFO's user must be able to UPDATE them."
            ) from error


def _sync_claim(
    theirs: CfoConnection,
    recorder: Recorder,
    claim: Claim,
    mappings: Mappings,
    *,
    at: datetime,
    trouble: str | None,
) -> SyncCounts:
    """Maps, hands over and has recorded what was claimed; not handed over where there was trouble before."""
    mapped = transactions_of(claim.invoices, *mappings)
    handed = hand_over_batch(theirs, recorder, mapped.transactions, trouble)
    refused = Failure(column(mapped.refused, "invoice_id"), column(mapped.refused, "error"), False)
    sent = _Sent(claim, mapped.transactions)
    parts = [sent.synced(handed.taken)]
    for failure in (refused, *handed.failures):
        parts += sent.failed(failure, at)
    outcomes = pa.concat_tables(parts)
    recorder.record(claim.token, outcomes, mapped.transactions, at)
    new = int(mask(column(handed.taken, "is_new")).sum())
    states = outcomes["sync_status"].to_pylist()
    return SyncCounts(
        inserted=new,
        linked=handed.taken.num_rows - new,
        to_retry=states.count("retry"),
        failed=states.count("failed"),
        trouble=handed.trouble,
    )


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

    def failed(self, failure: Failure, at: datetime) -> list[pa.Table]:
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
