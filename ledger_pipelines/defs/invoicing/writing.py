"""What the import steps do the same way: keep a source's present state for each month, and say what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import array, column, kept, mask
from ledger_pipelines.defs.closed import booked_or_computed, closed_month_finding
from ledger_pipelines.defs.findings import Finding, listing
from ledger_pipelines.defs.invoicing.specs import TABLES
from ledger_pipelines.defs.naming import named_contracts
from ledger_pipelines.defs.previews import month_previews
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.defs.telling import told_problems
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.frames import in_month
from ledger_pipelines.store.history import READ_BY_MONTH
from ledger_pipelines.store.integration_errors import without_ignored
from ledger_pipelines.store.replacement import Change, ensure_months
from ledger_pipelines.store.snapshots import read_newest_snapshot, record_snapshot

READ_COMPLETELY = "read_completely"

Changes = Mapping[date, Change]


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
    whole and is believed, where the source can tell (None: whether there are no problems); of one that is not, every
    record that is missing stays. With `keeps_missing` false the frame is taken as it is.
    """
    months = step.open(step.asked)
    if not months:
        return {}
    before = read_newest_snapshot(step.connection, table)
    if before is not None and keeps_missing and (problems or is_complete is False):
        missing = kept(before, ~mask(pc.is_in(column(before, key), value_set=column(frame, key))))
        if is_complete is not False:
            unreadable = array(sorted({problem.external_id for problem in problems}), pa.string())
            missing = kept(
                missing, mask(pc.is_in(column(missing, key).cast(pa.string()), value_set=unreadable))
            )
        frame = pa.concat_tables([frame, missing.select(frame.column_names).cast(frame.schema)])
    ensure_months(step.connection, [table], months)
    whole = pa.concat_tables([in_month(frame, month) for month in months])
    complete = not problems if is_complete is None else is_complete
    with step.connection.transaction():
        changes = step.write({table: whole}, months)[table]
        record_snapshot(step.connection, table, months, taken_at=datetime.now(UTC), is_complete=complete)
    return changes


def described(
    step: Step, table: str, frame: pa.Table, changes: Changes, **more: Any
) -> dg.MaterializeResult[None]:
    """What the run did to a table, with each month's own figures and rows at that month; `more` is of the run.

    `frame` is what was computed, with months or, for a source's state, without.
    """
    has_months = "month" in frame.column_names
    frames = {
        month: booked_or_computed(step, table, month, change, frame) if has_months else frame
        for month, change in changes.items()
    }
    columns = TABLES[table].preview
    named = partial(named_contracts, step.connection) if "client" in columns else None
    previews = month_previews(frames, columns, named=named)
    for month, change in changes.items():
        step.describe(table, month, change, preview=previews[month])
    return dg.MaterializeResult(asset_key=table, metadata=more)


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


def completeness(step: Step, table: str, problems: Sequence[Problem]) -> list[Finding]:
    """One finding for each month that was read: could every record be? Notes, and what is ignored, do not count."""
    told = "some records could not be read"
    problems = [one for one in without_ignored(step.connection, problems) if one.is_blocking]
    names = told_problems(problem.message for problem in problems)
    return [
        Finding(
            asset=table,
            check=READ_COMPLETELY,
            month=month,
            count=len(problems),
            severity=dg.AssetCheckSeverity.WARN,
            description=listing(told, names) if problems else None,
            records=frozenset(problem.message for problem in problems),
        )
        for month in (step.months if table in READ_BY_MONTH else step.asked)
    ]


def closed_unchanged(step: Step, table: str, changes: Changes, frame: pa.Table) -> list[Finding]:
    """One finding for each month: does the source, whose rows are `frame`, still say what a closed month holds?"""
    shown = TABLES[table].preview
    return [
        closed_month_finding(step, table, month, changes.get(month, Change()), frame, shown=shown)
        for month in step.months
    ]
