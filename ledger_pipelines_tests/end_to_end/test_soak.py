"""Days of schedules and sensors with faults in all sources: at the end the books are those of days without any.

A clock says when each schedule ticks; `LEDGER_SOAK_DAYS` says how many days, from so many before the close of January on.
Every day all sources are out of reach for some hours, too, so that runs fail.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import requests
import time_machine
from dagster._utils.schedules import schedule_execution_time_iterator

from ledger_pipelines.definitions import definitions
from ledger_pipelines.months import month_range, parse_month
from ledger_pipelines.orchestration.resources import environment_resources
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.registry import environment
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.sources import datto
from ledger_pipelines.sources.http.retries import RetryPolicy
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.defs import closing
from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.unrecorded import unrecorded

#: The hours of each day, but for the last one, in which no source answers: those of a tick of every daily schedule.
OUTAGES = (range(1, 4), range(17, 19))
#: The morning after the close of January, by when everything must have come right.
END = datetime(2025, 2, 3, tzinfo=UTC)
LAST_DAY = END.date() - timedelta(days=1)
#: Where nothing listens.
NOBODY = "http://127.0.0.1:9"
DAYS = int(os.environ.get("LEDGER_SOAK_DAYS") or 2)
SCHEDULES = ("tickets_every_six_hours", "backup_daily", "import_steps_daily", "month_close_monthly")
EXPORTS = ("statements", "accruals", "aging", "trial-balance", "journal")
MONTHS = ("2024-01", "2025-03")
#: More requests than anybody asks for, in every system: Freshservice's client keeps to the limit that an answer tells.
PLENTY = 99_999
CLEAN = SandboxConfig(
    until=date(2025, 2, 2),
    companies=3,
    students=8,
    invoices=16,
    rate_limit=PLENTY,
    holded_rate_limit=PLENTY,
    notion_rate_limit=PLENTY,
    freshservice_rate_limit=PLENTY,
    datto_rate_limit=PLENTY,
    stall_seconds=0.2,
)


@dataclass(slots=True)
class Soak:
    """What became of the runs that schedules and sensors asked for."""

    database: Database
    sandbox: Sandbox
    instance: dg.DagsterInstance
    monkeypatch: pytest.MonkeyPatch
    is_faulty: bool
    cursor: str | None = None
    ended: Counter[str] = field(default_factory=Counter)

    def live(self, since: datetime, until: datetime) -> None:
        """Every tick of the schedules in their order, the sensor after each, and the day's news at midnight."""
        day = since.date()
        for moment, name in sorted(_ticks(since, until)):
            if moment.date() != day:
                day = moment.date()
                requests.post(f"{self.sandbox.base_url}/sandbox/news", timeout=5).raise_for_status()
            is_out = self.is_faulty and day < LAST_DAY and any(moment.hour in hours for hours in OUTAGES)
            with time_machine.travel(moment, tick=True), self._sources_away() if is_out else nullcontext():
                self._tick(name, moment)
                self._look()

    @contextmanager
    def _sources_away(self) -> Iterator[None]:
        """In it nothing listens where the sources were."""
        with self.monkeypatch.context() as patch:
            for variable, value in environment(self.sandbox.base_url, with_optional=True).items():
                if value.startswith(self.sandbox.base_url):
                    patch.setenv(variable, value.replace(self.sandbox.base_url, NOBODY))
            yield

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
            # What a source's fault does to a run, a later one mends.
            done = closing.executed(self.database, _span(first, last), job=job, raise_on_error=False)
            self.ended[f"{job} {'succeeded' if done.success else 'failed'}"] += 1


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
        closing.use(monkeypatch, database, sandbox, codex=True, direct=True)
        monkeypatch.setenv("LEDGER_HTTP_TIMEOUT", "2")
        # Datto's minute of pause after a 429 is real, and nobody counts requests here.
        monkeypatch.setattr(datto.client, "_RETRIES", RetryPolicy(attempts_at={429: 2}))
        soak = Soak(database, sandbox, instance, monkeypatch, is_faulty=config.faults > 0)
        soak.live(END - timedelta(days=DAYS), END - timedelta(days=1))
        # What was malformed is mended before the last day, as a person would: an error says which record.
        sandbox.heal()
        soak.live(END - timedelta(days=1), END)
    return _books(folder, database), soak.ended


@pytest.fixture
def second(server: EmbeddedServer) -> Iterator[Database]:
    with copied_database(server) as database:
        yield database


def test_after_days_of_faults_the_books_are_those_of_days_without(
    monkeypatch: pytest.MonkeyPatch, database: Database, second: Database, tmp_path: Path
) -> None:
    faulty, ended = _lived(monkeypatch, database, tmp_path / "faulty", replace(CLEAN, faults=0.25))
    print(f"with faults: {dict(ended)}")
    clean, without = _lived(monkeypatch, second, tmp_path / "clean", CLEAN)
    print(f"without: {dict(without)}")
    assert any("failed" in how for how in ended)
    assert not any("failed" in how for how in without)
    assert {name: len(body.splitlines()) > 1 for name, body in clean.items()} == dict.fromkeys(EXPORTS, True)
    assert faulty == clean
