"""What every asset's step does the same way: be recorded, write months, say what happened, fail in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import psycopg

from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError, SourceUnavailableError
from ledger_pipelines.logs import logging_context
from ledger_pipelines.months import add_months, describe_months, format_month, month_range
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG, settle_abandoned_runs
from ledger_pipelines.orchestration.partitions import first_partition, months_of, partition_key
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.printable import one_line
from ledger_pipelines.store.breakdowns import sentence_of
from ledger_pipelines.store.executions import fail_untaken, recorded_execution
from ledger_pipelines.store.history import unread_history
from ledger_pipelines.store.months import Change
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.tracing import span
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.run_tags import PERSON_TAG, REQUEST_TAG, TRACE_TAG
from ledger_pipelines.workflows.step import Step

#: The job that reads what was never read of the months before, too (rules/sync_management.md bounds a sync's dates).
MONTH_CLOSE = "month_close"
#: What a step says that somebody stopped.
INTERRUPTED = "It was interrupted."


@dataclass(slots=True, kw_only=True)
class AssetStep(Step):
    """A step that Dagster executes for assets: each month's result is shown at that month."""

    context: dg.AssetExecutionContext

    def describe(self, table: str, month: date, change: Change, **more: Any) -> None:
        """Puts a month's result into the metadata of its materialisation."""
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
            self.report_unasked(table, month, counts | more)

    def show(self, table: str, month: date, metadata: Mapping[str, Any]) -> None:
        """Puts something to look at into the materialisation of a month, where the table is among those asked for."""
        if self._is_selected(table):
            self.context.add_asset_metadata(metadata, asset_key=table, partition_key=partition_key(month))

    def log_month(self, month: date, change: Change, message: str) -> None:
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
        self.context.log.info(f"{format_month(month)}: {message}, {end}")

    def report_unasked(self, table: str, month: date, metadata: Mapping[str, Any]) -> None:
        """Says that a month, or a table, that was not asked for was materialised by this run, too."""
        self.context.log_event(
            dg.AssetMaterialization(asset_key=table, partition=partition_key(month), metadata=metadata)
        )

    def _is_selected(self, table: str) -> bool:
        return dg.AssetKey(table) in self.context.selected_asset_keys


def not_configured(
    context: dg.AssetExecutionContext, ledger: LedgerResource, name: str, missing: str
) -> Iterator[dg.MaterializeResult[None]]:
    """For a source that this ledger does not use: nothing is read, and what the months hold stays as it is.

    `missing` is the variable that would say where it is. No execution is recorded, for there was none, and no check is
    passed; one that was asked for by itself has failed.
    """
    months_of(context)
    message = f"{missing} is not set, so nothing was read."
    request_id = context.run.tags.get(REQUEST_TAG)
    if request_id is not None:
        with ledger.database.connect(application_name=f"ledger {name}") as connection:
            fail_untaken(connection, request_id, name, message)
    context.log.info(message)
    # In the order of their definition, which is that of their lineage.
    for spec in context.assets_def.specs:
        if spec.key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"source": message})


def with_history(connection: psycopg.Connection, table: str, months: Sequence[date]) -> list[date]:
    """The months, and all before them from the first on of which the table was never read: one span, for one fetch."""
    unread = unread_history(connection, table, first_partition(), months[-1])
    return month_range(min([*months, *unread]), add_months(months[-1], 1))


@contextmanager
def executed_step(
    context: dg.AssetExecutionContext, ledger: LedgerResource, name: str, *, history_of: str | None = None
) -> Iterator[AssetStep]:
    """The body of a step: recorded in sync_executions, with failures as one sentence.

    `history_of` is a table that is read month by month: in a month's close, the months from the first that was never
    read are the step's, too.
    """
    asked = months_of(context)
    database = ledger.database
    with (
        as_dagster_failures(context, name),
        database.connect(application_name=f"ledger {name}") as connection,
    ):
        settle_abandoned_runs(context.instance, database)
        months = asked
        if history_of is not None and context.run.job_name == MONTH_CLOSE:
            months = with_history(connection, history_of, asked)
        tags = context.run.tags
        metadata = {
            "months": [format_month(month) for month in months],
            "dagster_run_id": context.run.run_id,
            **({"person": tags[PERSON_TAG]} if PERSON_TAG in tags else {}),
        }
        with (
            logging_context(run_id=context.run.run_id, step=name, months=metadata["months"]),
            span(
                f"step {name}",
                parent=tags.get(TRACE_TAG),
                ledger__step=name,
                ledger__months=[format_month(month) for month in months],
                ledger__run_id=context.run.run_id,
                ledger__job=context.run.job_name,
            ),
            recorded_execution(database, name, metadata, request_id=tags.get(REQUEST_TAG)) as execution,
            _raising_interruptions(),
        ):
            context.log.info(f"{name}: {describe_months(months)}")
            yield AssetStep(
                context=context,
                connection=connection,
                execution=execution,
                months=months,
                closed=closed_months(connection),
                asked=asked,
                run_id=context.run.run_id,
                log=context.log,
            )


@contextmanager
def as_dagster_failures(context: dg.AssetExecutionContext, name: str) -> Iterator[None]:
    """Makes what fails in the body Dagster's Failure, with one sentence.

    Only a source, or a database, that could not be reached is tried again, and only where nobody waits for the run: bad
    data or a refused credential does not mend itself.
    """
    is_attended = context.run.tags.get(ATTENDED_TAG) == context.run.run_id
    # A request's execution ends once, as its run's first try does; of a copy of the run nobody waits for it.
    is_awaited = is_attended or (REQUEST_TAG in context.run.tags and context.run.parent_run_id is None)
    try:
        yield
    except LedgerError as error:
        is_away = isinstance(error, SourceUnavailableError | DatabaseUnavailableError)
        raise dg.Failure(description=str(error), allow_retries=is_away and not is_awaited) from error
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
        if not is_attended:
            raise
        # As an exception of its own it would be tried again, like any other.
        raise dg.Failure(INTERRUPTED, allow_retries=False) from error
    except Exception as error:
        if not is_awaited:
            raise
        # A defect of ours: it should show at once, and not after the retries.
        message = sentence_of(error) or one_line(f"{name} failed: {type(error).__name__}: {error}")
        raise dg.Failure(message, allow_retries=False) from error


@contextmanager
def _raising_interruptions() -> Iterator[None]:
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
