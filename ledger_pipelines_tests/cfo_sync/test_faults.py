"""Exactly once, whatever happens: two syncs at once, and something breaks at a random instant.

`LEDGER_FAULT_TRIALS` says how many trials (12, unless it is set), `LEDGER_FAULT_SEED` repeats the choices of a seed
that a run has printed. The long version: `LEDGER_FAULT_TRIALS=300 pytest -s -k faults ledger_pipelines_tests/cfo_sync`.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import psycopg
import pytest

from ledger_pipelines.errors import DatabaseUnavailableError
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.cfo.sync import sync_invoices
from ledger_pipelines_tests.cfo_sync.building import NOON, Books
from ledger_pipelines_tests.cfo_sync.servers import CfoServer, cut_connections

TRIALS = int(os.environ.get("LEDGER_FAULT_TRIALS") or 12)
SEED = int(os.environ.get("LEDGER_FAULT_SEED") or random.SystemRandom().randrange(1 << 32))
INVOICES = 20
BATCH = 3
#: A sync takes milliseconds: one that is not over by then hangs.
_PATIENCE = 60.0

# Its children have all modules from the start, also pandas, which pyarrow imports when it is first used: what takes
# time in them is the sync.
_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__, "pandas"])


def _sync(ledger: Database, cfo: Database, at: datetime, pipe: Connection) -> None:
    """A sync in a process of its own: begins when it is told to, and tells what came of it."""
    pipe.send("ready")
    pipe.recv()
    try:
        counts = sync_invoices(ledger, cfo, clock=lambda: at, batch=BATCH)
        pipe.send("trouble" if counts.trouble else "well")
    except (DatabaseUnavailableError, psycopg.OperationalError):
        pipe.send("our database failed")


@dataclass
class RunningSync:
    """A sync that runs beside the test."""

    process: BaseProcess
    pipe: Connection

    @classmethod
    def ready(cls, books: Books) -> RunningSync:
        """One that waits to be told to begin."""
        here, there = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=_sync, args=(books.ledger, books.cfo, books.watch.now, there))
        process.start()
        there.close()
        assert here.poll(_PATIENCE)
        assert here.recv() == "ready"
        return cls(process, here)

    def begin(self) -> None:
        self.pipe.send("begin")

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()

    def end(self) -> str:
        """Waits for its end and says how it was: well, trouble, killed, or our database failed."""
        try:
            assert self.pipe.poll(_PATIENCE), "a sync hangs"
            ending = str(self.pipe.recv())
        except (EOFError, ConnectionResetError):
            ending = "killed"
        self.process.join(_PATIENCE)
        assert ending == "killed" or self.process.exitcode in {0, -9}
        assert ending != "killed" or self.process.exitcode == -9, (
            "a sync ended by itself in a way it must not"
        )
        self.pipe.close()
        self.process.close()
        return ending


Fault = Callable[[], None]


def faults(books: Books, server: CfoServer, syncs: list[RunningSync]) -> dict[str, Fault]:
    """What can happen at the random instant."""

    def kill_both() -> None:
        for sync in syncs:
            sync.kill()

    return {
        "kill one": syncs[0].kill,
        "kill both": kill_both,
        "cut our connections": lambda: _cut(books.ledger),
        "cut the CFO's connections": lambda: _cut(books.cfo),
        "stop the CFO's server": server.stop,
    }


KINDS = ("kill one", "kill both", "cut our connections", "cut the CFO's connections", "stop the CFO's server")


def _cut(database: Database) -> None:
    cut_connections(database)


def run_two(books: Books, disturb: Callable[[list[RunningSync]], None]) -> list[str]:
    """Two syncs at once, disturbed; how each ended."""
    syncs = [RunningSync.ready(books) for _ in range(2)]
    for sync in syncs:
        sync.begin()
    disturb(syncs)
    return [sync.end() for sync in syncs]


def recover(books: Books) -> None:
    """What the hours after bring by themselves: claims expire and retries fall due."""
    for _ in range(5):
        books.watch.forward(minutes=16)
        books.sync()


def assert_once_each(books: Books, first_id: int) -> None:
    """Every paid invoice from this id on has exactly one transaction and one mapping, and is complete."""
    invoices = books.ours(
        "SELECT id, invoice_number, amount_usd, status FROM crypto_invoices WHERE id >= %s", first_id
    )
    assert len(invoices) == INVOICES
    numbers = [row["invoice_number"] for row in invoices]
    transactions = books.theirs(
        "SELECT id, identifier, source_file, amount FROM transactions WHERE identifier = ANY (%s)", numbers
    )
    assert Counter(row["identifier"] for row in transactions) == Counter(numbers)
    by_number = {row["identifier"]: row for row in transactions}
    synced = books.ours(
        "SELECT invoice_id, sync_status, cfo_transaction_id FROM crypto_invoice_cfo_sync WHERE invoice_id >= %s",
        first_id,
    )
    assert Counter(row["invoice_id"] for row in synced) == Counter(row["id"] for row in invoices)
    states = {row["invoice_id"]: row for row in synced}
    for invoice in invoices:
        transaction = by_number[invoice["invoice_number"]]
        assert transaction["source_file"] == f"crypto_invoice_{invoice['invoice_number']}"
        assert transaction["amount"] == invoice["amount_usd"]
        state = states[invoice["id"]]
        assert (state["sync_status"], state["cfo_transaction_id"]) == ("synced", transaction["id"])
        assert invoice["status"] == "complete"
    assert_inserted_at_most_once(books, first_id)


def assert_inserted_at_most_once(books: Books, first_id: int) -> None:
    twice = books.ours(
        """SELECT invoice_id FROM crypto_cfo_sync_log
           WHERE invoice_id >= %s AND response_data ->> 'inserted' = 'true' GROUP BY 1 HAVING count(*) > 1""",
        first_id,
    )
    assert twice == []


def new_invoices(books: Books, prefix: str) -> int:
    """This trial's invoices; the id of the first."""
    books.many_paid(INVOICES, prefix)
    return int(books.ours("SELECT max(id) - %s AS first FROM crypto_invoices", INVOICES - 1)[0]["first"])


@pytest.fixture
def undisturbed_seconds(books: Books) -> float:
    """How long two syncs take when nothing happens, so that the instants hit all of it."""
    durations = []
    for trial in range(3):
        first = new_invoices(books, f"undisturbed-{trial}-")
        syncs = [RunningSync.ready(books) for _ in range(2)]
        began = time.monotonic()
        for sync in syncs:
            sync.begin()
        assert [sync.end() for sync in syncs] == ["well", "well"]
        durations.append(time.monotonic() - began)
        assert_once_each(books, first)
    return min(durations)


def test_two_syncs_at_once_never_take_one_invoice(books: Books) -> None:
    for trial in range(4):
        first = new_invoices(books, f"{trial}-")
        assert run_two(books, lambda _: None) == ["well", "well"]
        assert_once_each(books, first)
    attempts = books.ours(
        "SELECT invoice_id, count(*) FROM crypto_cfo_sync_log GROUP BY 1 HAVING count(*) > 1"
    )
    assert attempts == []


def planned(seed: int, trials: int) -> Iterator[tuple[str, float]]:
    """What happens in each trial, and when: the share of an undisturbed run. Each kind is as frequent as any."""
    chance = random.Random(seed)
    kinds = [KINDS[place % len(KINDS)] for place in range(trials)]
    chance.shuffle(kinds)
    for kind in kinds:
        yield kind, chance.uniform(0.0, 1.0)


@pytest.mark.timeout(60 + 5 * TRIALS)
def test_faults_at_random_instants_lose_nothing_and_double_nothing(
    books: Books, cfo_server: CfoServer, undisturbed_seconds: float
) -> None:
    print(
        f"\nLEDGER_FAULT_SEED={SEED} LEDGER_FAULT_TRIALS={TRIALS}, undisturbed: {undisturbed_seconds:.3f} s"
    )
    began = time.monotonic()
    met: Counter[tuple[str, str]] = Counter()
    interrupted = 0
    for trial, (kind, share) in enumerate(planned(SEED, TRIALS)):
        books.watch.now = NOON + timedelta(days=trial)
        first = new_invoices(books, f"{trial}-")
        instant = share * undisturbed_seconds

        def disturb(syncs: list[RunningSync], kind: str = kind, instant: float = instant) -> None:
            time.sleep(instant)
            faults(books, cfo_server, syncs)[kind]()

        endings = run_two(books, disturb)
        if kind == "stop the CFO's server":
            cfo_server.start()
        left = books.ours(
            """SELECT count(*) FROM crypto_invoices i LEFT JOIN crypto_invoice_cfo_sync s ON s.invoice_id = i.id
               WHERE i.id >= %s AND s.sync_status IS DISTINCT FROM 'synced'""",
            first,
        )[0]["count"]
        interrupted += left > 0
        met.update((kind, ending) for ending in endings)
        try:
            recover(books)
            assert_once_each(books, first)
        except BaseException:
            print(
                f"trial {trial} of seed {SEED}: {kind} after {instant:.4f} s, endings {endings}, {left} left over"
            )
            raise
    print(f"{TRIALS} trials in {time.monotonic() - began:.1f} s, {interrupted} left something to make good")
    for (kind, ending), count in sorted(met.items()):
        print(f"  {kind:27} {ending:20} {count}")
    # Faults that all come too late would show nothing.
    assert interrupted >= TRIALS // 6


def test_the_plan_of_a_seed_is_the_same_each_time() -> None:
    assert list(planned(7, 40)) == list(planned(7, 40))
    assert {kind for kind, _ in planned(SEED, 12)} == set(KINDS)
