"""Closing months for good, and reopening one (rules/billing.md, Which plan, 3): what was checked is what is closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import psycopg

from ledger_pipelines.closing.readiness import (
    BrokenInvariant,
    Facts,
    FailedStep,
    OpenError,
    Reason,
    reasons_against,
    refusal,
    warnings_of,
)
from ledger_pipelines.errors import ConfigurationError, LedgerError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import hold_edits
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.executions import others_meanwhile
from ledger_pipelines.store.integration_errors import open_errors
from ledger_pipelines.store.periods import close_months, closed_months, make_partitions, reopen_month
from ledger_pipelines.store.queries.check_results import broken_checks
from ledger_pipelines.store.queries.executions import executions_of_run
from ledger_pipelines.store.writes import Versions, changed_by_others
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.statements import companies_edited_since_run

#: How many companies a refusal names.
_NAMED = 3


class NotClosedError(LedgerError):
    """The months stay open; `reasons` are all that prevents closing them, the gravest first."""

    def __init__(self, months: Sequence[date], reasons: Sequence[Reason]) -> None:
        super().__init__(refusal(months, reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Closed:
    """The months that were closed now, how many were closed before, and what failed and is no matter of their books."""

    months: list[date]
    already: int
    warnings: list[Reason]


def refuse_unconfigured(settings: Settings) -> None:
    """Raises ConfigurationError where no source is configured at all: there would be nothing to close."""
    if not any(source.is_begun for source in settings.sources):
        raise ConfigurationError(
            "No source is configured, so there is nothing to close: set CODEX_URL and CORE_URL, or HOLDED_API_KEY, or "
            "run `ledger up --demo`."
        )


def facts_of_run(
    connection: psycopg.Connection, months: Sequence[date], run_id: str, failures: Sequence[FailedStep] = ()
) -> Facts:
    """What a run of these months found: its checks that failed as errors, and the steps whose last try failed.

    That it ended well says nothing where these books, restored since, have no step that it executed for a month: it has
    failed. `failures` are Dagster's: a step that failed before it could be recorded is known there alone.
    """
    executed = executions_of_run(connection, run_id)
    last = {one.step_name: one for one in executed}
    failed = [
        FailedStep(one.step_name, one.error_message or "") for one in last.values() if one.status == "failed"
    ]
    messages = {one.message for one in failed}
    failed += [one for one in failures if one.message not in messages]
    ended = {month for one in executed if one.status in ("completed", "failed") for month in one.months}
    if not failures and (missing := sorted(set(months) - ended)):
        message = (
            f"These books have nothing that its run has done for {describe_months(missing)}, as where they were restored "
            "from a backup since: begin closing anew."
        )
        failed.append(FailedStep("run", message))
    return Facts(months, invariants=broken_invariants(connection, run_id=run_id), failures=failed)


def what_stands_against(database: Database, months: Sequence[date]) -> list[Reason]:
    """What is known to prevent closing the months now, before their run: open errors, and checks as found last."""
    with pooled_connection(database) as connection:
        return reasons_against(
            Facts(
                months,
                errors=_open_errors(connection),
                invariants=broken_invariants(connection, months=months),
            )
        )


def broken_invariants(
    connection: psycopg.Connection, *, run_id: str | None = None, months: Sequence[date] | None = None
) -> list[BrokenInvariant]:
    """The checks that failed as errors, as they were made last: those of a run, or those of these months."""
    by_check: dict[tuple[str, str], dict[str, list[date]]] = {}
    for one in broken_checks(connection, run_id=run_id, months=months):
        by_message = by_check.setdefault((one.asset, one.check), {})
        by_message.setdefault(one.description or f"{counted(one.records, 'record')} break it.", []).append(
            one.month
        )
    return [
        BrokenInvariant(
            asset, check, "\n".join(f"{describe_months(found)}: {text}" for text, found in by_message.items())
        )
        for (asset, check), by_message in by_check.items()
    ]


def close_for_good(database: Database, facts: Facts, *, run_id: str, before: Versions, person: str) -> Closed:
    """Closes the months of these facts where nothing prevents it.

    The facts are of the run that has just checked them; open errors are looked up here. `before` is how often the
    months' rows had been changed when that run began. Raises NotClosedError with the reasons, and LedgerError where a
    statement lacks an edit, or another run wrote, or may have written, what was checked.
    """
    months = list(facts.months)
    with database.connect() as connection:
        make_partitions(connection, months)
        with connection.transaction():
            # From here on nobody else writes to the months: what is looked at now is what stays.
            closed = close_months(connection, months, person=person)
            # Nor does anybody edit: an edit that is saved now is on no statement of a month that is closed without it.
            hold_edits(connection)
            _refuse_edited(database, closed)
            known = replace(facts, months=closed, errors=_open_errors(connection))
            reasons = reasons_against(known)
            if reasons:
                raise NotClosedError(closed or months, reasons)
            _refuse_changed(connection, closed, run_id, before)
    return Closed(closed, len(months) - len(closed), warnings_of(known))


def reopen(
    database: Database, month: date, *, person: str, reason: str, patience: float = 60.0
) -> list[date]:
    """Reopens a closed month, and returns the later ones that stay closed.

    A run that reads it is waited for, up to `patience` seconds. Raises LedgerError where that was too long, without a
    reason, where the month is not closed, or where a closed one has taken news of it.
    """
    with database.connect() as connection:
        reopen_month(connection, month, person=person, reason=reason, patience=patience)
        return sorted(closed for closed in closed_months(connection) if closed > month)


def _open_errors(connection: psycopg.Connection) -> list[OpenError]:
    return [
        OpenError(number, integration, operation, kind, record, message, frozenset(months), is_blocking)
        for number, integration, operation, kind, record, message, months, is_blocking in open_errors(
            connection
        )
    ]


def _refuse_edited(database: Database, months: Sequence[date]) -> None:
    """Raises LedgerError where a statement lacks what somebody edited: closed, it would lack it for good.

    On a connection of its own, for which the months are still open.
    """
    for month, accounts in companies_edited_since_run(database, months).items():
        if accounts:
            named = ", ".join(sorted(accounts)[:_NAMED]) + (" and others" if len(accounts) > _NAMED else "")
            raise LedgerError(
                f"{format_month(month)} was not closed, its statement of {named} lacks what was edited since it was "
                "billed: run it again."
            )


def _refuse_changed(
    connection: psycopg.Connection, months: Sequence[date], run_id: str, before: Versions
) -> None:
    """Raises LedgerError where another run wrote, or may have written, what these months were checked by."""
    if not months:
        return
    changed = changed_by_others(connection, run_id, before, until=max(months))
    if changed:
        tables = sorted({table for _, table in changed})
        written = sorted({month for month, _ in changed})
        raise LedgerError(
            f"{describe_months(months)} was not closed, another run changed {', '.join(tables)} of "
            f"{describe_months(written)} meanwhile: run again when that has ended."
        )
    meanwhile = others_meanwhile(connection, run_id, months)
    if meanwhile:
        raise LedgerError(
            f"{describe_months(months)} was not closed, another run executed {', '.join(meanwhile)} for it "
            "meanwhile: run again when that has ended."
        )
