"""What came last is what came last, though the clock was set back: rows whose times are in the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg

from ledger_pipelines.store.alerts import DueAlert, update_alerts
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import others_meanwhile, recorded_execution
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.process_identity import this_process
from ledger_pipelines.store.run_processes import is_executed, register_process
from ledger_pipelines.store.snapshots import newest_are_complete, newest_snapshot, record_snapshot

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)
NOW = datetime.now(UTC)
AHEAD = NOW + timedelta(days=400)


def test_what_was_read_last_is_the_newest(connection: psycopg.Connection) -> None:
    ensure_months(connection, ["services"], [MARCH, APRIL])
    record_snapshot(connection, "services", [MARCH, APRIL], taken_at=AHEAD, is_complete=False)
    assert newest_snapshot(connection, "services") == APRIL
    assert not newest_are_complete(connection, ["services"])
    record_snapshot(connection, "services", [MARCH], taken_at=NOW, is_complete=True)
    assert newest_snapshot(connection, "services") == MARCH
    assert newest_are_complete(connection, ["services"])
    # Read together, the latest month is the newest.
    record_snapshot(connection, "services", [APRIL, MARCH], taken_at=NOW, is_complete=True)
    assert newest_snapshot(connection, "services") == APRIL


def test_an_alert_of_a_time_to_come_is_cleared(connection: psycopg.Connection) -> None:
    update_alerts(connection, ["lag"], [DueAlert("lag", "late")], AHEAD)
    (event,) = update_alerts(connection, ["lag"], [], NOW)
    assert (event.event, event.at) == ("cleared", AHEAD)
    (event,) = update_alerts(connection, ["lag"], [DueAlert("lag", "late again")], NOW)
    assert (event.event, event.at) == ("raised", NOW)


def test_a_run_that_began_later_is_seen_though_it_ended_earlier_by_the_clock(
    database: Database, connection: psycopg.Connection
) -> None:
    for run in ("before", "mine"):
        with recorded_execution(database, "codex", {"months": ["2025-03"], "dagster_run_id": run}):
            pass
    connection.execute(
        "UPDATE sync_executions SET started_at = started_at + interval '400 days', completed_at = %s "
        "WHERE metadata->>'dagster_run_id' = 'mine'",
        [AHEAD],
    )
    assert others_meanwhile(connection, "mine", [MARCH]) == []
    with recorded_execution(database, "billing", {"months": ["2025-03"], "dagster_run_id": "other"}):
        assert others_meanwhile(connection, "mine", [MARCH]) == ["billing"]
    assert others_meanwhile(connection, "mine", [MARCH]) == ["billing"]


def test_a_dead_run_elsewhere_is_known_after_its_patience(connection: psycopg.Connection) -> None:
    register_process(connection, "run", replace(this_process(), place="elsewhere"))
    connection.execute("UPDATE run_processes SET unheld_since = %s", [AHEAD])
    assert is_executed(connection, "run") is True
    (since,) = connection.execute("SELECT unheld_since FROM run_processes").fetchall()[0]
    assert since < AHEAD - timedelta(days=399)
    connection.execute("UPDATE run_processes SET unheld_since = unheld_since - interval '30 s'")
    assert is_executed(connection, "run") is False
