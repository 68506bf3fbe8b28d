"""A run with its progress in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from ledger_pipelines.runs import RunOutcome, run_job, steps_of
from ledger_pipelines.sources.progress import listening
from ledger_pipelines.store.database import Database

#: What people read while a step is executed, by its name in Dagster.
_TOLD = {
    "codex": "Reading Codex",
    "billing": "Billing",
    "services": "Reading Holded's services",
    "invoices": "Reading Holded's invoices",
    "clients": "Reading 4Geeks' students",
    "enrollments": "Reading 4Geeks' service periods",
    "external_ids": "Reading Notion",
    "accruals": "Accruing",
}


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
                doing = f"{title}: {_TOLD.get(step, step)}"
                progress.update(task, description=doing)
            else:
                progress.advance(task)

        def on_answer(_: str, route: str) -> None:
            answers[route] += 1
            progress.update(task, description=f"{doing}, {route} {answers[route]:,}")

        with listening(on_answer):
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
