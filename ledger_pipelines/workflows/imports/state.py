"""A source's present state, kept for each month that it was read for, and what a step did to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.restatement import in_month, rows_without
from ledger_pipelines.columns import column
from ledger_pipelines.errors import Problem
from ledger_pipelines.store.months import Change, ensure_months
from ledger_pipelines.store.snapshots import read_newest_snapshot, record_snapshot
from ledger_pipelines.workflows.step import Changes, Step


@contextmanager
def written_together(step: Step, table: str) -> Iterator[None]:
    """What the body writes beside the step's months of this table becomes so all at once, or nothing of it."""
    ensure_months(step.connection, [table], step.months)
    with step.connection.transaction():
        yield


def write_state(
    step: Step,
    table: str,
    frame: pa.Table,
    *,
    key: str,
    problems: Sequence[Problem] = (),
    is_complete: bool | None = None,
    keeps_missing: bool = True,
) -> Changes:
    """Makes the frame the rows of each of the open months that were asked for, and keeps when it was read.

    The newest state is what accruals go by, so an older month that is read again takes it, too. A record that could
    not be read this time stays as it was read last: it is not gone. `is_complete` says whether the list was read
    whole and is accepted, where the source can say (None: whether there are no problems); of one that is not, every
    record that is missing stays. With `keeps_missing` false the frame is taken as it is.
    """
    months = step.open(step.asked)
    if not months:
        return {}
    before = read_newest_snapshot(step.connection, table)
    if before is not None and keeps_missing and (problems or is_complete is False):
        missing = rows_without(before, key, column(frame, key))
        if is_complete is not False:
            unreadable = pa.array(sorted({problem.external_id for problem in problems}), pa.string())
            missing = missing.filter(pc.is_in(missing[key].cast(pa.string()), value_set=unreadable))
        frame = pa.concat_tables([frame, missing.select(frame.column_names).cast(frame.schema)])
    ensure_months(step.connection, [table], months)
    whole = pa.concat_tables([in_month(frame, month) for month in months])
    complete = not problems if is_complete is None else is_complete
    with step.connection.transaction():
        changes = step.write({table: whole}, months)[table]
        record_snapshot(step.connection, table, months, taken_at=datetime.now(UTC), is_complete=complete)
    return changes


def count(step: Step, **counts: int) -> None:
    """Puts what a step did into its execution's record, for people: `invoices_processed`, `clients_created` …"""
    step.execution.metadata.setdefault("result", {}).update(counts)


def total(step: Step, changes: Changes) -> Change:
    """The change of all open months together."""
    return sum((changes[month] for month in step.open(list(changes))), Change())


def state_counts(step: Step, changes: Changes, frame: pa.Table, name: str) -> dict[str, int]:
    """How many records were processed, created and updated: in the latest month, since every month has them all."""
    if not changes:
        return {f"{name}_processed": frame.num_rows, f"{name}_created": 0, f"{name}_updated": 0}
    change = changes[max(changes)]
    updated = min(change.added, change.removed)
    return {
        f"{name}_processed": frame.num_rows,
        f"{name}_created": change.added - updated,
        f"{name}_updated": updated,
    }
