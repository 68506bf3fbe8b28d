"""`ledger sync`: the import steps in their order, or the accruals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli import tables
from ledger_pipelines.cli.context import console, enter, person, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger_pipelines.runs.summaries import RunSummary
    from ledger_pipelines.store.queries.summaries import StepExecution
    from ledger_pipelines.workflows.sync_steps import SyncStep

_STATES = {"completed": "[green]completed[/]", "failed": "[red]failed[/]"}
_NOT_RUN = "[yellow]not run[/]"


def sync(
    from_step: Annotated[
        str | None, typer.Option(metavar="STEP", help="Start here; `accruals` runs only the accruals.")
    ] = None,
    year: Annotated[int | None, typer.Option(help="A calendar year; this one if nothing is said.")] = None,
    start_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-01", help="First month; wins over the year.")
    ] = None,
    end_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-01", help="Where it ends; not included.")
    ] = None,
) -> None:
    """Runs the import steps in their fixed order, or from a step on."""
    from ledger_pipelines.workflows.sync_steps import steps_from, sync_months

    steps = steps_from(from_step)
    database = enter(to_run=True)
    from ledger_pipelines.cli.progress import run_with_progress
    from ledger_pipelines.orchestration.partitions import first_partition
    from ledger_pipelines.runs.summaries import summarise
    from ledger_pipelines.runs.syncing import plan_sync
    from ledger_pipelines.settings import read_settings

    months = sync_months(year, start_date, end_date, first_month=first_partition(), today=today())
    # Read only now: on the demo's ledger the settings name the demo's systems from here on.
    plan = plan_sync(steps, read_settings())
    outcome = run_with_progress(
        database,
        plan.job,
        months,
        today=today(),
        console=console,
        title=f"Syncing {describe_months(months)}",
        assets=plan.assets,
        person=person(),
    )
    _print_summary(steps, plan.left_out, summarise(database, months, outcome))
    for failure in outcome.failures[1:]:
        console.print(f"[red]{escape(failure)}[/]")
    if outcome.failures:
        raise LedgerError(outcome.failures[0])


def _print_summary(steps: Sequence[SyncStep], left_out: Mapping[str, str], summary: RunSummary) -> None:
    executions = {execution.step_name: execution for execution in summary.executions}
    table = Table(title="Steps", title_justify="left")
    for name in ("Step", "Status"):
        table.add_column(name)
    table.add_column("Seconds", justify="right")
    table.add_column("Result")
    for step in steps:
        if step.id in left_out:
            table.add_row(step.id, "[yellow]left out[/]", "", f"{left_out[step.id]} is not set")
        else:
            table.add_row(step.id, *_cells(executions.get(step.id)))
    console.print(table)
    tables.print_changes(summary.changes, console)
    tables.print_checks(summary.checks, console)
    tables.print_errors(summary.errors, console)


def _cells(execution: StepExecution | None) -> tuple[str, str, str]:
    if execution is None:
        return _NOT_RUN, "", ""
    ordered = sorted(execution.result.items(), key=lambda one: ("processed" not in one[0], one[0]))
    counts = ", ".join(f"{name} {value:,}" for name, value in ordered)
    return _STATES[execution.status], f"{execution.seconds:.1f}", counts
