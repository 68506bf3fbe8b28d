"""What the console asks of a running Dagster: runs that end well, in the queue, by being killed, and by its restart; and
closing, reopening and a puller as people see them in a browser.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from ledger_pipelines.runs.requests import AskedRun, WantedRun, ask_for_run, wait_for
from ledger_pipelines.runs.schedules import list_runs, list_schedules
from ledger_pipelines.runs.starting import follow_edits, stop_run
from ledger_pipelines.runs.webserver import DagsterRefusedError, Webserver
from ledger_pipelines.store.queries.executions import ListedExecution
from ledger_pipelines_tests.console.browser import days
from ledger_pipelines_tests.console.gateway import PREFIX, gateway_app, served
from ledger_pipelines_tests.end_to_end.dagster_pages import browser_page
from ledger_pipelines_tests.end_to_end.harness import eventually, fetch
from ledger_pipelines_tests.end_to_end.running_up import Up

pytestmark = pytest.mark.timeout(300)
TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def webserver(up: Up) -> Webserver:
    return Webserver(up.pages.url)


def _services(up: Up, webserver: Webserver, month: date) -> AskedRun:
    wanted = WantedRun(
        job="import_steps", months=[month], person="ida", steps=["services"], assets=["services"]
    )
    return ask_for_run(up.database, webserver, wanted, today=TODAY)


def _end(up: Up, webserver: Webserver, asked: AskedRun, seconds: float = 100) -> ListedExecution:
    (found,) = wait_for(up.database, webserver, asked, until=time.monotonic() + seconds)
    assert found.has_ended, found
    return found


def test_a_step_is_taken_over_by_its_run_once_however_often_it_is_asked_for(
    up: Up, webserver: Webserver
) -> None:
    asked = _services(up, webserver, date(2025, 1, 1))
    again = _services(up, webserver, date(2025, 1, 1))
    assert (asked.is_new, again.is_new, again.executions) == (True, False, asked.executions)
    found = _end(up, webserver, asked)
    assert (found.status, found.error_message, found.person) == ("completed", None, "ida")
    assert found.result is not None
    assert found.result["services_processed"] > 0
    assert up.steps(found.run_id or "") == [("services", "completed")]
    run = eventually(lambda: _ended_run(webserver, found.run_id or ""), seconds=60, what="the run's end")
    assert (run.person, run.tags["user"], run.months) == ("ida", "ida", [date(2025, 1, 1)])
    lines = webserver.log(run.run_id).lines
    assert any(line.kind == "STEP_SUCCESS" for line in lines)


def _ended_run(webserver: Webserver, run_id: str):  # type: ignore[no-untyped-def]
    run = webserver.run(run_id)
    return run if run is not None and run.has_ended else None


def test_a_run_that_is_stopped_in_the_queue_leaves_no_row_pending(up: Up, webserver: Webserver) -> None:
    asked = _services(up, webserver, date(2025, 2, 1))
    assert asked.request.run_id is not None
    stop_run(webserver, asked.request.run_id)
    found = _end(up, webserver, asked)
    assert (found.status, found.started_at) == ("failed", None)
    assert found.error_message == "The run was cancelled before this step began."
    with pytest.raises(DagsterRefusedError, match="has ended already"):
        stop_run(webserver, asked.request.run_id)


def test_a_run_that_is_killed_at_its_step_ends_as_failed(up: Up, webserver: Webserver) -> None:
    with up.database.connect(application_name="the test") as connection, connection.transaction():
        connection.execute("LOCK TABLE services IN SHARE MODE")
        asked = _services(up, webserver, date(2025, 3, 1))
        eventually(up.waits_for_a_lock, seconds=90, what="the step's writing")
        ((pid,),) = fetch(
            up.database, "SELECT pid FROM run_processes WHERE run_id = %s", asked.request.run_id
        )
        os.kill(pid, signal.SIGKILL)
        found = _end(up, webserver, asked)
    assert found.status == "failed"
    assert "killed" in (found.error_message or "")


def test_edits_ask_for_one_run_that_waits(up: Up, webserver: Webserver) -> None:
    months = [date(2025, 1, 1)]
    (first,) = follow_edits(up.database, webserver, months, person="ida", today=TODAY)
    (second,) = follow_edits(up.database, webserver, months, person="bo", today=TODAY)
    assert second.request.id == first.request.id or second.request.request_key.startswith(
        "month_close statements after"
    )
    assert first.request.run_id is not None
    eventually(lambda: _ended_run(webserver, first.request.run_id or ""), seconds=100, what="the run's end")
    assert up.steps(first.request.run_id) == [("billing", "completed")]


def test_schedules_and_runs_are_told_in_words_and_switched(up: Up, webserver: Webserver) -> None:
    schedules = {one.schedule.name: one for one in list_schedules(up.database, webserver)}
    assert schedules["tickets_every_six_hours"].words == "every 6 hours, on the hour (UTC)"
    assert schedules["month_close_monthly"].words == "on the 2nd of each month at 04:00 (UTC)"
    assert not schedules["backup_daily"].schedule.is_on
    webserver.start_schedule("backup_daily")
    assert {one.name: one.is_on for one in webserver.schedules()}["backup_daily"]
    webserver.stop_schedule("backup_daily")
    assert not {one.name: one.is_on for one in webserver.schedules()}["backup_daily"]
    webserver.stop_sensor("paid_invoices")
    assert not {one.name: one.is_on for one in webserver.sensors()}["paid_invoices"]
    webserver.start_sensor("paid_invoices")
    assert {one.name: one.is_on for one in webserver.sensors()}["paid_invoices"]
    runs = list_runs(up.database, webserver, job="month_close")
    assert runs[-1].status == "SUCCESS"
    assert (runs[-1].rows_changed or 0) > 0


def test_what_dagster_does_not_have_is_refused_in_a_sentence(webserver: Webserver) -> None:
    with pytest.raises(DagsterRefusedError, match="backup_hourly"):
        webserver.stop_schedule("backup_hourly")
    with pytest.raises(DagsterRefusedError):
        webserver.launch("no_job", {})
    with pytest.raises(DagsterRefusedError):
        webserver.launch("month_close", {}, config={"codex": {"strange": 1}})
    with pytest.raises(DagsterRefusedError):
        webserver.terminate("7c2f7a0e-0000-4000-8000-000000000000")
    assert webserver.run("7c2f7a0e-0000-4000-8000-000000000000") is None


def test_a_month_is_finalised_and_reopened_and_a_puller_watched_at_both_doors_and_by_keyboard(up: Up) -> None:
    month, after = "2025-01", "2025-02"
    with ExitStack() as stack:
        first = stack.enter_context(browser_page())
        at_gateway = {"user": "clerk"}
        door = stack.enter_context(
            served(gateway_app(up.console, lambda: up.token(at_gateway["user"]), theme="light"))
        )
        gateway = f"{door}{PREFIX}"
        assert first.context.browser is not None
        clerk, at_the_gateway, by_keyboard, admin = (first.context.browser.new_page() for _ in range(4))
        for page in (clerk, at_the_gateway, by_keyboard, admin):
            page.set_default_timeout(45_000)
        days.sign_in(clerk, up.console, "clerk", f"/periods/{month}")
        expect(clerk.get_by_role("main")).to_contain_text("See the error")
        days.ignore_what_may_stay(clerk, up.console, "membership", "known to the school")
        # Whoever asks for the same meanwhile watches the same run.
        days.begin_to_close(clerk, up.console, month)
        days.begin_to_close(at_the_gateway, gateway, month)
        days.sign_in(by_keyboard, up.console, "clerk", f"/periods/{month}")
        by_keyboard.once("dialog", lambda dialog: dialog.accept())
        days.press_at(by_keyboard, by_keyboard.get_by_role("button", name="Run and close for good"))
        by_keyboard.wait_for_url("**/periods/closing/*")
        for page in (clerk, at_the_gateway, by_keyboard):
            days.see_it_closed(page, month)
        closes = "SELECT count(*), max(person) FROM ledger_period_events WHERE action = 'closed'"
        assert fetch(up.database, closes)[0][0] == 1

        days.sign_in(admin, up.console, "admin", "/admin/pullers")
        at_gateway["user"] = "admin"
        days.run_a_puller(admin, up.console, "codex_tickets", after)
        days.run_a_puller(at_the_gateway, gateway, "codex_tickets", after)
        for page in (admin, at_the_gateway):
            days.see_it_done(page)
        days.reopen(admin, up.console, month, "a wrong rate")
        assert fetch(up.database, "SELECT status FROM ledger_periods WHERE month = '2025-01-01'") == [
            ("open",)
        ]


def test_a_run_that_a_restart_of_dagster_cuts_off_has_failed_and_the_next_completes(up: Up) -> None:
    wanted = {"step": "services", "start_date": "2025-05-01", "end_date": "2025-06-01"}
    with up.database.connect(application_name="the test") as connection, connection.transaction():
        connection.execute("LOCK TABLE services IN SHARE MODE")
        begun = _ask_the_api(up, "POST", "/api/sync/execute-step?wait=false", wanted)
        assert begun.status_code == 202
        address = begun.headers["Location"]
        eventually(up.waits_for_a_lock, seconds=90, what="the step's writing")
        assert _ask_the_api(up, "GET", address).json()["status"] == "running"
        processes = up.dagster_processes()
        assert set(processes) == {"webserver", "daemon", "run_worker"}
        for process in processes.values():
            process.kill()

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = _ask_the_api(up, "GET", address).json()
        return found if found["status"] in ("completed", "failed") else None

    # `ledger up` starts them again; what the run left is ended by whoever of them looks first.
    cut_off = eventually(ended, seconds=120, what="the end of the execution")
    assert cut_off["status"] == "failed"
    assert "killed" in cut_off["error_message"]
    eventually(lambda: _is_up(up), seconds=90, what="Dagster's start")
    next_one = _ask_the_api(up, "POST", "/api/sync/execute-step?wait=false", wanted)
    address = next_one.headers["Location"]
    assert eventually(ended, seconds=120, what="the end of the next")["status"] == "completed"


def _ask_the_api(up: Up, method: str, path: str, body: dict[str, object] | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {up.token('admin')}"}
    return requests.request(method, f"{up.console}{path}", json=body, headers=headers, timeout=30)


def _is_up(up: Up) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{up.pages.url}/server_info", timeout=5).ok
    return False
