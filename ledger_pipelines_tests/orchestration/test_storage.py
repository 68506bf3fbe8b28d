"""Dagster's storage over one pool of connections: what it asks the server, and what it does when the server ends one."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest
from dagster import AssetKey
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from ledger_pipelines.orchestration.storage import LedgerStorage
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import create_schemas


@pytest.fixture
def storage(empty_database: Database) -> Iterator[LedgerStorage]:
    create_schemas(empty_database)
    storage = LedgerStorage(empty_database.dagster_url)
    yield storage
    storage._engine.dispose()


def test_a_connection_that_the_server_has_ended_is_replaced(
    storage: LedgerStorage, empty_database: Database
) -> None:
    assert storage.run_storage.get_runs_count() == 0
    with psycopg.connect(empty_database.url, autocommit=True) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended == [(True,)]
    assert storage.run_storage.get_runs_count() == 0


def test_what_tables_and_columns_there_are_is_asked_once(storage: LedgerStorage) -> None:
    log, runs = storage.event_log_storage, storage.run_storage
    said: list[str] = []
    event.listen(storage._engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))

    def asked() -> int:
        log.get_asset_records([AssetKey("companies")])
        assert log.supports_asset_checks
        assert (runs.has_run_stats_index_cols(), runs.has_backfill_id_column()) == (True, True)
        return sum("pg_catalog" in statement for statement in said)

    first = asked()
    assert first > 0
    assert asked() == first


def test_a_table_that_is_not_there_yet_is_looked_for_again(
    storage: LedgerStorage, empty_database: Database
) -> None:
    log = storage.event_log_storage
    assert not log.has_table("added_by_a_newer_version")
    with psycopg.connect(empty_database.dagster_url, autocommit=True) as other:
        other.execute("CREATE TABLE added_by_a_newer_version ()")
    assert log.has_table("added_by_a_newer_version")


def test_an_event_is_kept_whole_or_not_at_all(storage: LedgerStorage, empty_database: Database) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("adds_up", asset="totals")])
    def totals() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="adds_up", passed=True)])

    with dg.instance_for_test() as memory:
        dg.materialize([totals], instance=memory)
        (evaluation,) = (
            entry
            for entry in memory.all_logs(memory.get_runs()[0].run_id)
            if entry.dagster_event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        )
    counted = "SELECT (SELECT count(*) FROM event_logs), (SELECT count(*) FROM asset_check_executions)"
    with psycopg.connect(empty_database.dagster_url, autocommit=True) as other:
        other.execute("ALTER TABLE asset_check_executions ADD CONSTRAINT refused CHECK (id < 0)")
        with pytest.raises(IntegrityError):
            storage.event_log_storage.store_event(evaluation)
        assert other.execute(counted).fetchone() == (0, 0)
        other.execute("ALTER TABLE asset_check_executions DROP CONSTRAINT refused")
        storage.event_log_storage.store_event(evaluation)
        assert other.execute(counted).fetchone() == (1, 1)
