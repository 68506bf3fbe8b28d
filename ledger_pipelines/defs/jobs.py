"""What runs together, and when."""

import os
from datetime import UTC

import dagster as dg

from ledger_pipelines.months import add_months, first_open_after, month_of
from ledger_pipelines.orchestration.partitions import first_partition, partition_key
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.steps import MONTH_CLOSE
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.workflows.sync_steps import ACCRUAL_STEP, IMPORT_STEPS

_ZONE = os.environ.get("LEDGER_TIMEZONE") or "UTC"

month_close = dg.define_asset_job(
    MONTH_CLOSE,
    selection=dg.AssetSelection.all(),
    description="Everything of a month: read the sources (the import steps' history, too, where it was never read), "
    "bill, accrue, hand paid invoices to the CFO, check.",
)
import_steps = dg.define_asset_job(
    "import_steps",
    selection=dg.AssetSelection.assets(*(asset for step in IMPORT_STEPS for asset in step.assets)),
    description="The five import steps in their fixed order: Holded, 4Geeks, Notion.",
)
process_accruals = dg.define_asset_job(
    "process_accruals",
    selection=dg.AssetSelection.assets(*ACCRUAL_STEP.assets),
    description="Only the accruals, from what was imported before.",
)
codex_tickets = dg.define_asset_job(
    "codex_tickets",
    selection=dg.AssetSelection.assets("time_entries", "tickets"),
    description="Only the tickets of the year so far, with their hours: Codex's, or Freshservice's time entries.",
)
codex_assets = dg.define_asset_job(
    "codex_assets",
    selection=dg.AssetSelection.assets("companies", "backup_usage", "assets"),
    description="Only the companies and their devices, with their backed-up bytes: Codex's, or Datto RMM's.",
)
cfo_sync = dg.define_asset_job(
    "cfo_sync",
    selection=dg.AssetSelection.assets("cfo_transactions"),
    description="Hand every paid invoice that is ready to the CFO's transactions.",
    # It takes seconds: one that a database hangs in, without a word, is ended, and its invoices are taken again.
    tags={"dagster/max_runtime": "900"},
)


def _month_run(context: dg.ScheduleEvaluationContext, months_back: int) -> dg.RunRequest:
    # Months are UTC months, wherever the schedule's zone is.
    now = context.scheduled_execution_time.astimezone(UTC)
    month = add_months(month_of(now.date()), -months_back)
    return dg.RunRequest(
        run_key=f"{context.scheduled_execution_time.isoformat()}", partition_key=partition_key(month)
    )


@dg.schedule(
    job=codex_tickets,
    cron_schedule="0 */6 * * *",
    execution_timezone=_ZONE,
    description="The current month's tickets with their hours, four times a day.",
)
def tickets_every_six_hours(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The current month's tickets, four times a day."""
    return _month_run(context, 0)


@dg.schedule(
    job=codex_assets,
    cron_schedule="0 2 * * *",
    execution_timezone=_ZONE,
    description="The current month's devices and their backed-up bytes, each night at two.",
)
def backup_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The current month's devices and their backup usage, each night at two."""
    return _month_run(context, 0)


@dg.schedule(
    job=import_steps,
    cron_schedule="0 3 * * *",
    execution_timezone=_ZONE,
    description="Invoices, students and service periods of the last twelve months and of all since the last closed one, "
    "each night at three.",
)
def import_steps_daily(
    context: dg.ScheduleEvaluationContext, ledger: LedgerResource
) -> dg.RunRequest | dg.SkipReason:
    """Each night at three, the last twelve months, and all since the last closed one.

    Holded announces neither payments nor late documents: it must be asked again.
    """
    if ledger.settings.missing_for("holded"):
        return dg.SkipReason("HOLDED_API_KEY is not set: there is nothing to import from.")
    this_month = month_of(context.scheduled_execution_time.astimezone(UTC).date())
    with ledger.database.connect() as connection:
        closed = closed_months(connection)
    # The month that takes the news of closed ones must be among them.
    first_open = first_open_after(max(closed), closed) if closed else this_month
    first = max(first_partition(), min(first_open, add_months(this_month, -11)))
    return dg.RunRequest(
        run_key=context.scheduled_execution_time.isoformat(),
        tags={
            "dagster/asset_partition_range_start": partition_key(first),
            "dagster/asset_partition_range_end": partition_key(this_month),
        },
    )


@dg.schedule(
    job=month_close,
    cron_schedule="0 4 2 * *",
    execution_timezone=_ZONE,
    description="The close of the month that just ended, on the second at four; a person finalises it.",
)
def month_close_monthly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The month that just ended, on the second of the next: by then it has ended in UTC in every zone."""
    return _month_run(context, 1)
