"""What every asset's step does the same way: be recorded, write months, say what happened, fail in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import dagster as dg
import psycopg
import pyarrow as pa

from ledger_pipelines.breakdowns import sentence_of
from ledger_pipelines.defs.abandoned import ATTENDED_TAG, settle_abandoned_runs
from ledger_pipelines.defs.partitions import first_partition, months_of, partition_key
from ledger_pipelines.defs.resources import LedgerResource
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError, Problem, SourceUnavailableError
from ledger_pipelines.months import add_months, describe_months, format_month, month_range
from ledger_pipelines.printable import one_line
from ledger_pipelines.store.executions import Execution, recorded_execution
from ledger_pipelines.store.history import unread_history
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.replacement import (
    Change,
    compare_month,
    ensure_months,
    replace_month,
    rows_of_months,
)
from ledger_pipelines.wording import counted

#: The job that reads what was never read of the months before, too (rules/sync_management.md bounds a sync's dates).
MONTH_CLOSE = "month_close"
#: What a step says that somebody stopped.
INTERRUPTED = "It was interrupted."
#: Attended runs of this process that somebody stopped: their other steps are not begun.
_interrupted_runs: set[str] = set()


@dataclass(slots=True)
class Step:
    """A step that is being executed for some months.

    `asked` are the months that the run is for, `months` those that the step reads: of a source's history that was never
    read the first close reads all.
    """

    context: dg.AssetExecutionContext
    connection: psycopg.Connection
    execution: Execution
    months: list[date]
    closed: frozenset[date]
    asked: list[date]

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
                    written_by=self.context.run.run_id,
                )
        for table, frame in frames.items():
            to_compare = [month for month in months if month in self.closed]
            if to_compare:
                changes[table] |= compare_month(
                    self.connection, table, to_compare, rows_of_months(frame, to_compare)
                )
            self._note(table, changes[table])
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
        """Keeps the problems as integration errors and resolves those that are gone."""
        counts = record_problems(
            self.connection, integration, operation, problems, months=months, is_complete=is_complete
        )
        self._metadata("errors")[f"{integration} {operation}"] = {
            "seen": counts.seen,
            "new": counts.new,
            "resolved": counts.resolved,
        }
        for message in list(dict.fromkeys(problem.message for problem in problems))[:20]:
            self.context.log.warning(message)

    def describe(self, table: str, month: date, change: Change, **more: Any) -> None:
        """Puts what became of a month into the metadata of its materialisation."""
        if month not in self.months:
            return
        counts: dict[str, Any] = {
            "dagster/partition_row_count": change.rows,
            "rows_unchanged": change.unchanged,
        }
        if month in self.closed:
            counts = {"closed": True, "rows_that_differ": change.added + change.removed}
        else:
            counts |= {"rows_added": change.added, "rows_removed": change.removed}
        if month in self.asked and self._is_selected(table):
            self.show(table, month, counts | more)
        else:
            self.tell_of_other(table, month, counts | more)

    def show(self, table: str, month: date, metadata: Mapping[str, Any]) -> None:
        """Puts something to look at into the materialisation of a month, where the table is among those asked for."""
        if self._is_selected(table):
            self.context.add_asset_metadata(metadata, asset_key=table, partition_key=partition_key(month))

    def tell_month(self, month: date, change: Change, told: str) -> None:
        """A line for a person in the run's log: what the month has, and what this run changed in it."""
        changed = change.added + change.removed
        if month in self.closed:
            end = (
                f"closed, would differ in {counted(changed, 'row')}" if changed else "closed, nothing differs"
            )
        else:
            end = (
                f"{counted(change.added, 'row')} added, {change.removed:,} removed"
                if changed
                else "nothing changed"
            )
        self.context.log.info(f"{format_month(month)}: {told}, {end}")

    def tell_of_other(self, table: str, month: date, metadata: Mapping[str, Any]) -> None:
        """Says that a month, or a table, that was not asked for was materialised by this run, too."""
        self.context.log_event(
            dg.AssetMaterialization(asset_key=table, partition=partition_key(month), metadata=metadata)
        )

    def _is_selected(self, table: str) -> bool:
        return dg.AssetKey(table) in self.context.selected_asset_keys

    def _note(self, table: str, changes: Mapping[date, Change]) -> None:
        total = sum((changes[month] for month in self.open(list(changes))), Change())
        kept = self._metadata("tables").setdefault(table, {"added": 0, "removed": 0, "unchanged": 0})
        kept["added"] += total.added
        kept["removed"] += total.removed
        kept["unchanged"] += total.unchanged
        kept["by_month"] = {
            format_month(month): [change.added, change.removed, change.unchanged]
            for month, change in changes.items()
        }
        for month, change in changes.items():
            differing = change.added + change.removed
            if month in self.closed and differing:
                self.context.log.warning(
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


def not_configured(context: dg.AssetExecutionContext, missing: str) -> Iterator[dg.MaterializeResult[None]]:
    """For a source that this ledger does not use: nothing is read, and what the months hold stays as it is.

    `missing` is the variable that would say where it is. No execution is recorded, for there was none, and no check is
    passed.
    """
    months_of(context)
    told = f"{missing} is not set, so nothing was read."
    context.log.info(told)
    # In the order of their definition, which is that of their lineage.
    for spec in context.assets_def.specs:
        if spec.key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"source": told})


def with_history(connection: psycopg.Connection, table: str, months: Sequence[date]) -> list[date]:
    """The months, and all before them from the first on of which the table was never read: one span, for one fetch."""
    unread = unread_history(connection, table, first_partition(), months[-1])
    return month_range(min([*months, *unread]), add_months(months[-1], 1))


@contextmanager
def executed_step(
    context: dg.AssetExecutionContext, ledger: LedgerResource, name: str, *, history_of: str | None = None
) -> Iterator[Step]:
    """The body of a step: recorded in sync_executions, with what fails told in one sentence.

    `history_of` is a table that is read month by month: in a month's close, the months from the first that was never
    read are the step's, too.
    """
    if context.run.run_id in _interrupted_runs:
        raise dg.Failure(INTERRUPTED, allow_retries=False)
    asked = months_of(context)
    database = ledger.database
    with told_failures(context, name), database.connect(application_name=f"ledger {name}") as connection:
        settle_abandoned_runs(context.instance, database)
        months = asked
        if history_of is not None and context.run.job_name == MONTH_CLOSE:
            months = with_history(connection, history_of, asked)
        metadata = {"months": [format_month(month) for month in months], "dagster_run_id": context.run.run_id}
        with recorded_execution(database, name, metadata) as execution, _telling_interruptions():
            context.log.info(f"{name}: {describe_months(months)}")
            yield Step(context, connection, execution, months, closed_months(connection), asked)


@contextmanager
def told_failures(context: dg.AssetExecutionContext, name: str) -> Iterator[None]:
    """Makes what fails in the body Dagster's Failure, told in one sentence.

    Only a source, or a database, that could not be reached is tried again, and only where nobody waits for the run: bad
    data or a refused credential does not mend itself.
    """
    is_attended = context.run.tags.get(ATTENDED_TAG) == context.run.run_id
    try:
        yield
    except LedgerError as error:
        is_away = isinstance(error, SourceUnavailableError | DatabaseUnavailableError)
        raise dg.Failure(description=str(error), allow_retries=is_away and not is_attended) from error
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        if not is_attended:
            raise
        _interrupted_runs.add(context.run.run_id)
        # As an exception of its own it would be tried again, like any other.
        raise dg.Failure(INTERRUPTED, allow_retries=False) from error
    except Exception as error:
        if not is_attended:
            raise
        # A defect of ours: whoever waits shall see it now, and not after the retries.
        told = sentence_of(error) or one_line(f"{name} failed: {type(error).__name__}: {error}")
        raise dg.Failure(told, allow_retries=False) from error


@contextmanager
def _telling_interruptions() -> Iterator[None]:
    """Makes an interruption look like one, also where ending a database command half way hid it."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        raise KeyboardInterrupt(INTERRUPTED) from None
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, dg.DagsterExecutionInterruptedError | KeyboardInterrupt):
                raise KeyboardInterrupt(INTERRUPTED) from None
            cause = cause.__context__
        raise
