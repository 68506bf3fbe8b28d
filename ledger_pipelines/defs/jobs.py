"""What runs together, and when."""

from __future__ import annotations

import os
from datetime import UTC

import dagster as dg

from ledger_pipelines.months import add_months, month_of

_ZONE = os.environ.get("LEDGER_TIMEZONE") or "UTC"

month_close = dg.define_asset_job(
    "month_close",
    selection=dg.AssetSelection.groups("codex", "billing"),
    description="Everything of a month: read the sources, bill, check.",
)
codex_tickets = dg.define_asset_job(
    "codex_tickets",
    selection=dg.AssetSelection.assets("tickets"),
    description="Only the tickets of the year so far, with their hours.",
)
codex_assets = dg.define_asset_job(
    "codex_assets",
    selection=dg.AssetSelection.assets("companies", "assets"),
    description="Only the companies and their devices, with their backed-up bytes.",
)


def _month_run(context: dg.ScheduleEvaluationContext, months_back: int) -> dg.RunRequest:
    # Months are UTC months, wherever the schedule's zone is.
    now = context.scheduled_execution_time.astimezone(UTC)
    month = add_months(month_of(now.date()), -months_back)
    return dg.RunRequest(
        run_key=f"{context.scheduled_execution_time.isoformat()}", partition_key=month.isoformat()
    )


@dg.schedule(job=codex_tickets, cron_schedule="0 */6 * * *", execution_timezone=_ZONE)
def tickets_every_six_hours(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The current month's tickets, four times a day."""
    return _month_run(context, 0)


@dg.schedule(job=codex_assets, cron_schedule="0 2 * * *", execution_timezone=_ZONE)
def backup_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The current month's devices and their backup usage, each night at two."""
    return _month_run(context, 0)


@dg.schedule(job=month_close, cron_schedule="0 4 2 * *", execution_timezone=_ZONE)
def month_close_monthly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The month that just ended, on the second of the next: by then it has ended in UTC in every zone."""
    return _month_run(context, 1)
