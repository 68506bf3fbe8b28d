"""A source that is no longer read for what another one says now: months written anew lack nothing of it, nor have any."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from ledger_pipelines.sources.datto.models import OPERATION as BACKUP_OPERATION
from ledger_pipelines.sources.freshservice.models import OPERATION as ENTRIES_OPERATION
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.snapshots import forget_snapshots
from ledger_pipelines.workflows.imports.asset_backup import UNBILLED
from ledger_pipelines.workflows.imports.backup_usage import TABLE as BACKUP_TABLE
from ledger_pipelines.workflows.imports.codex import Instead, Snapshots
from ledger_pipelines.workflows.imports.codex_tickets import UNDATED, tickets_due
from ledger_pipelines.workflows.imports.entry_tickets import UNCLAIMED
from ledger_pipelines.workflows.step import Step


def settle_former_sources(step: Step, taken: Snapshots, instead: Instead, today: date) -> None:
    """Resolves the errors of what these snapshots were not made of, in the months that were written.

    Nor do these have anything of it: once Datto RMM is set again it is read for them anew, and what it showed long ago
    is not billed.
    """
    if tickets := step.open(sorted(taken.changes.get("tickets", {}))):
        if instead.time_entries:
            # Codex's are errors of all months of the years that it was asked for.
            _settle(
                step, "codex", ["tickets", UNDATED], tickets_due(step, today, all_tickets=True).asked_months
            )
        else:
            _settle(step, "freshservice", [ENTRIES_OPERATION, UNCLAIMED], tickets)
    assets = step.open(sorted(taken.changes.get("assets", {})))
    if assets and not instead.backup_usage:
        _settle(step, "datto", [BACKUP_OPERATION, UNBILLED], assets)
        forget_snapshots(step.connection, BACKUP_TABLE, assets)


def _settle(step: Step, source: str, operations: Collection[str], months: Collection[date]) -> None:
    for operation in operations:
        record_problems(step.connection, source, operation, [], months=sorted(months))
