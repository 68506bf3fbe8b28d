"""Snapshots of Codex: companies, assets, contacts, plans and tickets, month by month, from one fetch."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import dagster as dg

from ledger_pipelines.defs.codex.checks import CHECKS, closed_ticket_findings, snapshot_findings
from ledger_pipelines.orchestration.findings import report
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS, is_partition
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import ROWS, preview
from ledger_pipelines.orchestration.resources import (
    CodexResource,
    DattoResource,
    FreshserviceResource,
    LedgerResource,
)
from ledger_pipelines.orchestration.steps import AssetStep, executed_step, not_configured
from ledger_pipelines.store.months import rows_of_months
from ledger_pipelines.store.snapshots import (
    count_rows,
    read_first_rows,
)
from ledger_pipelines.tables import TABLES
from ledger_pipelines.workflows.imports.codex import SNAPSHOTS, Instead, Snapshots, take_snapshots
from ledger_pipelines.workflows.imports.switched_sources import settle_former_sources


class SnapshotConfig(dg.Config):
    """`refresh_snapshots` takes the snapshots of older open months anew, too.

    `ask_for_undated` asks for all tickets, whatever their years, and so learns of those without a date: a month that is
    closed for good asks so once.
    """

    refresh_snapshots: bool = False
    ask_for_undated: bool = False


#: What a table is made of; the others are Codex's alone, of the companies.
_DEPS = {
    "companies": ["codex"],
    "plans": ["codex"],
    "assets": ["companies", "codex", "backup_usage"],
    "tickets": ["companies", "codex", "time_entries"],
}


@dg.multi_asset(
    name="codex",
    specs=[
        month_asset(
            table,
            deps=_DEPS.get(table, ["companies", "codex"]),
            group="codex",
            kinds=("codex", "postgres"),
        )
        for table in SNAPSHOTS
    ],
    check_specs=CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=BACKFILL_POLICY,
    retry_policy=dg.RetryPolicy(
        max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
    ),
    pool="codex",
)
def codex_snapshots(  # noqa: PLR0917 - Dagster gives them by name
    context: dg.AssetExecutionContext,
    config: SnapshotConfig,
    ledger: LedgerResource,
    codex: CodexResource,
    freshservice: FreshserviceResource,
    datto: DattoResource,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Fetch once what the months need, write each month whole, keep what could not be read."""
    if ledger.settings.is_without_codex:
        yield from not_configured(context, ledger, "codex", "CODEX_URL")
        return
    wanted = [table for table in SNAPSHOTS if dg.AssetKey(table) in context.selected_asset_keys]
    instead = Instead(freshservice.settings.is_used, datto.settings.is_used)
    with executed_step(context, ledger, "codex") as step:
        now = datetime.now(UTC)
        snapshots = take_snapshots(
            step,
            codex.client,
            wanted,
            taken_at=now,
            refresh=config.refresh_snapshots,
            ask_for_undated=config.ask_for_undated,
            instead=instead,
        )
        settle_former_sources(step, snapshots, instead, now.date())
        results = [_described(step, table, snapshots) for table in wanted]
        findings = snapshot_findings(step, wanted)
        if "tickets" in wanted:
            findings += closed_ticket_findings(step, snapshots.news)
    yield from results
    yield from report(context, ledger, findings)


def _report_unchanged(step: AssetStep, table: str, months: Sequence[date]) -> None:
    """The figures and rows of months that keep the snapshot that they have."""
    counts = count_rows(step.connection, table, months)
    for month in months:
        rows = read_first_rows(step.connection, table, month, ROWS)
        metadata = {
            "dagster/partition_row_count": counts.get(month, 0),
            "snapshot": "kept",
            "preview": preview(rows, TABLES[table].preview, of=counts.get(month, 0)),
        }
        step.show(table, month, metadata)


def _described(step: AssetStep, table: str, snapshots: Snapshots) -> dg.MaterializeResult[None]:
    """What the run did to a table, with each month's own figures and rows at that month."""
    frame, changes = snapshots.frames.get(table), snapshots.changes.get(table, {})
    today = datetime.now(UTC).date()
    for month, change in changes.items():
        if month in step.months:
            rows = None if frame is None else rows_of_months(frame, [month])
            step.describe(
                table,
                month,
                change,
                **({} if rows is None else {"preview": preview(rows, TABLES[table].preview)}),
            )
        elif month not in step.closed and is_partition(month, today):
            # The earlier months of the year were read along: they were materialised by this run, too.
            step.report_unasked(table, month, {"dagster/partition_row_count": change.rows})
    _report_unchanged(step, table, [month for month in step.months if month not in changes])
    return dg.MaterializeResult(asset_key=table)
