"""Runs whose process is gone are ended, whatever they were doing, and no run that lives is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import dagster as dg
import psycopg
import pytest
import sqlalchemy

from ledger_pipelines.orchestration.orphaned_runs import settle_abandoned_runs
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.process_identity import this_process
from ledger_pipelines.store.run_processes import held_run, register_process
from ledger_pipelines_tests.end_to_end.harness import eventually, fetch

Status = dg.DagsterRunStatus
DEAD = replace(this_process(), started="0")
BEGUN = [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _run(instance: dg.DagsterInstance, status: Status, *, seconds_ago: int = 0) -> str:
    """A run that came to its status so long ago."""
    run_id = str(uuid4())
    tags = {"dagster/partition": "2025-03"}
    instance.add_run(dg.DagsterRun(job_name="month_close", run_id=run_id, status=status, tags=tags))
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(
            sqlalchemy.text(
                "UPDATE runs SET update_timestamp = datetime(update_timestamp, :ago) WHERE run_id = :id"
            ),
            {"ago": f"-{seconds_ago} seconds", "id": run_id},
        )
    return run_id


def _status(instance: dg.DagsterInstance, run_id: str) -> Status:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize("status", BEGUN)
def test_a_run_whose_process_is_gone_is_ended_at_once(
    instance: dg.DagsterInstance, database: Database, connection: psycopg.Connection, status: Status
) -> None:
    run_id = _run(instance, status)
    register_process(connection, run_id, DEAD)
    assert settle_abandoned_runs(instance, database) == [run_id]
    # One that somebody stopped has done what was asked of it, and nobody need be told.
    wanted = status == Status.CANCELING
    assert _status(instance, run_id) == (Status.CANCELED if wanted else Status.FAILURE)
    alerts = fetch(database, "SELECT subject, message FROM alerts")
    assert (
        alerts == []
        if wanted
        else alerts
        == [
            (
                "month_close",
                "A run of month_close for 2025-03 failed: The process that executed this run was killed. "
                f"In Dagster it is run {run_id[:8]}.",
            )
        ]
    )
    assert settle_abandoned_runs(instance, database) == []


@pytest.mark.parametrize("status", BEGUN)
def test_a_run_that_lives_is_left_alone_however_long_it_takes(
    instance: dg.DagsterInstance, database: Database, status: Status
) -> None:
    run_id = _run(instance, status, seconds_ago=100_000)
    with held_run(database, run_id):
        assert settle_abandoned_runs(instance, database) == []
    assert _status(instance, run_id) == status


@pytest.mark.parametrize(
    ("status", "seconds", "is_ended"),
    [
        (Status.STARTING, 5, False),
        (Status.STARTING, 40, True),
        (Status.STARTED, 5, False),
        (Status.STARTED, 40, True),
        (Status.NOT_STARTED, 40, False),
        (Status.NOT_STARTED, 400, True),
        (Status.SUCCESS, 100_000, False),
        (Status.CANCELED, 100_000, False),
    ],
)
def test_a_run_that_no_process_was_registered_for_may_take_a_moment(
    instance: dg.DagsterInstance, database: Database, status: Status, seconds: int, is_ended: bool
) -> None:
    run_id = _run(instance, status, seconds_ago=seconds)
    assert settle_abandoned_runs(instance, database) == [run_id] * is_ended
    assert _status(instance, run_id) == (Status.FAILURE if is_ended else status)


@pytest.mark.parametrize("tag", ["dagster-celery/task_id", "dagster/image"])
def test_a_run_that_was_handed_to_a_broker_or_a_cluster_has_no_process_yet(
    instance: dg.DagsterInstance, database: Database, connection: psycopg.Connection, tag: str
) -> None:
    """Dagster's own time to start holds there, whoever looks; one that a worker had begun is ended as everywhere."""
    waits, killed = _run(instance, Status.STARTING, seconds_ago=400), _run(instance, Status.STARTED)
    for run_id in (waits, killed):
        instance.add_run_tags(run_id, {tag: "x"})
    with instance.run_storage.connect() as storage:  # type: ignore[attr-defined]
        storage.execute(sqlalchemy.text("UPDATE runs SET update_timestamp = datetime('now', '-400 seconds')"))
    register_process(connection, killed, DEAD)
    assert settle_abandoned_runs(instance, database) == [killed]
    assert _status(instance, waits) == Status.STARTING


def test_a_run_that_two_find_killed_is_ended_once(
    instance: dg.DagsterInstance, database: Database, connection: psycopg.Connection
) -> None:
    """Else it would be tried again twice: whoever comes second waits, and finds that it has ended."""
    run_id = _run(instance, Status.STARTED)
    register_process(connection, run_id, DEAD)
    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"ledger.settle:{run_id}"]
            )
            second = pool.submit(settle_abandoned_runs, instance, database)
            eventually(lambda: _waits(database), seconds=20, what="waiting for who came first")
            run = instance.get_run_by_id(run_id)
            assert run is not None
            instance.report_run_failed(run, "The first has found it.")
        assert second.result(20) == []
    assert len(instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)) == 1


def _waits(database: Database) -> bool:
    return bool(fetch(database, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
