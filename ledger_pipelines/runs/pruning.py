"""Old runs, removed from Dagster's history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.pruning import Pruned, prune_runs
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.run_processes import forget_processes

#: A run is looked up by alerts and by whoever asks why a month was late for as long.
SHORTEST_DAYS = 30


def prune_history(
    database: Database,
    days: int,
    *,
    now: datetime,
    dry_run: bool,
    on_run: Callable[[str], None] = lambda _: None,
) -> Pruned:
    """Removes the runs that ended more than `days` ago, as `prune_runs` does, and what is kept of their processes.

    The books, their executions and the results of checks stay. Raises LedgerError for less than thirty days.
    """
    if days < SHORTEST_DAYS:
        raise LedgerError(
            f"Runs are kept for {SHORTEST_DAYS} days at least: say `ledger prune --older-than {SHORTEST_DAYS}d`, or more."
        )
    with dg.DagsterInstance.get() as instance:
        pruned = prune_runs(instance, now - timedelta(days=days), dry_run=dry_run, on_run=on_run)
    if not dry_run:
        with database.connect() as connection:
            forget_processes(connection, pruned.removed)
    return pruned
