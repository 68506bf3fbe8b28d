"""`ledger close` and `ledger reopen`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.markup import escape

from ledger_pipelines.commands.progress import run_with_progress
from ledger_pipelines.commands.tables import (
    changes_table,
    print_checks,
    print_deferred_revenue,
    print_errors,
    print_statements,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, month_of
from ledger_pipelines.runs import RunOutcome
from ledger_pipelines.settings import SOURCES, read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.store.summaries import (
    deferred_revenue,
    month_summaries,
    run_changes,
    run_executions,
    unread_parts,
)


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
    outcome = run_with_progress(
        database,
        "month_close",
        months,
        today=today,
        console=console,
        title=f"Closing {describe_months(months)}",
        settings={"codex": {"refresh_snapshots": refresh_snapshots, "ask_for_undated": finalise}},
    )
    _print_summary(database, months, outcome, console)
    for failure in outcome.failures[1:]:
        console.print(f"[red]{escape(failure)}[/]")
    if outcome.failures:
        raise LedgerError(outcome.failures[0])
    _refuse_broken(months, outcome)
    if finalise:
        _finalise(database, months, person, console)


def _refuse_unfinished(months: Sequence[date], today: date) -> None:
    unfinished = [month for month in months if month >= month_of(today)]
    if unfinished:
        raise LedgerError(
            f"{describe_months(unfinished)} cannot be closed before it has ended: leave --finalise out until then."
        )


def _refuse_broken(months: Sequence[date], outcome: RunOutcome) -> None:
    broken = [check for check in outcome.checks if not check.passed and check.is_error]
    if broken:
        raise LedgerError(
            f"{describe_months(months)} cannot be closed, {broken[0].asset} breaks {broken[0].check}: "
            f"{broken[0].description or 'see the check in Dagster'}"
        )


def _finalise(database: Database, months: Sequence[date], person: str, console: Console) -> None:
    with database.connect() as connection:
        unread = unread_parts(connection)
        if unread:
            raise LedgerError(
                f"{describe_months(months)} was not closed, {len(unread)} records are missing in it: {unread[0]} "
                "Mend it and run again, or if it may stay so, `ledger errors list` and `ledger errors ignore`."
            )
        closed = close_months(connection, months, person=person)
    already = len(months) - len(closed)
    text = f"Closed {describe_months(closed)}." if closed else "Nothing to close."
    console.print(text + (f" {already} of the months were closed before." if already else ""))


def _print_summary(database: Database, months: Sequence[date], outcome: RunOutcome, console: Console) -> None:
    """What the run did, also where a step of it failed; nothing of what other runs did before."""
    with database.connect() as connection:
        executions = run_executions(connection, outcome.run_id)
        done = {execution.step_name for execution in executions if execution.status == "completed"}
        if "billing" in done:
            print_statements(month_summaries(connection, months), console)
        if "accruals" in done:
            print_deferred_revenue(deferred_revenue(connection, months), console)
        console.print(changes_table(run_changes(connection, outcome.run_id)))
        print_checks(outcome.checks, console)
        seconds = [f"{execution.step_name} {execution.seconds:.1f} s" for execution in executions]
        console.print(f"Steps: {', '.join(seconds)}.", highlight=False)
        print_errors(connection, console)
    _print_left_out(console)


def _print_left_out(console: Console) -> None:
    settings = read_settings()
    missing = {name: settings.missing_for(source) for source, name in SOURCES.items()}
    left_out = [f"{name} ({variable} is not set)" for name, variable in missing.items() if variable]
    if left_out:
        console.print(f"Not read: {', '.join(left_out)}.", highlight=False)
