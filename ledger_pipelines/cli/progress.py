"""A run with its progress in the terminal."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from ledger_pipelines.runs.jobs import RunOutcome, run_job, steps_of
from ledger_pipelines.sources.http.progress import listening
from ledger_pipelines.store.database import Database

#: How Dagster begins when its storage fails.
_UNWRITTEN_EVENT = "Exception while writing logger call to event log"
#: What people read while a step is executed, by its name in Dagster.
_STEP_LABELS = {
    "codex": "Reading Codex",
    "billing": "Billing",
    "services": "Reading Holded's services",
    "invoices": "Reading Holded's invoices",
    "clients": "Reading 4Geeks' students",
    "enrollments": "Reading 4Geeks' service periods",
    "external_ids": "Reading Notion",
    "accruals": "Accruing",
}


class _Errors(io.TextIOBase):
    """Standard error without what Dagster writes to it of an event that it could not keep: statements and records.

    The exception behind that is raised all the same, and reported in a sentence.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(_UNWRITTEN_EVENT) else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def collect_rarely() -> None:
    """Spares this process most of the garbage collector's work, which is a tenth of the time of a small month's close.

    What was loaded stays anyway, and is looked through no more; what a run makes is looked through where there is much.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def run_with_progress(
    database: Database,
    job: str,
    months: Sequence[date],
    *,
    today: date,
    console: Console,
    title: str,
    assets: Sequence[str] | None = None,
    settings: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
    person: str = "",
) -> RunOutcome:
    """Runs a job, or these of its assets, and shows which step is being executed, and how many answers it has."""
    collect_rarely()
    # Dagster warns of every try to reach a database that is gone, a page each time.
    logging.getLogger().setLevel(logging.ERROR)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=len(steps_of(job, assets)))

        answers: Counter[str] = Counter()
        doing = title

        def on_step(step: str, state: str) -> None:
            nonlocal doing
            if state == "started":
                answers.clear()
                doing = f"{title}: {_STEP_LABELS.get(step, step)}"
                progress.update(task, description=doing)
            else:
                progress.advance(task)

        def on_answer(_: str, route: str) -> None:
            answers[route] += 1
            progress.update(task, description=f"{doing}, {route} {answers[route]:,}")

        with listening(on_answer), contextlib.redirect_stderr(_Errors(sys.stderr)):
            return run_job(
                database,
                job,
                months,
                today=today,
                on_step=on_step,
                assets=assets,
                settings=settings,
                person=person,
            )
