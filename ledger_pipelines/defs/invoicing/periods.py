"""Writing the service periods of the months."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from ledger_pipelines.columns import column
from ledger_pipelines.defs.invoicing.writing import Changes
from ledger_pipelines.defs.partitions import first_partition
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.service_periods import month_periods, newest_periods
from ledger_pipelines.store.frames import read_months
from ledger_pipelines.store.history import record_read


def write_periods(step: Step, periods: pa.Table, problems: Sequence[Problem]) -> tuple[pa.Table, Changes]:
    """Replaces the months' service periods; the first open month after a closed one takes its news."""
    closed = sorted(step.closed)
    read = set(column(periods, "id").to_pylist())
    named = {int(problem.external_id) for problem in problems if problem.external_id.isdecimal()}
    frame = month_periods(
        periods,
        read_months(step.connection, "enrollments", step.open(step.months)),
        newest_periods(read_months(step.connection, "enrollments", closed)),
        months=step.months,
        first_month=first_partition(),
        closed=step.closed,
        # One that counts in spite of its problem was read.
        unreadable=named - read,
    )
    changes = step.write({"enrollments": frame}, step.months)["enrollments"]
    record_read(
        step.connection, "enrollments", step.months, read_at=datetime.now(UTC), is_complete=not problems
    )
    return frame, changes
