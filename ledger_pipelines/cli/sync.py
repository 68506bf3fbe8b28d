"""`ledger sync`: the import steps in their order, or the accruals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli.progress import run_with_progress
from ledger_pipelines.cli.tables import changes_table, print_checks, print_errors
from ledger_pipelines.errors import ConfigurationError, LedgerError
from ledger_pipelines.months import describe_months
from ledger_pipelines.runs.jobs import RunOutcome
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.summaries import StepExecution, run_changes, run_executions
from ledger_pipelines.workflows.sync_steps import ACCRUAL_STEP, SyncStep

_STATES = {"completed": "[green]completed[/]", "failed": "[red]failed[/]"}
_NOT_RUN = "[yellow]not run[/]"


def run(
    database: Database,
    steps: Sequence[SyncStep],
    months: Sequence[date],
    *,
    settings: Settings,
    today: date,
    console: Console,
    person: str = "",
) -> None:
    """Executes the steps for the months as one run and prints what each did; a step without its source is left out.

    Raises ConfigurationError when the first step's source is not configured, LedgerError when a step failed.
    """
    missing = {step.id: settings.missing_for(step.source) for step in steps if step.source is not None}
    first = missing.get(steps[0].id)
    if first is not None:
        name = next(source.name for source in settings.sources if source.id == steps[0].source)
        raise ConfigurationError(f"{first} is not set: without it {name} cannot be read.")
    job = "process_accruals" if ACCRUAL_STEP in steps else "import_steps"
    outcome = run_with_progress(
        database,
        job,
        months,
        today=today,
        console=console,
        title=f"Syncing {describe_months(months)}",
        assets=[asset for step in steps for asset in step.assets],
        person=person,
    )
    _print_summary(database, steps, missing, outcome, console)
    for failure in outcome.failures[1:]:
        console.print(f"[red]{escape(failure)}[/]")
    if outcome.failures:
        raise LedgerError(outcome.failures[0])


def _print_summary(
    database: Database,
    steps: Sequence[SyncStep],
    missing: Mapping[str, str | None],
    outcome: RunOutcome,
    console: Console,
) -> None:
    with database.connect() as connection:
        executions = {
            execution.step_name: execution for execution in run_executions(connection, outcome.run_id)
        }
        changes = run_changes(connection, outcome.run_id)
        table = Table(title="Steps", title_justify="left")
        for name in ("Step", "Status"):
            table.add_column(name)
        table.add_column("Seconds", justify="right")
        table.add_column("Result")
        for step in steps:
            variable = missing.get(step.id)
            left_out = ("[yellow]left out[/]", "", f"{variable} is not set")
            table.add_row(step.id, *(left_out if variable else _cells(executions.get(step.id))))
        console.print(table)
        if changes:
            console.print(changes_table(changes))
        print_checks(outcome.checks, console)
        print_errors(connection, console)


def _cells(execution: StepExecution | None) -> tuple[str, str, str]:
    if execution is None:
        return _NOT_RUN, "", ""
    ordered = sorted(execution.result.items(), key=lambda one: ("processed" not in one[0], one[0]))
    counts = ", ".join(f"{name} {value:,}" for name, value in ordered)
    return _STATES[execution.status], f"{execution.seconds:.1f}", counts
