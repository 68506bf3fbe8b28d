"""`ledger close` and `ledger reopen`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
from rich.console import Console
from rich.markup import escape

from ledger_pipelines.cli.history import history_to_read, refuse_unread
from ledger_pipelines.cli.progress import run_with_progress
from ledger_pipelines.cli.tables import (
    changes_table,
    print_checks,
    print_deferred_revenue,
    print_errors,
    print_incomplete,
    print_reasons,
    print_statements,
)
from ledger_pipelines.closing.readiness import (
    BrokenInvariant,
    Facts,
    FailedStep,
    OpenError,
    reasons_against,
    refusal,
    refuse_unfinished,
    warnings_of,
)
from ledger_pipelines.errors import ConfigurationError, LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.runs.jobs import RunOutcome, refuse_strange_months, show_months
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import others_meanwhile
from ledger_pipelines.store.integration_errors import open_errors
from ledger_pipelines.store.periods import close_months, make_partitions
from ledger_pipelines.store.queries.summaries import (
    deferred_revenue,
    incomplete_statements,
    month_summaries,
    run_changes,
    run_executions,
)
from ledger_pipelines.store.writes import Versions, changed_by_others, read_versions


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

    The first close reads the import steps' history, too. Raises LedgerError when a step failed or an invariant is broken,
    and with `finalise` when anything else stands against closing the months for good, such as months before that were
    never read; what is no matter of their books does not.
    """
    if finalise:
        refuse_unfinished(months, today)
    refuse_strange_months(months, today)
    _refuse_unconfigured()
    with database.connect() as connection:
        before = read_versions(connection)
    title = f"Closing {describe_months(months)}{_history(database, months, console)}"
    outcome = run_with_progress(
        database,
        "month_close",
        months,
        today=today,
        console=console,
        title=title,
        settings={"codex": {"refresh_snapshots": refresh_snapshots, "ask_for_undated": finalise}},
        person=person,
    )
    _print_summary(database, months, outcome, console)
    if finalise:
        refuse_unread(database, months)
        _finalise(database, months, outcome, person=person, before=before, console=console)
    show_months(database)
    if finalise:
        return
    for failure in outcome.failures[1:]:
        console.print(f"[red]{escape(failure)}[/]")
    if outcome.failures:
        raise LedgerError(outcome.failures[0])
    broken = [reason for reason in reasons_against(_facts(months, outcome)) if reason.kind == "invariant"]
    if broken:
        raise LedgerError(f"{describe_months(months)} cannot be closed, {broken[0].message}")


def _refuse_unconfigured() -> None:
    settings = read_settings()
    if not any(source.is_begun for source in settings.sources):
        raise ConfigurationError(
            "No source is configured, so there is nothing to close: set CODEX_URL and CORE_URL, or HOLDED_API_KEY, or "
            "run `ledger up --demo`."
        )


def _history(database: Database, months: Sequence[date], console: Console) -> str:
    """Says from when on the history is read along, where it never was; nothing where it was."""
    with database.connect() as connection:
        since = history_to_read(connection, read_settings(), months)
    if since is None:
        return ""
    told = f"reading the history since {format_month(since)}"
    console.print(f"First {told}: it was never read. A later close need not.", highlight=False)
    return f", {told}"


def _facts(months: Sequence[date], outcome: RunOutcome, errors: Sequence[OpenError] = ()) -> Facts:
    return Facts(
        months,
        errors=errors,
        invariants=[
            BrokenInvariant(check.asset, check.check, check.description)
            for check in outcome.checks
            if not check.passed and check.is_error
        ],
        failures=[
            FailedStep(step, message)
            for step, message in zip(outcome.failed_steps, outcome.failures, strict=True)
        ],
    )


def _finalise(
    database: Database,
    months: Sequence[date],
    outcome: RunOutcome,
    *,
    person: str,
    before: Versions,
    console: Console,
) -> None:
    """Closes the months where nothing stands against it; what was checked is what is closed.

    `before` is how often the months' rows had been changed when the run began.
    """
    with database.connect() as connection:
        make_partitions(connection, months)
        with connection.transaction():
            # From here on nobody else writes to the months: what is looked at now is what stays.
            closed = close_months(connection, months, person=person)
            facts = _facts(closed, outcome, _open_errors(connection))
            reasons = reasons_against(facts)
            if reasons:
                print_reasons(reasons, console)
                raise LedgerError(refusal(facts.months or months, reasons))
            _refuse_changed(connection, closed, outcome, before)
    for warning in warnings_of(facts):
        console.print(f"[yellow]Not a matter of these books:[/] {escape(warning.message)}", highlight=False)
    already = len(months) - len(closed)
    text = f"Closed {describe_months(closed)}." if closed else "Nothing to close."
    console.print(text + (f" {already} of the months were closed before." if already else ""))


def _open_errors(connection: psycopg.Connection) -> list[OpenError]:
    return [
        OpenError(number, integration, operation, kind, record, message, frozenset(troubled), is_blocking)
        for number, integration, operation, kind, record, message, troubled, is_blocking in open_errors(
            connection
        )
    ]


def _refuse_changed(
    connection: psycopg.Connection, months: Sequence[date], outcome: RunOutcome, before: Versions
) -> None:
    """Raises LedgerError where another run wrote, or may have written, what these months were checked by."""
    if not months:
        return
    changed = changed_by_others(connection, outcome.run_id, before, until=max(months))
    if changed:
        tables = sorted({table for _, table in changed})
        written = sorted({month for month, _ in changed})
        raise LedgerError(
            f"{describe_months(months)} was not closed, another run changed {', '.join(tables)} of "
            f"{describe_months(written)} meanwhile: run again when that has ended."
        )
    meanwhile = others_meanwhile(connection, outcome.run_id, months)
    if meanwhile:
        raise LedgerError(
            f"{describe_months(months)} was not closed, another run executed {', '.join(meanwhile)} for it "
            "meanwhile: run again when that has ended."
        )


def _print_summary(database: Database, months: Sequence[date], outcome: RunOutcome, console: Console) -> None:
    """What the run did, also where a step of it failed; nothing of what other runs did before."""
    with database.connect() as connection:
        executions = run_executions(connection, outcome.run_id)
        done = {execution.step_name for execution in executions if execution.status == "completed"}
        if "billing" in done:
            print_statements(month_summaries(connection, months), console)
            print_incomplete(incomplete_statements(connection, months), console)
        if "accruals" in done:
            print_deferred_revenue(deferred_revenue(connection, months), console)
        changes = run_changes(connection, outcome.run_id)
        if changes:
            console.print(changes_table(changes))
        print_checks(outcome.checks, console)
        seconds = [f"{execution.step_name} {execution.seconds:.1f} s" for execution in executions]
        console.print(f"Steps: {', '.join(seconds)}.", highlight=False)
        print_errors(connection, console)
    _print_left_out(console)


def _print_left_out(console: Console) -> None:
    settings = read_settings()
    left_out = [
        f"{source.name} ({source.missing} is not set)" for source in settings.sources if source.missing
    ]
    if left_out:
        console.print(f"Not read: {', '.join(left_out)}.", highlight=False)
