"""Closing in the console: nothing closes but what its run checked, and whatever stands against it is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.runs.console_closing import CloseState, begin_close, finish_close
from ledger_pipelines.runs.requests import AskedRun
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.queries.check_results import CheckResult, record_check_results
from ledger_pipelines.store.writes import record_writes
from ledger_pipelines.workflows import closing
from ledger_pipelines.workflows.backup import back_up, open_backup, restore
from ledger_pipelines.workflows.closing import reopen, what_stands_against
from ledger_pipelines_tests.end_to_end.harness import fetch
from ledger_pipelines_tests.runs.standing_in import StandIn

TODAY = date(2026, 3, 15)
MARCH = date(2025, 3, 1)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Codex alone is configured."""
    for name in ("HOLDED_API_KEY", "FOURGEEKS_TOKEN", "NOTION_TOKEN", "NOTION_DATABASE_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CODEX_URL", "CORE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    return Settings()


@pytest.fixture
def dagster() -> StandIn:
    return StandIn()


def _begin(database: Database, dagster: StandIn, settings: Settings) -> AskedRun:
    return begin_close(database, dagster, [MARCH], settings=settings, person="ida", today=TODAY)


def _finish(database: Database, dagster: StandIn, settings: Settings, asked: AskedRun) -> CloseState:
    return finish_close(database, dagster, asked.request.id, settings=settings, person="ida")


def _execute(database: Database, step: str, error: str | None = None, run_id: str = "run-1") -> None:
    try:
        with recorded_execution(database, step, {"months": ["2025-03"], "dagster_run_id": run_id}):
            if error is not None:
                raise LedgerError(error)
    except LedgerError:
        return


def _broken(database: Database, run_id: str, *, is_error: bool = True) -> None:
    result = CheckResult(MARCH, "billing_statements", "adds_up", 2, is_error, "Two do not add up.")
    with database.connect() as connection:
        record_check_results(connection, [result], run_id=run_id)


def _status(database: Database) -> list[tuple[str, str | None]]:
    return fetch(database, "SELECT status, closed_by FROM ledger_periods WHERE month = '2025-03-01'")


def test_a_month_closes_once_its_run_has_ended_well(
    database: Database, dagster: StandIn, settings: Settings
) -> None:
    asked = _begin(database, dagster, settings)
    assert _finish(database, dagster, settings, asked).state == "running"
    assert dagster.asked[0]["config"] == {
        "codex": {"refresh_snapshots": False, "ask_for_undated": True},
        "backup_usage": {"refresh_snapshots": False},
    }
    # A failing check of another run, a warning, and the CFO's step stand against nothing.
    _broken(database, "another")
    _broken(database, "run-1", is_error=False)
    _execute(database, "billing")
    _execute(database, "cfo-sync", "The CFO's database is away.")
    dagster.become("run-1", "SUCCESS")
    for _ in range(2):
        state = _finish(database, dagster, settings, asked)
        assert (state.state, state.reasons) == ("closed", []), state.message
        assert state.message == "2025-03 is closed for good."
    assert _status(database) == [("closed", "ida")]
    assert fetch(database, "SELECT action, person FROM ledger_period_events") == [("closed", "ida")]


def test_an_old_close_does_not_close_what_was_reopened_since(
    database: Database, dagster: StandIn, settings: Settings
) -> None:
    asked = _begin(database, dagster, settings)
    _execute(database, "billing")
    dagster.become("run-1", "SUCCESS")
    assert _finish(database, dagster, settings, asked).state == "closed"
    reopen(database, MARCH, person="ada", reason="a wrong rate")
    state = _finish(database, dagster, settings, asked)
    assert (state.state, "reopened by ada" in state.message) == ("refused", True)
    assert _status(database) == [("open", None)]


def test_a_run_that_these_books_know_nothing_of_closes_nothing(
    database: Database, dagster: StandIn, settings: Settings
) -> None:
    asked = _begin(database, dagster, settings)
    _execute(database, "billing", run_id="another")
    dagster.become("run-1", "SUCCESS")
    state = _finish(database, dagster, settings, asked)
    assert (state.state, [one.kind for one in state.reasons]) == ("refused", ["step"])
    assert "nothing that its run has done for 2025-03" in state.message
    assert _status(database) in ([], [("open", None)])


def test_a_close_that_was_under_way_when_the_books_were_backed_up_closes_nothing_after_they_are_restored(
    database: Database, dagster: StandIn, settings: Settings, tmp_path: Path
) -> None:
    # The run bills 5 h after the nightly backup; the books of that night have 2 h, which no run has checked.
    asked = _begin(database, dagster, settings)
    _execute(database, "tickets")
    back_up(database, tmp_path / "night.zip", with_cfo=False, force=False)
    _execute(database, "billing")
    dagster.become("run-1", "SUCCESS")
    with open_backup(tmp_path / "night.zip") as archive:
        restore(database, archive, replace=True, with_cfo=False)
    state = _finish(database, dagster, settings, asked)
    assert (state.state, state.request.outcome) == ("refused", "LOST")
    assert "restored from a backup" in state.message
    assert _status(database) in ([], [("open", None)])
    # Begun anew it closes.
    asked = _begin(database, dagster, settings)
    _execute(database, "billing", run_id="run-2")
    dagster.become("run-2", "SUCCESS")
    assert _finish(database, dagster, settings, asked).state == "closed"


def test_what_the_run_found_keeps_the_month_open(
    database: Database, dagster: StandIn, settings: Settings
) -> None:
    asked = _begin(database, dagster, settings)
    _broken(database, "run-1")
    _execute(database, "billing", "No plan.")
    with database.connect() as connection:
        problem = Problem("codex", "read", "ticket", "T1", "It has no hours.", month="2025-03")
        record_problems(connection, "codex", "read", [problem], months=[MARCH])
    dagster.become("run-1", "FAILURE")
    state = _finish(database, dagster, settings, asked)
    assert state.state == "refused"
    assert [(one.kind, one.message) for one in state.reasons] == [
        ("step", "No plan."),
        ("step", "Holded refused the key."),
        ("invariant", "billing_statements breaks adds_up: 2025-03: Two do not add up."),
        ("error", "It has no hours."),
    ]
    assert _status(database) in ([], [("open", None)])
    assert [one.kind for one in what_stands_against(database, [MARCH])] == ["invariant", "error"]


def test_a_run_that_failed_for_a_reason_in_no_table_closes_nothing(
    database: Database, dagster: StandIn, settings: Settings
) -> None:
    for status in ("FAILURE", "CANCELED"):
        asked = _begin(database, dagster, settings)
        dagster.become(asked.request.run_id or "", status)
        state = _finish(database, dagster, settings, asked)
        assert (state.state, bool(state.message)) == ("refused", True)
    assert _status(database) in ([], [("open", None)])


def test_what_another_run_changed_meanwhile_is_not_closed(
    database: Database, dagster: StandIn, settings: Settings
) -> None:
    asked = _begin(database, dagster, settings)
    _execute(database, "billing")
    with database.connect() as connection:
        connection.execute("INSERT INTO ledger_periods (month) VALUES (%s)", [MARCH])
        record_writes(connection, "tickets", [MARCH], written_by="another")
    dagster.become("run-1", "SUCCESS")
    state = _finish(database, dagster, settings, asked)
    assert (state.state, "another run changed tickets" in state.message) == ("refused", True)


def test_a_month_whose_statements_lack_an_edit_is_not_closed(
    database: Database, dagster: StandIn, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _begin(database, dagster, settings)
    _execute(database, "billing")
    dagster.become("run-1", "SUCCESS")
    edited = {MARCH: frozenset({"620547"})}
    monkeypatch.setattr(closing, "companies_edited_since_run", lambda *_: edited)
    state = _finish(database, dagster, settings, asked)
    assert (state.state, "of 620547 lacks what was edited" in state.message) == ("refused", True)


def test_nobody_edits_between_the_look_at_edits_and_the_close(
    database: Database, dagster: StandIn, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _begin(database, dagster, settings)
    _execute(database, "billing")
    dagster.become("run-1", "SUCCESS")
    others: list[Any] = []

    def looked(*_: Any) -> dict[date, frozenset[str]]:
        with database.connect() as other:
            others.append(other.execute("SELECT pg_try_advisory_xact_lock(7435, 1)").fetchone())
        return {}

    monkeypatch.setattr(closing, "companies_edited_since_run", looked)
    assert _finish(database, dagster, settings, asked).state == "closed"
    assert others == [(False,)]


def test_what_cannot_be_closed_is_not_begun(database: Database, dagster: StandIn, settings: Settings) -> None:
    for month in (date(2026, 3, 1), date(2023, 12, 1)):
        with pytest.raises(LedgerError):
            begin_close(database, dagster, [month], settings=settings, person="ida", today=TODAY)
    with pytest.raises(LedgerError, match="no such close"):
        finish_close(database, dagster, uuid4(), settings=settings, person="ida")
    assert dagster.asked == []
