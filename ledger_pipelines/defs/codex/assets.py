"""Snapshots of Codex: companies, assets, contacts, plans and tickets, month by month, from one fetch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.snapshots import months_to_read
from ledger_pipelines.defs.codex.checks import CHECKS, closed_ticket_findings, snapshot_findings
from ledger_pipelines.defs.codex.unread import Unread, find_unread, keep_unread
from ledger_pipelines.defs.findings import report
from ledger_pipelines.defs.partitions import MONTHS, is_partition, partition_key
from ledger_pipelines.defs.presentation import month_asset, preview
from ledger_pipelines.defs.resources import CodexResource, LedgerResource
from ledger_pipelines.defs.steps import Step, executed_step, in_months, not_configured
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import years_so_far
from ledger_pipelines.sources.codex import CodexSnapshot
from ledger_pipelines.sources.codex_models import SCHEMAS
from ledger_pipelines.store.replacement import Change, ensure_months
from ledger_pipelines.store.snapshots import read_snapshots, record_gaps, record_snapshot

_DESCRIPTIONS = {
    "companies": "A row is a company as Codex knew it when the month's snapshot was taken.",
    "assets": "A row is a device of a company, with its backed-up bytes, when the month's snapshot was taken.",
    "contacts": "A row is a person at a company; one person may stand under several companies.",
    "plans": "A row is a billing plan of Codex in one contract term, as the month found it.",
    "tickets": "A row is a ticket in the UTC month of its last update, with all hours spent on it so far.",
}
_PREVIEWS = {
    "companies": ("account_number", "name", "billing_plan", "contract_term_length", "contract_end_date"),
    "assets": ("account_number", "id", "hostname", "hardware_type", "device_type", "backup_data_bytes"),
    "contacts": ("account_number", "id", "name", "employment_type", "active"),
    "plans": ("plan_name", "term_length", "per_user_cost", "per_workstation_cost", "per_server_cost"),
    "tickets": (
        "account_number",
        "ticket_number",
        "subject",
        "status",
        "last_updated_at",
        "total_hours_spent",
    ),
}
_SNAPSHOTS = ("companies", "assets", "contacts", "plans")


class SnapshotConfig(dg.Config):
    """`refresh_snapshots` takes the snapshots of older open months anew, too."""

    refresh_snapshots: bool = False


@dg.multi_asset(
    name="codex",
    specs=[
        month_asset(
            table,
            SCHEMAS[table],
            _DESCRIPTIONS[table],
            deps=[] if table in ("companies", "plans") else ["companies"],
            group="codex",
            kinds=("codex", "postgres"),
        )
        for table in ("companies", "plans", "assets", "contacts", "tickets")
    ],
    check_specs=CHECKS,
    partitions_def=MONTHS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=dg.RetryPolicy(
        max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
    ),
    pool="codex",
)
def codex_snapshots(
    context: dg.AssetExecutionContext, config: SnapshotConfig, ledger: LedgerResource, codex: CodexResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Fetch once what the months need, write each month whole, keep what could not be read."""
    if codex.is_left_out:
        yield from not_configured(context, "CODEX_URL")
        return
    wanted = [key.to_user_string() for key in context.selected_asset_keys]
    with executed_step(context, ledger, "codex") as step:
        taken_at = datetime.now(UTC)
        due = _months_due(step, wanted, taken_at.date(), refresh=config.refresh_snapshots)
        needed = frozenset(table for table, months in due.items() if months)
        if needed:
            years = sorted({month.year for month in due.get("tickets", [])})
            with codex.client() as client:
                snapshot = client.fetch(needed, years)
            frames = {
                table: _by_month(table, getattr(snapshot, table), due[table]) for table in sorted(needed)
            }
            unread = find_unread(step.connection, snapshot, frames, due)
            kept = {
                table: keep_unread(step.connection, table, frame, due[table], unread)
                for table, frame in frames.items()
            }
            is_complete = {table: _is_complete(snapshot, unread, table) for table in frames}
            changes = _write(step, kept, due, is_complete, taken_at)
            _record_problems(step, snapshot, unread, due, years)
        else:
            frames, changes = {}, {}
        results = [
            _result(step, table, frames.get(table), changes.get(table, {})) for table in _in_order(wanted)
        ]
        findings = snapshot_findings(step, wanted)
        if "tickets" in wanted:
            findings += closed_ticket_findings(step, changes.get("tickets", {}), frames.get("tickets"))
    yield from results
    yield from report(context, findings)


def _in_order(wanted: Sequence[str]) -> list[str]:
    return [table for table in ("companies", "plans", "assets", "contacts", "tickets") if table in wanted]


def _months_due(step: Step, wanted: Sequence[str], today: date, *, refresh: bool) -> dict[str, list[date]]:
    """For each table, the months to be read now.

    Tickets are always read, and for the year so far: a month's prepaid hours need the earlier months of its year,
    and the answer holds them anyway.
    """
    taken: dict[str, set[date]] = {table: set() for table in wanted}
    for snapshot in read_snapshots(step.connection, step.months):
        if snapshot.table_name in taken:
            taken[snapshot.table_name].add(snapshot.month)
    return {
        table: years_so_far(step.months)
        if table == "tickets"
        else months_to_read(
            step.months, today=today, with_snapshot=taken[table], closed=step.closed, refresh=refresh
        )
        for table in wanted
    }


def _by_month(table: str, frame: pa.Table, months: Sequence[date]) -> pa.Table:
    """The frame with its month: a ticket's own, and each of the snapshot's months for all else."""
    if table == "tickets":
        own = pc.floor_temporal(frame["last_updated_at"], unit="month").cast(pa.timestamp("us", "UTC"))
        dated = frame.add_column(0, pa.field("month", pa.date32()), own.cast(pa.date32()))
        return dated.filter(pc.is_in(dated["month"], value_set=pa.array(months, pa.date32())))
    return pa.concat_tables(
        frame.add_column(
            0, pa.field("month", pa.date32()), pa.repeat(pa.scalar(month, pa.date32()), len(frame))
        )
        for month in months
    )


def _is_complete(snapshot: CodexSnapshot, unread: Unread, table: str) -> bool:
    """Whether every record of a table could be read, and is believed."""
    broken = any(problem.is_blocking for problem in _problems_of(snapshot, table))
    return table in snapshot.complete and not broken and not unread.touches(table)


def _write(
    step: Step,
    kept: Mapping[str, tuple[pa.Table, set[tuple[date, str]]]],
    due: Mapping[str, list[date]],
    is_complete: Mapping[str, bool],
    taken_at: datetime,
) -> dict[str, dict[date, Change]]:
    """Writes each table's months, with when they were taken and which companies they could not read anew."""
    changes: dict[str, dict[date, Change]] = {}
    for months in {tuple(due[table]) for table in kept}:
        together = {table: frame for table, (frame, _) in kept.items() if tuple(due[table]) == months}
        ensure_months(step.connection, list(together), months)
        with step.connection.transaction():
            changes |= step.write(together, months)
            for table in together:
                open_months = step.open(months)
                record_snapshot(
                    step.connection, table, open_months, taken_at=taken_at, is_complete=is_complete[table]
                )
                gaps = {gap for gap in kept[table][1] if gap[0] in open_months}
                record_gaps(step.connection, table, open_months, gaps)
    return changes


def _record_problems(
    step: Step,
    snapshot: CodexSnapshot,
    unread: Unread,
    due: Mapping[str, list[date]],
    years: Sequence[int],
) -> None:
    """Keeps the problems, each for the months whose rows lack what it names; a mere note is of the present only."""
    for table, read in sorted(due.items()):
        if not read:
            continue
        # Codex was asked for whole years of tickets: only a run that asks for the same year can miss a broken one.
        months = (
            [date(year, month, 1) for year in years for month in range(1, 13)] if table == "tickets" else read
        )
        problems = [
            *_problems_of(snapshot, table),
            *(problem for problem in unread.problems if problem.operation == table),
        ]
        notes = [problem for problem in problems if not problem.is_blocking]
        blocking = in_months((problem for problem in problems if problem.is_blocking), months)
        is_complete = table in snapshot.complete and table not in unread.whole
        step.record("codex", table, [*blocking, *notes], months=months, is_complete=is_complete)


def _problems_of(snapshot: CodexSnapshot, table: str) -> list[Problem]:
    return [problem for problem in snapshot.problems if problem.operation == table]


def _result(
    step: Step, table: str, frame: pa.Table | None, changes: Mapping[date, Change]
) -> dg.MaterializeResult[None]:
    """What the run did to a table, with each month's own figures at that month."""
    for month, change in changes.items():
        step.describe(table, month, change)
    kept = [month for month in step.months if month not in changes]
    for month in kept:
        step.context.add_asset_metadata(
            {"snapshot": "kept"}, asset_key=table, partition_key=partition_key(month)
        )
    today = datetime.now(UTC).date()
    for month in changes:
        # The earlier months of the year were read along: they were materialised by this run, too.
        if month not in step.months and month not in step.closed and is_partition(month, today):
            step.context.log_event(
                dg.AssetMaterialization(
                    asset_key=table,
                    partition=partition_key(month),
                    metadata={"dagster/partition_row_count": changes[month].rows},
                )
            )
    metadata: dict[str, Any] = (
        {} if frame is None else {"preview": preview(frame, _PREVIEWS[table]), "rows_read": frame.num_rows}
    )
    return dg.MaterializeResult(asset_key=table, metadata={"months_kept": len(kept), **metadata})
