"""Snapshots of Codex: companies, assets, contacts, plans and tickets, month by month, from one fetch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import dagster as dg
import pyarrow as pa

from ledger_pipelines.billing.inputs import TICKETS
from ledger_pipelines.closing.snapshots import months_to_read
from ledger_pipelines.defs.codex.checks import CHECKS, closed_ticket_findings, snapshot_findings
from ledger_pipelines.errors import Problem
from ledger_pipelines.months import years_so_far
from ledger_pipelines.orchestration.findings import report
from ledger_pipelines.orchestration.partitions import MONTHS, is_partition
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.orchestration.previews import ROWS, preview
from ledger_pipelines.orchestration.resources import CodexResource, LedgerResource
from ledger_pipelines.orchestration.steps import AssetStep, executed_step, not_configured
from ledger_pipelines.sources.codex.client import CodexSnapshot
from ledger_pipelines.sources.codex.models import SCHEMAS
from ledger_pipelines.store.months import Change, ensure_months, rows_of_months
from ledger_pipelines.store.snapshots import (
    count_rows,
    read_first_rows,
    read_snapshots,
    record_gaps,
    record_snapshot,
)
from ledger_pipelines.workflows.imports.codex_tickets import (
    NEWS,
    place_fetched,
    record_ticket_problems,
    tickets_due,
)
from ledger_pipelines.workflows.imports.codex_unread import Unread, find_unread, for_months, keep_unread

_DESCRIPTIONS = {
    "companies": "A row is a company as Codex knew it when the month's snapshot was taken.",
    "assets": "A row is a device of a company, with its backed-up bytes, when the month's snapshot was taken.",
    "contacts": "A row is a person at a company; one person may stand under several companies.",
    "plans": "A row is a billing plan of Codex in one contract term, as the month found it.",
    "tickets": "A row is a ticket in the UTC month of its last update (or, where that is closed and has other hours of "
    "it, in the first open one after it), with all hours spent on it so far.",
}
_PREVIEWS = {
    "companies": ("name", "account_number", "billing_plan", "contract_term_length", "contract_end_date"),
    "assets": ("hostname", "account_number", "hardware_type", "device_type", "backup_data_bytes", "id"),
    "contacts": ("name", "account_number", "employment_type", "active", "id"),
    "plans": ("plan_name", "term_length", "per_user_cost", "per_workstation_cost", "per_server_cost"),
    "tickets": (
        "subject",
        "total_hours_spent",
        "status",
        "account_number",
        "ticket_number",
        "last_updated_at",
    ),
}


class SnapshotConfig(dg.Config):
    """`refresh_snapshots` takes the snapshots of older open months anew, too.

    `ask_for_undated` asks for all tickets, whatever their years, and so learns of those without a date: a month that is
    closed for good asks so once.
    """

    refresh_snapshots: bool = False
    ask_for_undated: bool = False


@dg.multi_asset(
    name="codex",
    specs=[
        month_asset(
            table,
            TICKETS if table == "tickets" else SCHEMAS[table],
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
    if ledger.settings.is_without_codex:
        yield from not_configured(context, "CODEX_URL")
        return
    wanted = [key.to_user_string() for key in context.selected_asset_keys]
    with executed_step(context, ledger, "codex") as step:
        taken_at = datetime.now(UTC)
        due = _months_due(step, wanted, taken_at.date(), refresh=config.refresh_snapshots)
        tickets = tickets_due(step, taken_at.date(), all_tickets=config.ask_for_undated)
        needed = frozenset(table for table, months in due.items() if months or table == "tickets")
        frames: dict[str, pa.Table] = {}
        changes: dict[str, dict[date, Change]] = {}
        news = NEWS.empty_table()
        if needed:
            with codex.client() as client:
                snapshot = client.fetch(needed, tickets.asked_years)
            frames = {
                table: _by_month(getattr(snapshot, table), due[table])
                for table in sorted(needed - {"tickets"})
            }
            unread = find_unread(step.connection, snapshot, frames, due)
            kept = {
                table: keep_unread(step.connection, table, frame, due[table], unread)
                for table, frame in frames.items()
            }
            is_complete = {table: _is_complete(snapshot, unread, table) for table in frames}
            if "tickets" in needed:
                read = place_fetched(step, snapshot, tickets)
                frames["tickets"], news = read.placed.tickets, read.news
                kept["tickets"] = read.placed.tickets, read.gaps
                is_complete["tickets"] = read.is_complete
                record_ticket_problems(step, read, tickets)
            changes = _write(step, kept, due, is_complete, taken_at)
            _record_problems(step, snapshot, unread, due)
        results = [
            _result(step, table, frames.get(table), changes.get(table, {})) for table in _in_order(wanted)
        ]
        findings = snapshot_findings(step, wanted)
        if "tickets" in wanted:
            findings += closed_ticket_findings(step, news)
    yield from results
    yield from report(context, ledger, findings)


def _in_order(wanted: Sequence[str]) -> list[str]:
    return [table for table in ("companies", "plans", "assets", "contacts", "tickets") if table in wanted]


def _months_due(
    step: AssetStep, wanted: Sequence[str], today: date, *, refresh: bool
) -> dict[str, list[date]]:
    """For each table, the months to be read now.

    Tickets are always read, and for the year so far: a month's prepaid hours need the earlier months of its year,
    and the answer holds them anyway.
    """
    taken: dict[str, set[date]] = {table: set() for table in wanted}
    for snapshot in read_snapshots(step.connection, step.months):
        if snapshot.table_name in taken:
            taken[snapshot.table_name].add(snapshot.month)
    return {
        table: step.open(years_so_far(step.months))
        if table == "tickets"
        else months_to_read(
            step.months, today=today, with_snapshot=taken[table], closed=step.closed, refresh=refresh
        )
        for table in wanted
    }


def _by_month(frame: pa.Table, months: Sequence[date]) -> pa.Table:
    """The frame once for each of the snapshot's months."""
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
    step: AssetStep,
    kept: Mapping[str, tuple[pa.Table, set[tuple[date, str]]]],
    due: Mapping[str, list[date]],
    is_complete: Mapping[str, bool],
    taken_at: datetime,
) -> dict[str, dict[date, Change]]:
    """Writes each table's months, with when they were taken and which companies they could not read anew."""
    changes: dict[str, dict[date, Change]] = {}
    for months in {tuple(due[table]) for table in kept if due[table]}:
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
    step: AssetStep, snapshot: CodexSnapshot, unread: Unread, due: Mapping[str, list[date]]
) -> None:
    """Keeps the problems, each for the months whose rows lack what it names; a mere note is of the present only."""
    for table, months in sorted(due.items()):
        # Tickets have months of their own: `record_ticket_problems`.
        if not months or table == "tickets":
            continue
        problems = [
            *_problems_of(snapshot, table),
            *(problem for problem in unread.problems if problem.operation == table),
        ]
        is_complete = table in snapshot.complete and table not in unread.whole
        step.record("codex", table, for_months(problems, months), months=months, is_complete=is_complete)


def _problems_of(snapshot: CodexSnapshot, table: str) -> list[Problem]:
    return [problem for problem in snapshot.problems if problem.operation == table]


def _show_kept(step: AssetStep, table: str, months: Sequence[date]) -> None:
    """The figures and rows of months that keep the snapshot that they have."""
    counts = count_rows(step.connection, table, months)
    for month in months:
        rows = read_first_rows(step.connection, table, month, ROWS)
        metadata = {
            "dagster/partition_row_count": counts.get(month, 0),
            "snapshot": "kept",
            "preview": preview(rows, _PREVIEWS[table], of=counts.get(month, 0)),
        }
        step.show(table, month, metadata)


def _result(
    step: AssetStep, table: str, frame: pa.Table | None, changes: Mapping[date, Change]
) -> dg.MaterializeResult[None]:
    """What the run did to a table, with each month's own figures and rows at that month."""
    today = datetime.now(UTC).date()
    for month, change in changes.items():
        if month in step.months:
            rows = None if frame is None else rows_of_months(frame, [month])
            step.describe(
                table, month, change, **({} if rows is None else {"preview": preview(rows, _PREVIEWS[table])})
            )
        elif month not in step.closed and is_partition(month, today):
            # The earlier months of the year were read along: they were materialised by this run, too.
            step.tell_of_other(table, month, {"dagster/partition_row_count": change.rows})
    _show_kept(step, table, [month for month in step.months if month not in changes])
    return dg.MaterializeResult(asset_key=table)
