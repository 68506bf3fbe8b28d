"""Kills at random instants, of whatever belongs to `ledger up`, while one run is under way and another one waits for it.

`LEDGER_TRIALS` says how many; one where it is not set. The seed is printed, and taken from `LEDGER_SEED`.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.dagster_pages import DagsterPages
from ledger_pipelines_tests.end_to_end.harness import Ledger, Running, alive, fetch, free_ports, processes_of

TRIALS = int(os.environ.get("LEDGER_TRIALS", "1"))
SEED = int(os.environ.get("LEDGER_SEED", str(random.randrange(10**6))))
SCHOOL = SandboxConfig(until=date(2025, 12, 31), companies=3, students=8, invoices=16, rate_limit=None)
#: What is killed, by a word of its command line; `up` and the database are found otherwise.
TARGETS = {
    "worker": "ledger_pipelines.orchestration.run_worker",
    "webserver": "ledger_pipelines.local.webserver",
    "daemon": "ledger_pipelines.local.daemon",
    "code server": "--module-name",
    "database": "",
    "up": "",
}
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
A_MINUTE = 60.0


@dataclass(slots=True)
class Killing:
    """A ledger whose processes are killed, again and again."""

    ledger: Ledger
    pages: DagsterPages
    stack: ExitStack
    chance: random.Random
    running: Running | None = None
    seen: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return Database(f"postgresql://postgres@/ledger?host={self.ledger.home}/postgres")

    @property
    def ports(self) -> tuple[str, ...]:
        """Where `ledger up` listens."""
        return "--dagster-port", str(self.pages.port), "--port", str(free_ports(1)[0])

    def bring_up(self) -> None:
        """Starts `ledger up`, which must come up by itself whatever happened before."""
        self.running = self.stack.enter_context(self.ledger.started("up", *self.ports))
        self.until(
            lambda: self.running is not None and self.running.says("Up."), 150, "a start that works by itself"
        )

    def kill_a_start(self) -> None:
        """Kills a start at any instant; where more than one is killed, a start in between must work."""
        with self.ledger.started("up", *self.ports) as running:
            time.sleep(self.chance.uniform(0, 15))
            running.kill()
        self.seen["starts"] += 1
        if self.seen["starts"] < TRIALS:
            with self.ledger.started("up", *self.ports) as running:
                self.until(lambda: running.says("Up."), 150, "a start that works by itself")

    def trial(self, target: str, *, between_steps: bool) -> None:
        """One run under way, one behind it, a kill, and a look at what became of them."""
        self.until(self.pages.answers, 60, "the pages' answer")
        month = f"2025-{self.chance.randrange(1, 13):02}"
        first = self._launched(month)
        second = self._launched(month)
        self.until(lambda: self._status(first) not in ("QUEUED", "STARTING"), 90, "the run's begin")
        if between_steps:
            self.until(lambda: self._is_between_steps(first), 60, "an instant between two steps")
        else:
            time.sleep(self.chance.uniform(0, 2.5))
        was_killed = self._kill(target, first)
        killed_at = time.monotonic()
        if target == "up":
            self.bring_up()
            killed_at = time.monotonic()
        # A run that lives may have a step that is tried again later: it is not in a dead run's way.
        patience = A_MINUTE if was_killed else 300
        self.until(
            lambda: self._status(first) in ENDED, patience, f"the run's end after the kill of {target}"
        )
        self._note("failed" if was_killed else "ended", killed_at)
        self.until(lambda: self._goes_on(first, second), A_MINUTE, "the begin of the waiting run")
        if was_killed:
            self._note("the next begun", killed_at)
        status = self._status(first)
        self.seen[f"{target} {'between steps' if between_steps else 'anywhere'}: {status}"] += 1
        if was_killed and status == "FAILURE":
            # One that is open for the job already stays as it is.
            alerts = (
                "SELECT count(*) FROM alerts WHERE kind = 'run_failed' AND subject = 'month_close' "
                "AND (message LIKE %s OR cleared_at IS NULL)"
            )
            self.until(lambda: self._fetch(alerts, f"%{first[:8]}%") != [(0,)], A_MINUTE, "the alert")
        self.until(self._is_all_ended, 300, "the end of everything")
        print(
            f"{sum(self.seen.values())}: at most seconds until {self.slowest}: {dict(self.seen)}", flush=True
        )

    def _note(self, what: str, since: float) -> None:
        self.slowest[what] = round(max(self.slowest.get(what, 0.0), time.monotonic() - since), 1)

    def _launched(self, month: str) -> str:
        """A run that was accepted: what was killed before may not be back for a moment."""
        deadline = time.monotonic() + A_MINUTE
        while True:
            try:
                return self.pages.launch(month)
            except (AssertionError, OSError, KeyError):
                assert time.monotonic() < deadline, "no run could be launched within a minute"
                time.sleep(1)

    def _kill(self, target: str, run_id: str) -> bool:
        """Kills the target; whether the run was still under way."""
        assert self.running is not None
        was_under_way = self._status(run_id) not in ENDED
        if target == "up":
            self.running.kill()
        elif target == "database":
            pid = (self.ledger.home / "postgres" / "postmaster.pid").read_text().split()[0]
            psutil.Process(int(pid)).kill()
        else:
            for process in processes_of(self.ledger.home):
                with suppress(psutil.Error):
                    words = process.cmdline()
                    if any(TARGETS[target] in word for word in words) and (
                        target != "worker" or run_id in words
                    ):
                        process.kill()
        return was_under_way and target in ("worker", "daemon", "up")

    def _is_between_steps(self, run_id: str) -> bool:
        states = self._fetch(
            "SELECT status FROM sync_executions WHERE metadata->>'dagster_run_id' = %s ORDER BY id DESC LIMIT 1",
            run_id,
        )
        return states == [("completed",)] or self._status(run_id) in ENDED

    def _status(self, run_id: str) -> str:
        rows = self._fetch("SELECT status FROM dagster.runs WHERE run_id = %s", run_id)
        return rows[0][0] if rows else "NOT_STARTED"

    def _goes_on(self, first: str, second: str) -> bool:
        """Whether the waiting run has begun, or one before it in the queue: Dagster tries killed ones again."""
        if self._status(second) in ("STARTING", "STARTED", *ENDED):
            return True
        others = "SELECT count(*) FROM dagster.runs WHERE run_id <> %s AND status IN ('STARTING', 'STARTED')"
        return self._fetch(others, first) not in ([], [(0,)])

    def _is_all_ended(self) -> bool:
        # A launch that was refused meanwhile left a run that was made, and is in nobody's way.
        over = [*ENDED, "NOT_STARTED"]
        return self._fetch("SELECT count(*) FROM dagster.runs WHERE status <> ALL(%s)", over) == [(0,)]

    def _fetch(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """The rows, or none while there is no database."""
        try:
            return fetch(self.database, query, *parameters)
        except (LedgerError, psycopg.Error):
            return []

    def until(self, look: object, seconds: float, what: str) -> None:
        assert callable(look)
        deadline = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s; {self._told()}"
            time.sleep(0.1)

    def _told(self) -> str:
        runs = self._fetch("SELECT run_id, status FROM dagster.runs ORDER BY id DESC LIMIT 4")
        return f"seed {SEED}, runs {runs}, so far {dict(self.seen)}"


@pytest.fixture
def killing() -> Iterator[Killing]:
    # A short path: a Unix socket's name may have about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="kills-"))
    with ExitStack() as stack:
        ledger = Ledger(home, variables={"LEDGER_FIRST_MONTH": "2025-01"})
        ledger.use(stack.enter_context(running_sandbox(SCHOOL)))
        yield Killing(ledger, DagsterPages(*free_ports(1)), stack, random.Random(SEED))
    left = processes_of(home)
    found = alive(left)
    for process in left:
        if process.is_running():
            process.kill()
    shutil.rmtree(home, ignore_errors=True)
    assert found == []


@pytest.mark.timeout(240 + 460 * TRIALS)
def test_killed_starts_are_followed_by_one_that_works_and_a_killed_run_by_what_waited_for_it(
    killing: Killing,
) -> None:
    print(f"seed {SEED}")
    for _ in range(TRIALS):
        killing.kill_a_start()
    killing.bring_up()
    targets = list(TARGETS)
    killing.chance.shuffle(targets)
    # The worker first: it is the shortest way to a dead run.
    targets = ["worker", *(target for target in targets if target != "worker")]
    for number in range(TRIALS):
        killing.trial(
            targets[number % len(targets)], between_steps=(number // len(targets) + number) % 2 == 1
        )
