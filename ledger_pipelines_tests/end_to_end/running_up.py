"""One running `ledger up` on a small school's books, for tests of what is done at Dagster's pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.sign_in import PEOPLE
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.end_to_end.dagster_pages import DagsterPages
from ledger_pipelines_tests.end_to_end.harness import Ledger, eventually, fetch, free_ports, processes_of

SCHOOL = SandboxConfig(until=date(2025, 12, 31), companies=3, students=8, invoices=16, rate_limit=None)
_OF_DAGSTER = ("local.webserver", "local.daemon", "orchestration.run_worker")
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass(frozen=True, slots=True)
class Up:
    """A running `ledger up`, with one month closed by a command before anybody looks; `console` is its address."""

    ledger: Ledger
    database: Database
    pages: DagsterPages
    console: str
    sandbox: Sandbox

    def token(self, user: str) -> str:
        """A token of Core's for one of the sandbox's people."""
        return self.sandbox.signer.user_token(user, PEOPLE[user])

    def dagster_processes(self) -> dict[str, psutil.Process]:
        """Dagster's webserver, its daemon and the process of the run at work, by their names."""
        names = {f"ledger_pipelines.{name}": name.rpartition(".")[2] for name in _OF_DAGSTER}
        return {
            names[argument]: process
            for process in processes_of(self.ledger.home)
            for argument in process.cmdline()
            if argument in names
        }

    def ends(self, run_id: str, *, seconds: float = 150) -> str:
        """The status with which a run ends."""

        def status() -> str | None:
            found = self.pages.status(run_id)
            return found if found in ENDED else None

        return str(eventually(status, seconds=seconds, what=f"the end of run {run_id}", pause=1))

    def waits_for_a_lock(self) -> bool:
        """Whether somebody on the database waits for a lock of the test's."""
        return bool(
            fetch(
                self.database,
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
        )

    def steps(self, run_id: str) -> list[tuple[str, str]]:
        """The steps that a run has begun, and how they ended."""
        return fetch(
            self.database,
            "SELECT step_name, status FROM sync_executions WHERE metadata->>'dagster_run_id' = %s ORDER BY id",
            run_id,
        )


@contextmanager
def running_up(server: EmbeddedServer, folder: Path, *closed: str) -> Iterator[Up]:
    """`ledger up` on a database of its own, once `ledger close` has closed what `closed` says.

    It reads Codex and the school's systems.
    """
    with ExitStack() as stack:
        database = stack.enter_context(copied_database(server))
        ledger = Ledger(folder, database.url)
        sandbox = stack.enter_context(running_sandbox(SCHOOL))
        ledger.use_all(sandbox)
        done = ledger("close", *closed)
        assert done.code == 0, done.err
        port, console = free_ports(2)
        pages = DagsterPages(port)
        running = stack.enter_context(
            ledger.started(
                "up", "--dagster-port", str(pages.port), "--port", str(console), BACKFILL_SECONDS="2"
            )
        )
        eventually(lambda: running.says("Up."), seconds=120, what="Dagster's start")
        yield Up(ledger, database, pages, f"http://127.0.0.1:{console}", sandbox)
