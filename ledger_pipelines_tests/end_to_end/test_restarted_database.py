"""`ledger up` while its PostgreSQL is killed: it is started again, and what is asked for afterwards is done."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import date

import pytest
import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.embedded.cluster import PidFile
from ledger_pipelines_tests.conftest import short_folder
from ledger_pipelines_tests.end_to_end.dagster_pages import DagsterPages
from ledger_pipelines_tests.end_to_end.harness import Ledger, alive, eventually, free_ports, processes_of

WORLD = SandboxConfig(until=date(2025, 6, 30), companies=3, students=8, invoices=16, rate_limit=None)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@pytest.fixture
def embedded() -> Iterator[Ledger]:
    home = short_folder("restarted-")
    yield Ledger(home)
    left = processes_of(home)
    for process in left:
        if process.is_running():
            process.kill()
    shutil.rmtree(home, ignore_errors=True)
    assert alive(left) == []


@pytest.mark.timeout(300)
def test_up_outlives_its_database(embedded: Ledger) -> None:
    port, console = free_ports(2)
    pages, health = DagsterPages(port), f"http://127.0.0.1:{console}/health"
    with running_sandbox(WORLD) as sandbox:
        embedded.use(sandbox)
        with embedded.started("up", "--dagster-port", str(port), "--port", str(console)) as running:
            eventually(lambda: running.says("Up."), seconds=120, what="the start")
            assert requests.get(health, timeout=10).status_code == 200
            before = PidFile.read(embedded.home / "postgres")
            assert before is not None
            os.kill(before.pid, signal.SIGKILL)
            eventually(
                lambda: running.says("The database answers again."), seconds=120, what="the database's return"
            )
            after = PidFile.read(embedded.home / "postgres")
            assert after is not None
            assert after.pid != before.pid
            eventually(
                lambda: requests.get(health, timeout=10).status_code == 200,
                seconds=60,
                what="the console's recovery",
            )
            launched = eventually(lambda: _launched(pages), seconds=60, what="Dagster's recovery", pause=1)
            ended = eventually(
                lambda: (status := pages.status(launched)) in ENDED and status,
                seconds=150,
                what="the run",
                pause=1,
            )
            assert ended == "SUCCESS"
            running.interrupt()
            assert running.finished(seconds=60).code == 0


def _launched(pages: DagsterPages) -> str | None:
    try:
        return pages.launch("2025-03", "companies")
    except (AssertionError, KeyError, TypeError, requests.RequestException):
        return None
