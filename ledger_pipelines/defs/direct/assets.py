"""What is read directly where its source is set, in place of Codex's copy: time entries and backup usage.

Where it is not, the asset keeps what it has, and what Codex says is billed.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ledger_pipelines.defs.invoicing.results import READ_COMPLETELY, completeness, described
from ledger_pipelines.orchestration.findings import month_check
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS
from ledger_pipelines.orchestration.presentation import month_asset, source_of
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import executed_step, not_configured
from ledger_pipelines.workflows.imports.backup_usage import import_backup_usage
from ledger_pipelines.workflows.imports.outcome import ImportedTable
from ledger_pipelines.workflows.imports.time_entries import import_time_entries
from ledger_pipelines.workflows.step import Step

#: Reads with the client that it is given a way to make, writes the months.
_Read = Callable[[Step, Callable[[], Any], datetime], ImportedTable]


def _direct_asset(source: str) -> Callable[[_Read], dg.AssetsDefinition]:
    """A table of the function's name, read from this source; one that is not set is passed over."""

    def decorate(read: _Read) -> dg.AssetsDefinition:
        table = read.__name__
        spec = month_asset(table, deps=[source], group=source, kinds=(source, "postgres"))

        @dg.multi_asset(
            name=table,
            description=read.__doc__,
            specs=[spec.merge_attributes(metadata=source_of(read))],
            check_specs=[
                month_check(
                    READ_COMPLETELY,
                    asset=table,
                    description="Every record of the source could be read; those that could not are integration errors.",
                )
            ],
            required_resource_keys={"ledger", source},
            partitions_def=MONTHS,
            can_subset=True,
            backfill_policy=BACKFILL_POLICY,
            retry_policy=dg.RetryPolicy(
                max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
            ),
            pool=source,
        )
        def direct_step(
            context: dg.AssetExecutionContext,
        ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
            ledger, resource = context.resources.ledger, getattr(context.resources, source)
            if not resource.settings.is_begun:
                yield from not_configured(context, ledger, source, resource.missing)
                return
            with executed_step(context, ledger, source) as step:
                imported = read(step, resource.client, datetime.now(UTC))
                results = [described(step, table, imported)]
                findings = completeness(step, table, imported.problems)
            yield from selected(context, ledger, results, findings)

        return direct_step

    return decorate


@_direct_asset("freshservice")
def time_entries(step: Step, client: Callable[[], Any], now: datetime) -> ImportedTable:
    """Read the tickets of the months and of 45 days before, with their time entries."""
    return import_time_entries(step, client, taken_at=now)


@_direct_asset("datto")
def backup_usage(step: Step, client: Callable[[], Any], now: datetime) -> ImportedTable:
    """Read all devices with what is backed up of them."""
    return import_backup_usage(step, client, taken_at=now)
