"""Days of schedules and sensors with faults in all sources: at the end the books are those of days without any.

A clock says when each schedule ticks; `LEDGER_SOAK_DAYS` says how many days, from so many before the close of January on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import requests
import time_machine
from dagster._utils.schedules import schedule_execution_time_iterator

from ledger_pipelines.definitions import definitions
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import month_range, parse_month
from ledger_pipelines.orchestration.resources import environment_resources
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.defs import closing
from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.unrecorded import unrecorded

#: The morning after the close of January, by when everything must have come right.
END = datetime(2025, 2, 3, tzinfo=UTC)
DAYS = int(os.environ.get("LEDGER_SOAK_DAYS") or 2)
SCHEDULES = ("tickets_every_six_hours", "backup_daily", "import_steps_daily", "month_close_monthly")
EXPORTS = ("statements", "accruals", "aging", "trial-balance", "journal")
MONTHS = ("2024-01", "2025-03")
CLEAN = SandboxConfig(
    until=date(2025, 2, 2), companies=3, students=8, invoices=16, rate_limit=None, stall_seconds=0.2
)


@dataclass(slots=True)
class Soak:
    """What became of the runs that schedules and sensors asked for."""

    database: Database
    sandbox: Sandbox
    instance: dg.DagsterInstance
    cursor: str | None = None
    ended: Counter[str] = field(default_factory=Counter)

    def live(self, since: datetime, until: datetime) -> None:
        """Every tick of the schedules in their order, the sensor after each, and the day's news at midnight."""
        day = since.date()
        for moment, name in sorted(_ticks(since, until)):
            if moment.date() != day:
                day = moment.date()
                requests.post(f"{self.sandbox.base_url}/sandbox/news", timeout=5).raise_for_status()
            with time_machine.travel(moment, tick=True):
                self._tick(name, moment)
                self._look()

    def _tick(self, name: str, moment: datetime) -> None:
        schedule = definitions().resolve_schedule_def(name)
        context = dg.build_schedule_context(
            self.instance,
            moment,
            resources={"ledger": environment_resources()["ledger"]},
            repository_def=definitions().get_repository_def(),
        )
        self._run(schedule.job_name, schedule.evaluate_tick(context).run_requests or ())

    def _look(self) -> None:
        sensor = definitions().resolve_sensor_def("paid_invoices")
        context = dg.build_sensor_context(
            self.instance,
            self.cursor,
            resources={"ledger": environment_resources()["ledger"]},
            repository_def=definitions().get_repository_def(),
        )
        found = sensor.evaluate_tick(context)
        self.cursor = found.cursor
        self._run("cfo_sync", found.run_requests or ())

    def _run(self, job: str, asked: Sequence[dg.RunRequest]) -> None:
        for request in asked:
            first = request.tags.get("dagster/asset_partition_range_start") or request.partition_key
            last = request.tags.get("dagster/asset_partition_range_end") or first
            assert first is not None
            assert last is not None
            try:
                closing.run(self.database, _span(first, last), job=job)
            except LedgerError:
                # What a source's fault does to a run, a later one mends.
                self.ended[f"{job} failed"] += 1
            else:
                self.ended[f"{job} succeeded"] += 1


def _span(first: str, last: str) -> list[date]:
    return [*month_range(parse_month(first), parse_month(last)), parse_month(last)]


def _ticks(since: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    for name in SCHEDULES:
        schedule = definitions().resolve_schedule_def(name)
        times = schedule_execution_time_iterator(
            since.timestamp(), schedule.cron_schedule, schedule.execution_timezone
        )
        for moment in times:
            if moment >= until:
                break
            yield moment.astimezone(UTC), name


def _books(folder: Path, database: Database) -> dict[str, bytes]:
    """What every export writes."""
    ledger, found = Ledger(folder, database.url), {}
    for name in EXPORTS:
        path = folder / f"{name}.csv"
        done = ledger("export", name, "--start", MONTHS[0], "--end", MONTHS[1], "--output", str(path))
        assert done.code == 0, done.err
        found[name] = path.read_bytes()
    return found


def _lived(
    monkeypatch: pytest.MonkeyPatch, database: Database, folder: Path, config: SandboxConfig
) -> tuple[dict[str, bytes], Counter[str]]:
    with running_sandbox(config) as sandbox, unrecorded() as instance:
        closing.use(monkeypatch, database, sandbox, codex=True)
        monkeypatch.setenv("LEDGER_HTTP_TIMEOUT", "2")
        soak = Soak(database, sandbox, instance)
        soak.live(END - timedelta(days=DAYS), END - timedelta(days=1))
        # What was malformed is mended before the last day, as a person would: an error says which record.
        sandbox.heal()
        soak.live(END - timedelta(days=1), END)
    return _books(folder, database), soak.ended


@pytest.fixture
def second(server: EmbeddedServer) -> Iterator[Database]:
    with psycopg.connect(server.database("postgres").url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE soak TEMPLATE template_ledger")
        yield server.database("soak")
        admin.execute("DROP DATABASE soak WITH (FORCE)")


def test_after_days_of_faults_the_books_are_those_of_days_without(
    monkeypatch: pytest.MonkeyPatch, database: Database, second: Database, tmp_path: Path
) -> None:
    faulty, ended = _lived(monkeypatch, database, tmp_path / "faulty", replace(CLEAN, faults=0.25))
    print(f"with faults: {dict(ended)}")
    clean, without = _lived(monkeypatch, second, tmp_path / "clean", CLEAN)
    print(f"without: {dict(without)}")
    assert {name: len(body.splitlines()) > 1 for name, body in clean.items()} == dict.fromkeys(EXPORTS, True)
    assert faulty == clean
