"""`ledger close` and `ledger reopen`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli import tables
from ledger_pipelines.cli.context import Month, MonthEnd, console, enter, months_from, person, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month, parse_month

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ledger_pipelines.runs.jobs import RunOutcome
    from ledger_pipelines.runs.summaries import RunSummary
    from ledger_pipelines.store.database import Database
    from ledger_pipelines.workflows.closing import Closed


def close(
    month: Month,
    month_end: MonthEnd = None,
    finalise: Annotated[bool, typer.Option("--finalise", help="Close the months for good.")] = False,
    refresh_snapshots: Annotated[
        bool, typer.Option("--refresh-snapshots", help="Take older months' snapshots anew, too.")
    ] = False,
) -> None:
    """Reads, bills and checks a month, or the months from MONTH up to MONTH_END."""
    months = months_from(month, month_end)
    close_months(
        enter(to_run=True),
        months,
        finalise=finalise,
        by=person(),
        on=today(),
        refresh_snapshots=refresh_snapshots,
    )


def close_months(
    database: Database,
    months: Sequence[date],
    *,
    by: str,
    on: date,
    finalise: bool = False,
    refresh_snapshots: bool = False,
) -> None:
    """Materialises the months, prints what came of it and, with `finalise`, closes them for good.

    Raises LedgerError when a step failed or an invariant is broken, and with `finalise` when anything else stands against
    closing them.
    """
    from ledger_pipelines.cli.progress import run_with_progress
    from ledger_pipelines.runs import closing
    from ledger_pipelines.runs.jobs import refuse_broken, show_months
    from ledger_pipelines.runs.summaries import summarise

    plan = closing.plan_close(database, months, finalise=finalise, today=on)
    title = f"Closing {describe_months(months)}"
    if plan.history_since is not None:
        reading = f"reading the history since {format_month(plan.history_since)}"
        console.print(f"First {reading}: it was never read. A later close need not.", highlight=False)
        title = f"{title}, {reading}"
    outcome = run_with_progress(
        database,
        closing.JOB,
        months,
        today=on,
        console=console,
        title=title,
        settings={
            "codex": {"refresh_snapshots": refresh_snapshots, "ask_for_undated": finalise},
            "backup_usage": {"refresh_snapshots": refresh_snapshots},
        },
        person=by,
    )
    closed, refusal = None, None
    if finalise:
        try:
            closed = closing.close_for_good(
                database, plan, outcome.run_id, failures=outcome.steps_that_failed, person=by
            )
        except LedgerError as error:
            refusal = error
    _print_summary(summarise(database, months, outcome))
    show_months(database)
    if refusal is not None:
        _print_refusal(refusal)
        raise refusal
    if closed is not None:
        _print_closed(closed)
        return
    _print_failures(outcome)
    refuse_broken(months, outcome)


def reopen(
    month: Month, reason: Annotated[str, typer.Option(help="Why; it is kept with your name.")]
) -> None:
    """Reopens a closed month."""
    reopened = parse_month(month)
    database = enter()
    from ledger_pipelines.runs.jobs import show_months
    from ledger_pipelines.workflows import closing

    later = closing.reopen(database, reopened, person=person(), reason=reason)
    show_months(database)
    named = format_month(reopened)
    console.print(f"Reopened {named}.", highlight=False)
    if later:
        console.print(
            f"[yellow]{describe_months(later)} stay closed[/]: what they billed of tickets is left out here, and what "
            f"{named} billed of tickets that are theirs by now is billed in the first open month after them.",
            highlight=False,
        )


def _print_summary(summary: RunSummary) -> None:
    tables.print_statements(summary.statements, console)
    tables.print_incomplete(summary.incomplete, console)
    tables.print_deferred_revenue(summary.deferred, console)
    tables.print_control_accounts(summary.accounts, console)
    tables.print_changes(summary.changes, console)
    tables.print_checks(summary.checks, console)
    seconds = [f"{execution.step_name} {execution.seconds:.1f} s" for execution in summary.executions]
    console.print(f"Steps: {', '.join(seconds)}.", highlight=False)
    tables.print_errors(summary.errors, console)
    _print_left_out()


def _print_left_out() -> None:
    from ledger_pipelines.settings import read_settings

    sources = read_settings().sources
    left_out = [f"{source.name} ({source.missing} is not set)" for source in sources if source.missing]
    if left_out:
        console.print(f"Not read: {', '.join(left_out)}.", highlight=False)


def _print_refusal(refusal: LedgerError) -> None:
    from ledger_pipelines.workflows.closing import NotClosedError

    if isinstance(refusal, NotClosedError):
        tables.print_reasons(refusal.reasons, console)


def _print_closed(closed: Closed) -> None:
    for warning in closed.warnings:
        console.print(f"[yellow]Not a matter of these books:[/] {escape(warning.message)}", highlight=False)
    text = f"Closed {describe_months(closed.months)}." if closed.months else "Nothing to close."
    before = f" {closed.already} of the months were closed before." if closed.already else ""
    console.print(text + before)


def _print_failures(outcome: RunOutcome) -> None:
    """All failures but the first, which the command ends with."""
    for failure in outcome.failures[1:]:
        console.print(f"[red]{escape(failure)}[/]")
