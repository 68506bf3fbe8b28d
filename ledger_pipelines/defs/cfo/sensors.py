"""What watches paid invoices and how their sync is doing."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import psycopg

from ledger_pipelines.cfo.metrics import KINDS, Metrics, due_alerts
from ledger_pipelines.defs.jobs import cfo_sync
from ledger_pipelines.destinations.webhook import post_to_webhook
from ledger_pipelines.months import month_of, unbroken_spans
from ledger_pipelines.orchestration.partitions import nearest_month, partition_key
from ledger_pipelines.orchestration.resources import CfoResource, LedgerResource
from ledger_pipelines.store.alerts import DueAlert, mark_posted, unposted_events, update_alerts
from ledger_pipelines.store.cfo.deliveries import has_synced
from ledger_pipelines.store.cfo.metrics import ready_months, sync_metrics
from ledger_pipelines.store.cfo.sync import register_holded_invoices
from ledger_pipelines.store.cfo.troubles import KINDS as TROUBLES
from ledger_pipelines.store.cfo.troubles import due_troubles

#: A run that has not begun for so long will not: what is ready is asked for in spite of it.
_GIVEN_UP = timedelta(minutes=10)
#: How many posts a look makes at most: each may take five seconds.
_POSTS = 12
#: When the same state is asked for again: whatever was asked for has not come to it by then.
_ASK_AGAIN_SECONDS = 120
#: How often what was handed over is looked for where nothing is ready: a database may be restored from a backup.
_LOOK_AGAIN_SECONDS = 3600
_NOT_BEGUN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
]


@dg.sensor(
    name="paid_invoices",
    job=cfo_sync,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the months in which paid invoices are ready to be handed to the CFO.",
)
def paid_invoices(
    context: dg.SensorEvaluationContext, ledger: LedgerResource
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """Never asks twice for the same state, and never stops asking while something is ready.

    A run that has not begun will see everything that is ready then: none is asked for beside it. The cursor holds
    the state that was asked for last and when; a state that has not changed for two minutes is asked for once more.
    With nothing ready, a run of the current month looks once an hour whether what was handed over is still there.
    """
    now = datetime.now(UTC)
    with ledger.database.connect(application_name="ledger paid_invoices") as connection:
        register_holded_invoices(connection)
        months = ready_months(connection, now)
        is_any_synced = has_synced(connection)
    asked = json.loads(context.cursor) if context.cursor else {}
    if not months:
        return _look_again(context, asked, now, is_any_synced=is_any_synced)
    waiting = dg.RunsFilter(job_name=cfo_sync.name, statuses=_NOT_BEGUN, created_after=now - _GIVEN_UP)
    if context.instance.get_runs(waiting, limit=1):
        return dg.SkipReason("A run that will take it has been asked for and has not begun.")
    state = " ".join(f"{one.month}:{one.state}" for one in months)
    if asked.get("state") == state and now.timestamp() - asked["at"] < _ASK_AGAIN_SECONDS:
        return dg.SkipReason("What is ready was asked for; its run is under way.")
    # Counted on for ever: a state that comes back must not meet a run key that is spent.
    attempt = asked.get("attempt", 0) + 1
    at = now.timestamp()
    context.update_cursor(json.dumps({"state": state, "at": at, "attempt": attempt, "looked": at}))
    concerned = sorted({nearest_month(one.month, now.date()) for one in months})
    return [_request(span, f"{state} {attempt} {span[0]}") for span in unbroken_spans(concerned)]


def _look_again(
    context: dg.SensorEvaluationContext, asked: dict[str, Any], now: datetime, *, is_any_synced: bool
) -> Sequence[dg.RunRequest] | dg.SkipReason:
    """Asks for a run that looks again at what was handed over, when none has for an hour."""
    looked = asked.get("looked")
    if is_any_synced and (looked is None or now.timestamp() - looked >= _LOOK_AGAIN_SECONDS):
        context.update_cursor(json.dumps(asked | {"looked": now.timestamp()}))
        if looked is not None:
            return [_request([month_of(now.date())], f"look {now.isoformat()}")]
    return dg.SkipReason("Nothing is ready.")


def _request(span: Sequence[date], run_key: str) -> dg.RunRequest:
    """A run for these months, and no month between that nothing was paid in."""
    first, last = partition_key(span[0]), partition_key(span[-1])
    ends = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.RunRequest(
        run_key=run_key,
        partition_key=first if first == last else None,
        tags={} if first == last else ends,
        # Entities are corrected where a person runs a month again.
        run_config={"ops": {"cfo_transactions": {"config": {"correct": False}}}},
    )


@dg.sensor(
    name="cfo_alerts",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Raises and clears the alerts of the CFO sync, each once, and tells the webhook of every alert.",
)
def cfo_alerts(
    context: dg.SensorEvaluationContext, ledger: LedgerResource, cfo: CfoResource
) -> Iterator[dg.SkipReason]:
    """Starts nothing. An alert that the webhook did not take is posted again at the next look."""
    now = datetime.now(UTC)
    with ledger.database.connect(application_name="ledger cfo_alerts") as connection:
        metrics = Metrics(*sync_metrics(connection, now))
        due = [DueAlert(alert.kind, alert.message) for alert in due_alerts(metrics)]
        due += due_troubles(connection)
        for event in update_alerts(connection, [*KINDS, *TROUBLES], due, now):
            context.log.warning(f"Alert {event.event}: {event.message}")
        if cfo.webhook is not None:
            _post(context, connection, cfo.webhook, now)
    messages = "; ".join(alert.message for alert in due)
    yield dg.SkipReason(messages or "All is well.")


def _post(
    context: dg.SensorEvaluationContext, connection: psycopg.Connection, webhook: str, now: datetime
) -> None:
    """Posts to the webhook what it has not received yet; what it does not take is posted again at the next look."""
    refused: set[int] = set()
    for event in unposted_events(connection, now)[:_POSTS]:
        # An alert's end is never posted before its beginning.
        if event.alert_id in refused:
            continue
        body = {
            "alert_id": event.alert_id,
            "event": event.event,
            "kind": event.kind,
            "message": event.message,
            "at": event.at.isoformat(),
        }
        refusal = post_to_webhook(webhook, body, key=f"{event.alert_id}-{event.event}")
        if refusal is None:
            mark_posted(connection, event, now)
        else:
            refused.add(event.alert_id)
            context.log.error(f"LEDGER_ALERT_WEBHOOK did not take an alert: {refusal}; it is posted again.")
