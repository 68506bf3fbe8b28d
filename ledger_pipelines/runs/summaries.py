"""What a person wants to know of a run when it has ended, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from ledger_pipelines.runs.jobs import CheckOutcome, RunOutcome
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.summaries import (
    ControlAccount,
    DeferredRevenue,
    IncompleteStatement,
    MonthSummary,
    StepExecution,
    control_accounts,
    deferred_revenue,
    incomplete_statements,
    month_summaries,
    run_changes,
    run_executions,
    unresolved_errors,
)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did, also where a step of it failed; nothing of what other runs did before.

    `changes` are the rows added, removed and unchanged by table. `errors` are the open integration errors, one message
    for each integration and operation with how many there are.
    """

    executions: list[StepExecution]
    changes: dict[str, dict[str, int]]
    checks: Sequence[CheckOutcome]
    errors: list[tuple[str, str, int, str]]
    statements: list[MonthSummary] = field(default_factory=list)
    incomplete: list[IncompleteStatement] = field(default_factory=list)
    deferred: list[DeferredRevenue] = field(default_factory=list)
    accounts: list[ControlAccount] = field(default_factory=list)


def summarise(database: Database, months: Sequence[date], outcome: RunOutcome) -> RunSummary:
    """The summary of a run over these months."""
    with database.connect() as connection:
        executions = run_executions(connection, outcome.run_id)
        done = {execution.step_name for execution in executions if execution.status == "completed"}
        billed, accrued = "billing" in done, "accruals" in done
        return RunSummary(
            executions,
            run_changes(connection, outcome.run_id),
            outcome.checks,
            unresolved_errors(connection),
            statements=month_summaries(connection, months) if billed else [],
            incomplete=incomplete_statements(connection, months) if billed else [],
            deferred=deferred_revenue(connection, months) if accrued else [],
            accounts=control_accounts(connection, months) if "sub_ledgers" in done else [],
        )
