"""The CFO sync: look again at what was handed over, claim what is ready, hand it over, record how it ended.

Killed between any two of these steps, the claim expires, and the next sync finds the transaction and links it. And
correcting entities afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa

from ledger_pipelines.cfo.frames import TRANSACTIONS
from ledger_pipelines.cfo.mappings import entity_of
from ledger_pipelines.cfo.transactions import transactions_of
from ledger_pipelines.destinations.cfo.lookup import correct_rows
from ledger_pipelines.destinations.cfo.table import UnfitTableError
from ledger_pipelines.destinations.cfo.transactions import Transaction, limit_waiting
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.cfo.deliveries import record_entities, synced_of_months
from ledger_pipelines.store.cfo.metrics import waiting_invoices
from ledger_pipelines.store.cfo.sync import (
    Attempt,
    claim_invoices,
    read_mappings,
    record_attempts,
    register_holded_invoices,
)
from ledger_pipelines.store.database import Database
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cfo.connections import CfoConnection, our_connection
from ledger_pipelines.workflows.cfo.delivery import Failure, deliver, refuse_of_others, sentence
from ledger_pipelines.workflows.cfo.lookup import look_again

Clock = Callable[[], datetime]
#: The columns of TRANSACTIONS in texts, as they are sent and logged.
_IN_TEXTS = pa.schema([(name, pa.string()) for name in TRANSACTIONS.names if name != "invoice_id"])
#: How many invoices are claimed, handed over and recorded at once: one round trip each way for all of them.
BATCH = 10_000


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
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs, _Recorder(ledger, counts) as recorder:
        register_holded_invoices(ours)
        released = _look_again(ours, theirs, counts, clock, [] if invoice_ids is not None else months)
        sync = _Sync(ours, theirs, recorder, read_mappings(ours), clock, batch, counts)
        if force:
            sync.force(months, invoice_ids)
        else:
            sync.hand_over(months, invoice_ids)
        if released and not (months is None and invoice_ids is None):
            sync.hand_over(None, released)
        recorder.wait()
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


class _Recorder:
    """Records how a batch ended while the next one is claimed and handed over: a quarter of a large sync's time.

    One batch at a time, on a connection of its own. Until it is recorded, its claim keeps other syncs away from it.
    """

    def __init__(self, ledger: Database, counts: SyncCounts) -> None:
        self._ledger = ledger
        self._counts = counts
        self._stack = ExitStack()
        self._recording: Future[Counter[str]] | None = None

    def __enter__(self) -> _Recorder:
        self._connection = self._stack.enter_context(our_connection(self._ledger))
        self._thread = self._stack.enter_context(ThreadPoolExecutor(1, "recording"))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def record(self, token: UUID, attempts: Sequence[Attempt], at: datetime) -> None:
        """Begins to record how the attempts of a claim ended."""
        self._recording = self._thread.submit(record_attempts, self._connection, token, attempts, at=at)

    def wait(self) -> None:
        """Waits until what was begun is recorded, and counts it. Raises psycopg.Error when it could not be."""
        if self._recording is not None:
            states = self._recording.result()
            self._counts.to_retry += states["retry"]
            self._counts.failed += states["failed"]
            self._recording = None


@dataclass(slots=True)
class _Sync:
    """What the batches of one sync share."""

    ours: psycopg.Connection
    theirs: CfoConnection
    recorder: _Recorder
    mappings: tuple[pa.Table, pa.Table]
    clock: Clock
    batch: int
    counts: SyncCounts

    def hand_over(self, months: Sequence[date] | None, invoice_ids: Sequence[int] | None) -> None:
        """Hands over what is ready of these months or invoices, batch by batch, until there is trouble."""
        while not self.counts.trouble and self._hand_over(months=months, invoice_ids=invoice_ids):
            pass

    def force(self, months: Sequence[date] | None, invoice_ids: Sequence[int] | None) -> None:
        """Hands over what is not synced, failed or not. One that fails again is not taken again: each is named first."""
        waiting = [
            one.invoice_id
            for one in waiting_invoices(self.ours, months)
            if invoice_ids is None or one.invoice_id in invoice_ids
        ]
        for place in range(0, len(waiting), self.batch):
            if not self.counts.trouble:
                self._hand_over(invoice_ids=waiting[place : place + self.batch], force=True)

    def _hand_over(self, **which: Any) -> bool:
        """Claims a batch, hands it over and records how it ended; false where nothing was left to claim."""
        claim = claim_invoices(self.ours, at=self.clock(), limit=self.batch, **which)
        if not claim.invoices.num_rows:
            return False
        at = self.clock()
        mapped = transactions_of(claim.invoices, *self.mappings)
        ids: list[Any] = mapped.transactions["invoice_id"].to_pylist()
        rows: list[Any] = mapped.transactions.drop_columns(["invoice_id"]).cast(_IN_TEXTS).to_pylist()
        batch = deliver(self.theirs, [*map(Transaction, ids, rows)])
        self.recorder.wait()
        refuse_of_others(self.ours, batch)
        refused: list[Failure] = [
            Failure(one["invoice_id"], one["error"], False) for one in mapped.refused.to_pylist()
        ]
        claimed: list[dict[str, Any]] = claim.invoices.select(["invoice_id", "retry_count"]).to_pylist()
        retries = {one["invoice_id"]: one["retry_count"] for one in claimed}
        sent: dict[int, Mapping[str, str]] = dict(zip(ids, rows, strict=True))
        attempts = [
            Attempt(
                one.invoice_id,
                retries[one.invoice_id],
                sent[one.invoice_id],
                transaction_id=one.transaction_id,
                is_new=one.match == "new",
                linked_entity=one.entity,
            )
            for one in batch.delivered
        ]
        attempts += [
            Attempt(
                one.invoice_id,
                retries[one.invoice_id],
                sent.get(one.invoice_id),
                error=one.error,
                is_transient=one.is_transient,
            )
            for one in [*refused, *batch.failures]
        ]
        self.recorder.record(claim.token, attempts, at)
        new = sum(one.match == "new" for one in batch.delivered)
        self.counts.inserted += new
        self.counts.linked += len(batch.delivered) - new
        self.counts.trouble = batch.trouble
        return True


def correct_months(ledger: Database, cfo: Database, months: Sequence[date], *, clock: Clock) -> int:
    """Gives the months' transactions the entities that the mappings say now; how many were wrong.

    What no mapping matches any more keeps its entity. Theirs first: killed in between, the next run finds the same
    difference on our side again. Raises LedgerError when the CFO's database does not let us correct them.
    """
    with our_connection(ledger) as ours:
        synced = synced_of_months(ours, months)
        mappings, _ = read_mappings(ours)
        entities = entity_of(synced["client_name"].combine_chunks(), mappings).to_pylist()
        wrong = [
            (one["invoice_id"], one["cfo_transaction_id"], entity)
            for one, entity in zip(synced.to_pylist(), entities, strict=True)
            if entity not in (None, one["entity_mapped"])
        ]
        if wrong:
            invoices, transactions, entities = (list(values) for values in zip(*wrong, strict=True))
            _correct(cfo, transactions, entities)
            record_entities(ours, invoices, entities, at=clock())
    return len(wrong)


def _correct(cfo: Database, transactions: Sequence[int], entities: Sequence[str]) -> None:
    with cfo.connect(application_name="ledger cfo sync") as theirs:
        limit_waiting(theirs)
        try:
            correct_rows(theirs, transactions, {"classified_entity": entities})
        except psycopg.Error as error:
            raise LedgerError(
                f"The entities of {counted(len(transactions), 'transaction')} could not be corrected "
                f"({error.diag.message_primary or type(error).__name__}): the CFO's user must be able to UPDATE them."
            ) from error
