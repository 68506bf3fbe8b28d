"""Requests for runs: one for the same wish, and every one of them ends, whatever becomes of its run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

import dagster as dg
import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.orphaned_runs import settle_abandoned_runs
from ledger_pipelines.runs.requests import AskedRun, WantedRun, ask_for_run, settle, wait_for
from ledger_pipelines.runs.starting import follow_edits, start_steps, stop_run
from ledger_pipelines.runs.webserver import DagsterAwayError, DagsterRefusedError, DagsterSilentError
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned, recorded_execution
from ledger_pipelines.store.queries.executions import ListedExecution, read_executions
from ledger_pipelines.workflows.run_tags import REQUEST_TAG
from ledger_pipelines.workflows.sync_steps import steps_from
from ledger_pipelines_tests.end_to_end.harness import fetch
from ledger_pipelines_tests.runs.standing_in import StandIn

TODAY = date(2026, 3, 15)
MARCH = date(2025, 3, 1)


@pytest.fixture
def dagster() -> StandIn:
    return StandIn()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _ask(database: Database, dagster: StandIn, *steps: str, person: str = "ida") -> AskedRun:
    wanted = WantedRun(job="import_steps", months=[MARCH], person=person, steps=steps or ("services",))
    return ask_for_run(database, dagster, wanted, today=TODAY)


def _now(database: Database, asked: AskedRun) -> list[ListedExecution]:
    with database.connect() as connection:
        return read_executions(connection, asked.executions)


def test_the_row_is_there_before_the_run_and_the_run_takes_it_over(
    database: Database, dagster: StandIn
) -> None:
    asked = _ask(database, dagster)
    (pending,) = _now(database, asked)
    assert (pending.status, pending.person, pending.months, pending.run_id) == (
        "pending",
        "ida",
        [MARCH],
        "run-1",
    )
    tags = dagster.launched[0].tags
    assert tags[REQUEST_TAG] == str(asked.request.id)
    assert (tags["user"], tags["ledger/person"], tags["ledger/months"]) == ("ida", "ida", "2025-03")
    assert tags["dagster/partition"] == "2025-03"
    metadata = {"months": ["2025-03"], "dagster_run_id": "run-1"}
    with (
        database.connect() as connection,
        recorded_execution(database, "services", metadata, request_id=tags[REQUEST_TAG]) as execution,
    ):
        assert execution.id == pending.id
        assert fail_abandoned(connection) == []
        settle(database, dagster)
        assert _now(database, asked)[0].status == "running"
        execution.metadata["result"] = {"services_processed": 3}
    (done,) = _now(database, asked)
    assert (done.status, done.result, done.person) == ("completed", {"services_processed": 3}, "ida")
    # A second try, and a copy of the run, are executions of their own.
    with recorded_execution(database, "services", metadata, request_id=tags[REQUEST_TAG]) as again:
        assert again.id != pending.id


def test_a_pending_row_is_no_killed_one(
    connection: psycopg.Connection, database: Database, dagster: StandIn
) -> None:
    asked = _ask(database, dagster)
    assert fail_abandoned(connection) == []
    settle(database, dagster)
    assert [one.status for one in _now(database, asked)] == ["pending"]


def test_the_same_asked_for_twice_is_one_also_at_once(database: Database, dagster: StandIn) -> None:
    found: list[AskedRun] = []
    threads = [threading.Thread(target=lambda: found.append(_ask(database, dagster))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.request.id for one in found}) == 1
    assert sum(one.is_new for one in found) == len(dagster.launched) == 1
    assert _ask(database, dagster, "invoices").is_new
    dagster.become("run-1", "SUCCESS")
    assert _ask(database, dagster).is_new


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("CANCELED", "The run was cancelled before this step began."),
        ("FAILURE", "The run failed before this step began: Holded refused the key."),
        ("SUCCESS", "The run ended without executing this step: run it again."),
    ],
)
def test_what_the_run_did_not_take_has_failed_with_the_reason(
    database: Database, dagster: StandIn, status: str, said: str
) -> None:
    asked = _ask(database, dagster, "services", "invoices")
    dagster.become("run-1", status)
    found = wait_for(database, dagster, asked, until=time.monotonic() + 30)
    assert [(one.status, one.error_message) for one in found] == [("failed", said)] * 2
    outcome = fetch(database, "SELECT outcome FROM run_requests")
    assert outcome == [(status,)]


def test_a_refused_launch_has_failed_at_once(database: Database, dagster: StandIn) -> None:
    for trouble in (
        DagsterRefusedError("Dagster refused: no."),
        DagsterAwayError("Dagster does not answer."),
    ):
        dagster.trouble[:] = [trouble]
        (found,) = _now(database, _ask(database, dagster))
        assert (found.status, found.error_message) == ("failed", str(trouble))
    assert fetch(database, "SELECT DISTINCT outcome FROM run_requests") == [("REFUSED",)]


def test_a_launch_without_an_answer_is_found_by_its_tag_or_ends(database: Database, dagster: StandIn) -> None:
    dagster.trouble[:] = [DagsterSilentError("Dagster does not answer.")]
    dagster.keeps_despite_trouble[:] = [True]
    asked = _ask(database, dagster)
    assert _now(database, asked)[0].status == "pending"
    dagster.become("run-1", "CANCELED")
    dagster.trouble.clear()
    settle(database, dagster)
    assert (_now(database, asked)[0].status, _now(database, asked)[0].run_id) == ("failed", "run-1")

    dagster.trouble[:] = [DagsterSilentError("Dagster does not answer.")]
    dagster.keeps_despite_trouble.clear()
    asked = _ask(database, dagster, "invoices")
    settle(database, dagster)
    assert _now(database, asked)[0].status == "pending"
    dagster.trouble.clear()
    settle(database, dagster)
    assert _now(database, asked)[0].status == "pending"
    with database.connect() as connection:
        connection.execute("UPDATE run_requests SET requested_at = now() - interval '3 minutes'")
    settle(database, dagster)
    (lost,) = _now(database, asked)
    assert (lost.status, lost.error_message) == (
        "failed",
        "Dagster was asked for the run and never had it: ask again.",
    )


def test_months_that_are_none_of_the_ledgers_are_refused_before_anything(
    database: Database, dagster: StandIn
) -> None:
    for month in (date(2023, 12, 1), date(2026, 4, 1), date(2031, 1, 1)):
        wanted = WantedRun(job="month_close", months=[month], person="ida")
        with pytest.raises(LedgerError, match="its months are 2024-01 to 2026-03"):
            ask_for_run(database, dagster, wanted, today=TODAY)
    assert (dagster.asked, fetch(database, "SELECT FROM run_requests")) == ([], [])


def test_a_source_that_is_not_configured_fails_without_a_run(
    database: Database, dagster: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDED_API_KEY", raising=False)
    asked = start_steps(
        database, dagster, steps_from("services")[:1], [MARCH], settings=Settings(), person="ida", today=TODAY
    )
    (found,) = _now(database, asked)
    assert found.status == "failed"
    assert "HOLDED_API_KEY is not set" in (found.error_message or "")
    assert dagster.asked == []


def test_edits_ask_for_one_run_behind_the_one_at_work(database: Database, dagster: StandIn) -> None:
    def edit() -> list[UUID]:
        return [one.request.id for one in follow_edits(database, dagster, [MARCH], person="ida", today=TODAY)]

    first = edit()
    assert edit() == first
    dagster.become("run-1", "STARTED")
    second = edit()
    assert second != first
    assert edit() == edit() == second
    assert len(dagster.launched) == 2
    dagster.become("run-1", "SUCCESS")
    dagster.become("run-2", "STARTED")
    third = edit()
    assert third not in (first, second)
    assert len(dagster.launched) == 3
    assert dagster.asked[0]["assets"] == ["ticket_hours", "billing_statement_lines", "billing_statements"]
    months = [date(2025, 1, 1), MARCH]
    assert len(follow_edits(database, dagster, months, person="ida", today=TODAY)) == 2


def test_a_run_is_stopped_once(database: Database, dagster: StandIn) -> None:
    _ask(database, dagster)
    stop_run(dagster, "run-1")
    for run_id in ("run-1", "run-9"):
        with pytest.raises(DagsterRefusedError):
            stop_run(dagster, run_id)


def test_whoever_settles_killed_runs_ends_the_requests_too(
    instance: dg.DagsterInstance, database: Database, dagster: StandIn
) -> None:
    asked = _ask(database, dagster)
    tags = dict(dagster.launched[0].tags)
    run = dg.DagsterRun(job_name="import_steps", run_id=str(asked.request.id), tags=tags)
    instance.add_run(run)
    settle_abandoned_runs(instance, database)
    assert _now(database, asked)[0].status == "pending"
    instance.report_run_canceled(run)
    settle_abandoned_runs(instance, database)
    (found,) = _now(database, asked)
    assert (found.status, found.error_message) == ("failed", "The run was cancelled before this step began.")
    assert datetime.now(UTC) >= found.created_at


def test_the_same_with_other_options_is_another_run(database: Database, dagster: StandIn) -> None:
    def ask(**options: object) -> AskedRun:
        config = {"codex": options} if options else {}
        wanted = WantedRun(job="month_close", months=[MARCH], person="ida", config=config)
        return ask_for_run(database, dagster, wanted, today=TODAY)

    asked = [ask(), ask(refresh_snapshots=True, ask=1), ask(ask=1, refresh_snapshots=True), ask()]
    assert [one.is_new for one in asked] == [True, True, False, False]
    assert [one["config"] for one in dagster.asked] == [
        {},
        {"codex": {"refresh_snapshots": True, "ask": 1}},
    ]
