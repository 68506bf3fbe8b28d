"""A stand-in of Dagster's webserver with schedules, sensors and logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ledger_pipelines.runs.webserver import (
    DagsterAwayError,
    DagsterRefusedError,
    DagsterRun,
    Instigator,
    Log,
    LogLine,
)
from ledger_pipelines_tests.runs.standing_in import StandIn

AT = datetime(2026, 3, 16, 3, tzinfo=UTC)
AWAY = DagsterAwayError("Dagster does not answer at http://127.0.0.1:1 (nobody listens there).")


def _schedules() -> dict[str, Instigator]:
    names = {"import_steps_daily": ("import_steps", "0 3 * * *"), "odd": ("month_close", "1,2 3 * * *")}
    return {
        name: Instigator(name, name, "", True, AT, None, None, None, job=job, cron=cron, zone="Europe/Madrid")
        for name, (job, cron) in names.items()
    }


def _sensors() -> dict[str, Instigator]:
    said = "<b>nothing</b> is ready"
    return {
        "paid_invoices": Instigator("paid", "paid_invoices", "", True, None, AT, "SKIPPED", said, seconds=10)
    }


@dataclass(frozen=True, slots=True)
class Scheduler(StandIn):
    """Remembers what is on and off."""

    of_schedules: dict[str, Instigator] = field(default_factory=_schedules)
    of_sensors: dict[str, Instigator] = field(default_factory=_sensors)
    lines: list[LogLine] = field(default_factory=list)

    def _answer(self) -> None:
        if self.trouble:
            raise self.trouble[0]

    def schedules(self) -> list[Instigator]:
        self._answer()
        return list(self.of_schedules.values())

    def sensors(self) -> list[Instigator]:
        self._answer()
        return list(self.of_sensors.values())

    def start_schedule(self, name: str) -> None:
        self._switch(self.of_schedules, name, is_on=True)

    def stop_schedule(self, name: str) -> None:
        self._switch(self.of_schedules, name, is_on=False)

    def start_sensor(self, name: str) -> None:
        self._switch(self.of_sensors, name, is_on=True)

    def stop_sensor(self, name: str) -> None:
        self._switch(self.of_sensors, name, is_on=False)

    def run(self, run_id: str) -> DagsterRun | None:
        self._answer()
        return next((one for one in self.launched if one.run_id == run_id), None)

    def log(self, run_id: str, *, after: str | None = None, limit: int = 500) -> Log:
        start = int(after or 0)
        return Log(self.lines[start : start + limit], str(start + limit), len(self.lines) > start + limit)

    def version(self) -> str:
        self._answer()
        return "1.99.9"

    def ended(self, job: str, statuses: Sequence[str]) -> None:
        """Runs of a job that ended so, the newest last."""
        for number, status in enumerate(statuses):
            tags = {"dagster/schedule_name": "import_steps_daily", "dagster/partition": "2026-02-01"}
            run = DagsterRun(f"old-{number}", job, status, AT, AT, AT, False, tags)
            self.launched.insert(0, run)

    def _switch(self, which: dict[str, Instigator], name: str, *, is_on: bool) -> None:
        self._answer()
        if name not in which:
            raise DagsterRefusedError(f"Dagster has nothing named {name}.")
        which[name] = replace(which[name], is_on=is_on)
