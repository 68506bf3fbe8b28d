"""Old runs leave Dagster's history, and nothing that its pages show of the present; on PostgreSQL, as in a ledger."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.dagster_home import project_file
from ledger_pipelines.orchestration.pruning import prune_runs
from ledger_pipelines.runs.pruning import prune_history
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.process_identity import this_process
from ledger_pipelines.store.run_processes import register_process
from ledger_pipelines_tests.end_to_end.harness import fetch

MONTHS = dg.StaticPartitionsDefinition(["2025-01", "2025-02"])
KEY = dg.AssetKey("statements")
LATER = datetime.now(UTC) + timedelta(days=1)


@dg.asset(
    name="statements", partitions_def=MONTHS, check_specs=[dg.AssetCheckSpec("adds_up", asset="statements")]
)
def statements(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    context.log.info("billing")
    yield dg.MaterializeResult[None]()
    yield dg.AssetCheckResult(check_name="adds_up", passed=True)


@pytest.fixture
def instance(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("LEDGER_DAGSTER_URL", database.dagster_url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copyfile(project_file("dagster.yaml"), tmp_path / "dagster.yaml")
    with dg.DagsterInstance.get() as instance:
        yield instance


def _run(instance: dg.DagsterInstance, month: str) -> str:
    return dg.materialize([statements], instance=instance, partition_key=month).run_id


def _kept(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_run_ids())


def test_what_is_old_and_not_the_latest_word_is_removed(
    instance: dg.DagsterInstance, database: Database, connection: psycopg.Connection
) -> None:
    first, second, third = (_run(instance, month) for month in ("2025-01", "2025-01", "2025-02"))
    for run_id in (first, third):
        register_process(connection, run_id, this_process())
    busy = [
        instance.create_run_for_job(
            job_def=dg.GraphDefinition(name=f"job_{number}", node_defs=[]).to_job()
        ).run_id
        for number in range(2)
    ]
    instance.report_run_canceling(_found(instance, busy[1]))

    assert prune_runs(instance, datetime.now(UTC) - timedelta(days=1)).removed == []
    told = prune_runs(instance, LATER, dry_run=True)
    assert (told.removed, told.retained) == ([first], 2)
    assert _kept(instance) == {first, second, third, *busy}

    results = fetch(database, "SELECT count(*) FROM dagster.asset_check_executions")
    pruned = prune_runs(instance, LATER)
    assert (pruned.removed, pruned.retained) == ([first], 2)
    assert _kept(instance) == {second, third, *busy}
    assert fetch(database, "SELECT count(*) FROM dagster.event_logs WHERE run_id = %s", first) == [(0,)]
    assert fetch(database, "SELECT count(*) FROM dagster.run_tags WHERE run_id = %s", first) == [(0,)]
    assert fetch(database, "SELECT count(*) FROM dagster.asset_check_executions") == results
    # What the pages ask for.
    assert instance.get_materialized_partitions(KEY) == {"2025-01", "2025-02"}
    latest = instance.get_latest_materialization_event(KEY)
    assert latest is not None
    assert latest.run_id == third
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(KEY, "adds_up")]
    )
    assert [record.run_id for record in found.values()] == [third]
    assert prune_runs(instance, LATER).removed == []


def test_a_failed_run_goes_when_a_later_one_succeeded(instance: dg.DagsterInstance) -> None:
    @dg.op
    def fails() -> None:
        raise dg.Failure("no")

    @dg.job(name="fails")
    def job() -> None:
        fails()

    runs = [job.execute_in_process(instance=instance, raise_on_error=False).run_id for _ in range(3)]
    pruned = prune_runs(instance, LATER)
    assert sorted(pruned.removed) == sorted(runs[:2])
    assert _kept(instance) == {runs[2]}


def test_pruning_a_ledger_forgets_the_processes_and_no_young_run(
    instance: dg.DagsterInstance, database: Database, connection: psycopg.Connection
) -> None:
    first, second = _run(instance, "2025-01"), _run(instance, "2025-01")
    for run_id in (first, second):
        register_process(connection, run_id, this_process())
    with pytest.raises(LedgerError, match="30 days at least"):
        prune_history(database, 29, now=datetime.now(UTC), dry_run=False)
    young = prune_history(database, 30, now=datetime.now(UTC) + timedelta(days=29), dry_run=False)
    assert (young.removed, young.retained) == ([], 0)
    old = prune_history(database, 30, now=datetime.now(UTC) + timedelta(days=31), dry_run=False)
    assert (old.removed, old.retained) == ([first], 1)
    assert fetch(database, "SELECT run_id FROM run_processes") == [(second,)]
    assert os.environ["DAGSTER_HOME"]


def _found(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run
