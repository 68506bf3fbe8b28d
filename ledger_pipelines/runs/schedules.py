"""Schedules for people: in words, when they run next, and how their job's runs went."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from ledger_pipelines.runs.webserver import DagsterRun, Instigator, Webserver
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.executions import executions_of_run

#: How many runs of a job are looked at for failures in a row.
_LOOKED_AT = 50
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as a list shows it: how it ended, who or what asked for it, how long it took, and what it changed.

    `seconds` and `rows_changed` are null of one that has not ended, or recorded nothing.
    """

    run_id: str
    job: str
    status: str
    months: list[date]
    asked_by: str
    created_at: datetime
    seconds: float | None
    rows_changed: int | None
    can_be_stopped: bool


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """A schedule: what it does and when, in words, whether it is on, and its job's last run."""

    schedule: Instigator
    words: str
    last: RunLine | None
    failures_in_a_row: int


def list_schedules(database: Database, webserver: Webserver) -> list[ScheduleLine]:
    """Every schedule with how its job's runs went. Raises DagsterAwayError where Dagster does not answer."""
    found = []
    for schedule in webserver.schedules():
        runs = webserver.runs(job=schedule.job, limit=_LOOKED_AT)
        last = described_run(database, runs[0]) if runs else None
        words = cron_in_words(schedule.cron or "", schedule.zone or "UTC")
        found.append(ScheduleLine(schedule, words, last, failures_in_a_row(runs)))
    return found


def list_runs(
    database: Database,
    webserver: Webserver,
    *,
    job: str | None = None,
    status: str | None = None,
    limit: int = 25,
    cursor: str | None = None,
) -> list[RunLine]:
    """The history of runs, the newest first; `cursor` is the id of the run after which to go on."""
    statuses = () if status is None else (status,)
    runs = webserver.runs(job=job, statuses=statuses, limit=limit, cursor=cursor)
    return [described_run(database, run) for run in runs]


def described_run(database: Database, run: DagsterRun) -> RunLine:
    """A run, with what its steps recorded."""
    with database.connect() as connection:
        executions = executions_of_run(connection, run.run_id)
    began = run.started_at or run.created_at
    return RunLine(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        months=run.months,
        asked_by=run.person or run.started_by or "Dagster's pages",
        created_at=run.created_at,
        seconds=None if run.ended_at is None else (run.ended_at - began).total_seconds(),
        rows_changed=sum(one.rows_changed for one in executions) if executions else None,
        can_be_stopped=run.can_be_stopped,
    )


def failures_in_a_row(runs: list[DagsterRun]) -> int:
    """How many of the runs, the newest first, failed since the last that succeeded; cancelled ones do not count."""
    count = 0
    for run in runs:
        if run.status == "SUCCESS":
            break
        count += run.status == "FAILURE"
    return count


def cron_in_words(cron: str, zone: str) -> str:
    """`0 */6 * * *` as `every 6 hours, on the hour (UTC)`; what has no plain words stays as it is."""
    match = re.fullmatch(r"(\d{1,2}) (\*|\*/\d+|\d{1,2}) (\*|\d{1,2}) \* (\*|[0-6])", cron.strip())
    if match is None or int(match[1]) > 59:
        return f"{cron} ({zone})"
    minute, hour, day, weekday = int(match[1]), match[2], match[3], match[4]
    if not hour.isdecimal():
        at = "on the hour" if minute == 0 else f"at minute {minute}"
        often = "every hour" if hour in ("*", "*/1") else f"every {hour[2:]} hours"
        return f"{often}, {at} ({zone})" if (day, weekday) == ("*", "*") else f"{cron} ({zone})"
    at = f"at {int(hour):02}:{minute:02}"
    if day == "*":
        when = "every day" if weekday == "*" else f"every {_DAYS[int(weekday)]}"
    elif weekday == "*":
        when = f"on the {_ordinal(int(day))} of each month"
    else:
        return f"{cron} ({zone})"
    return f"{when} {at} ({zone})"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
