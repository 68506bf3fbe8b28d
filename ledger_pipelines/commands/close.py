"""`ledger close` and `ledger reopen`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month, month_of
from ledger_pipelines.runs import CheckOutcome, RunOutcome, run_job
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.store.summaries import (
    month_summaries,
    run_changes,
    step_seconds,
    unread_parts,
    unresolved_errors,
)

_STEPS = {"codex": "Reading Codex", "billing": "Billing"}


def run(
    database: Database,
    months: Sequence[date],
    *,
    finalise: bool,
    person: str,
    today: date,
    console: Console,
    refresh_snapshots: bool = False,
) -> None:
    """Materialises the months, prints what came of it and, with `finalise`, closes them.

    Raises LedgerError when a step failed, or when months that are to be closed have an invariant broken or a
    company that could be read in part only.
    """
    if finalise:
        _refuse_unfinished(months, today)
    outcome = _with_progress(database, months, today, console, refresh_snapshots)
    if not outcome.failures:
        _print_summary(database, months, outcome, console)
    for failure in outcome.failures[1:]:
        console.print(f"[red]{escape(failure)}[/]")
    if outcome.failures:
        raise LedgerError(outcome.failures[0])
    if finalise:
        _finalise(database, months, outcome, person, console)


def _with_progress(
    database: Database, months: Sequence[date], today: date, console: Console, refresh_snapshots: bool
) -> RunOutcome:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Closing {describe_months(months)}", total=len(_STEPS))

        def on_step(step: str, state: str) -> None:
            if state == "started":
                progress.update(task, description=f"{_STEPS.get(step, step)}: {describe_months(months)}")
            else:
                progress.advance(task)

        settings = {"codex": {"refresh_snapshots": True}} if refresh_snapshots else {}
        return run_job(database, "month_close", months, today=today, on_step=on_step, settings=settings)


def _refuse_unfinished(months: Sequence[date], today: date) -> None:
    unfinished = [month for month in months if month >= month_of(today)]
    if unfinished:
        raise LedgerError(
            f"{describe_months(unfinished)} cannot be closed before it has ended: leave --finalise out until then."
        )


def _finalise(
    database: Database, months: Sequence[date], outcome: RunOutcome, person: str, console: Console
) -> None:
    broken = [check for check in outcome.checks if not check.passed and check.is_error]
    if broken:
        raise LedgerError(
            f"{describe_months(months)} was not closed, {broken[0].asset} breaks {broken[0].check}: "
            f"{broken[0].description or 'see the check in Dagster'}"
        )
    with database.connect() as connection:
        unread = unread_parts(connection)
        if unread:
            raise LedgerError(
                f"{describe_months(months)} was not closed, {len(unread)} companies are billed in part: {unread[0]} "
                "Mend it and run again, or set the integration error to ignored if it may stay so."
            )
        closed = close_months(connection, months, person=person)
    already = len(months) - len(closed)
    text = f"Closed {describe_months(closed)}." if closed else "Nothing to close."
    console.print(text + (f" {already} of the months were closed before." if already else ""))


def _print_summary(database: Database, months: Sequence[date], outcome: RunOutcome, console: Console) -> None:
    with database.connect() as connection:
        summaries = month_summaries(connection, months)
        changes = run_changes(connection, outcome.run_id)
        errors = unresolved_errors(connection)
        steps = step_seconds(connection, outcome.run_id)
    statements = Table(title="Statements", title_justify="left")
    for name in ("Month", "Status"):
        statements.add_column(name)
    for name in ("Statements", "Lines", "Total"):
        statements.add_column(name, justify="right")
    for month in summaries:
        statements.add_row(
            format_month(month.month),
            "final" if month.is_closed else "draft",
            f"{month.statements:,}",
            f"{month.lines:,}",
            f"{month.total:,.2f} {month.currency}",
        )
    console.print(statements)
    console.print(_changes_table(changes))
    _print_checks(outcome.checks, console)
    console.print(
        "Steps: " + ", ".join(f"{step} {seconds:.1f} s" for step, seconds in steps) + ".", highlight=False
    )
    for integration, operation, count, message in errors:
        more = f" … and {count - 1} more" if count > 1 else ""
        console.print(
            f"[yellow]{integration} {operation}: {count} integration errors.[/] {escape(message)}{more}",
            highlight=False,
        )


def _changes_table(changes: dict[str, dict[str, int]]) -> Table:
    table = Table(title="Rows", title_justify="left")
    table.add_column("Table")
    for name in ("added", "removed", "unchanged"):
        table.add_column(name.capitalize(), justify="right")
    for name, counts in changes.items():
        table.add_row(name, *(f"{counts[key]:,}" for key in ("added", "removed", "unchanged")))
    return table


def _print_checks(checks: Sequence[CheckOutcome], console: Console) -> None:
    failed = [check for check in checks if not check.passed]
    console.print(f"Checks: {len(checks) - len(failed)} of {len(checks)} passed.")
    for check in failed:
        colour, word = ("red", "ERROR") if check.is_error else ("yellow", "WARN")
        console.print(
            f"[{colour}]{word}[/] {check.asset} {check.check}: {escape(check.description)}", highlight=False
        )
