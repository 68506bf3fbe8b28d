"""A step of the close while it is executed: what it reads and writes, independent of who runs or shows it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa

from ledger_pipelines.errors import Problem
from ledger_pipelines.months import format_month
from ledger_pipelines.store.executions import Execution
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.months import (
    Change,
    compare_month,
    ensure_months,
    replace_month,
    rows_of_months,
)
from ledger_pipelines.wording import counted

#: The changes of each month of a table.
Changes = Mapping[date, Change]


@dataclass(slots=True, kw_only=True)
class Step:
    """A step that is being executed for some months.

    `asked` are the months that the run is for, `months` those that the step reads: of a source's history that was never
    read the first close reads all. `run_id` is kept with the months that it writes.
    """

    connection: psycopg.Connection
    execution: Execution
    months: list[date]
    closed: frozenset[date]
    asked: list[date]
    run_id: str
    log: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))

    def open(self, months: Sequence[date]) -> list[date]:
        """Those of the months that may be written."""
        return [month for month in months if month not in self.closed]

    def write(self, frames: Mapping[str, pa.Table], months: Sequence[date]) -> dict[str, dict[date, Change]]:
        """Makes the frames' rows the rows of these months in their tables, all or nothing.

        A closed month is compared and not written; its change says what would have been different.
        """
        ensure_months(self.connection, list(frames), months)
        changes: dict[str, dict[date, Change]] = {}
        with self.connection.transaction():
            for table, frame in frames.items():
                to_write = self.open(months)
                changes[table] = replace_month(
                    self.connection,
                    table,
                    to_write,
                    rows_of_months(frame, to_write),
                    written_by=self.run_id,
                )
        for table, frame in frames.items():
            to_compare = [month for month in months if month in self.closed]
            if to_compare:
                changes[table] |= compare_month(
                    self.connection, table, to_compare, rows_of_months(frame, to_compare)
                )
            self.note_changes(table, changes[table])
        return changes

    def record(
        self,
        integration: str,
        operation: str,
        problems: Sequence[Problem],
        *,
        months: Sequence[date] = (),
        is_complete: bool = True,
    ) -> None:
        """Stores the problems as integration errors and resolves those that are gone."""
        counts = record_problems(
            self.connection, integration, operation, problems, months=months, is_complete=is_complete
        )
        self._metadata("errors")[f"{integration} {operation}"] = {
            "seen": counts.seen,
            "new": counts.new,
            "resolved": counts.resolved,
        }
        for message in list(dict.fromkeys(problem.message for problem in problems))[:20]:
            self.log.warning(message)

    def note_changes(self, table: str, changes: Mapping[date, Change]) -> None:
        """Records the changes of a table's months with the execution, and logs which closed ones would differ."""
        total = sum((changes[month] for month in self.open(list(changes))), Change())
        counts = self._metadata("tables").setdefault(table, {"added": 0, "removed": 0, "unchanged": 0})
        counts["added"] += total.added
        counts["removed"] += total.removed
        counts["unchanged"] += total.unchanged
        counts["by_month"] = {
            format_month(month): [change.added, change.removed, change.unchanged]
            for month, change in changes.items()
        }
        for month, change in changes.items():
            differing = change.added + change.removed
            if month in self.closed and differing:
                self.log.warning(
                    f"{format_month(month)} is closed: {table} would differ in {counted(differing, 'row')}; "
                    "nothing was written."
                )

    def _metadata(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = self.execution.metadata.setdefault(name, {})
        return part


def in_months(problems: Iterable[Problem], months: Sequence[date]) -> list[Problem]:
    """The problems, each as one of every month: for a source that was asked for all of them at once.

    Only a run that asks for the same months can then find that a problem is gone.
    """
    return [replace(problem, month=format_month(month)) for problem in problems for month in months]
