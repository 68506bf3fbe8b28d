"""`/admin/pullers`: what Dagster has, running, stopping and switching; without Dagster what the ledger knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.person import Permission, Person
from ledger_pipelines.console.pages.dagster_links import dagster_address
from ledger_pipelines.runs.webserver import LogLine
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
from ledger_pipelines_tests.console.pages.dagster import AWAY, Scheduler
from ledger_pipelines_tests.console.pages.looking import all_rows, beside

HOSTILE = "<script>alert(1)</script>"
POSTS = (
    "/admin/pullers/run",
    "/admin/pullers/schedules/odd/on",
    "/admin/pullers/sensors/paid_invoices/off",
    "/admin/pullers/runs/run-1/stop",
)


def test_each_schedule_is_told_in_words(admin: TestClient, dagster: Scheduler) -> None:
    dagster.ended("import_steps", ["FAILURE", "SUCCESS", "FAILURE", "FAILURE"])
    shown = admin.get("/admin/pullers").text
    for words in (
        "every day at 03:00 (Europe/Madrid)",
        "<code>0 3 * * *</code>",
        "1,2 3 * * * (Europe/Madrid)",
        "2026-03-16 03:00",
        '<span class="mark bad">2</span>',
        "by import_steps_daily, 2026-02</span>",
        "every 10 seconds",
        "&lt;b&gt;nothing&lt;/b&gt; is ready",
    ):
        assert words in shown, words


def test_schedules_and_sensors_are_switched(admin: TestClient, dagster: Scheduler) -> None:
    for kind, name, which in (
        ("schedules", "import_steps_daily", dagster.of_schedules),
        ("sensors", "paid_invoices", dagster.of_sensors),
    ):
        for switch in ("off", "on"):
            answered = admin.post(f"/admin/pullers/{kind}/{name}/{switch}")
            assert answered.headers["location"] == f"/admin/pullers?did={switch}"
            assert which[name].is_on == (switch == "on")
    assert admin.post("/admin/pullers/schedules/odd/maybe").status_code == 404
    unknown = admin.post("/admin/pullers/schedules/nothing/on")
    assert (unknown.status_code, "Dagster has nothing named nothing." in unknown.text) == (409, True)


def test_a_job_is_run_for_months_and_stopped(admin: TestClient, dagster: Scheduler) -> None:
    form = {"job": "month_close", "start": "2026-01", "end": "2026-03"}
    answered = admin.post("/admin/pullers/run", data=form)
    assert answered.headers["location"].startswith("/sync/requests/")
    assert [str(month) for month in dagster.launched[0].months] == ["2026-01-01", "2026-02-01"]
    run = dagster.launched[0].run_id
    assert f"/admin/pullers/runs/{run}/stop" in admin.get("/admin/pullers").text
    assert admin.post(f"/admin/pullers/runs/{run}/stop").headers["location"] == "/admin/pullers?did=stopped"
    assert dagster.launched[0].status == "CANCELED"
    again = admin.post(f"/admin/pullers/runs/{run}/stop")
    assert (again.status_code, "has ended already" in again.text) == (409, True)
    for bad in ({"job": "rm"}, {"start": "2026-13"}, {"start": "2030-01", "end": ""}, {"end": "2025-01"}):
        assert admin.post("/admin/pullers/run", data={**form, **bad}).status_code == 422
    assert len(dagster.asked) == 1


def test_a_run_s_log_is_text_in_pages(admin: TestClient, dagster: Scheduler) -> None:
    dagster.ended("import_steps", ["FAILURE"])
    at = datetime(2026, 3, 15, tzinfo=UTC)
    dagster.lines.extend(LogLine(at, "ERROR", "services", None, f"{HOSTILE} {n}") for n in range(501))
    path = f"/admin/pullers/runs/{dagster.launched[0].run_id}"
    shown = admin.get(path).text
    assert HOSTILE not in shown
    assert shown.count("alert(1)") == 500
    assert f'href="{path}?after=500"' in shown
    assert admin.get(f"{path}?after=500").text.count("alert(1)") == 1
    assert admin.get("/admin/pullers/runs/none").status_code == 404
    dagster.lines[:] = [LogLine(at, "DEBUG", None, None, "a detail"), LogLine(at, "INFO", None, None, "news")]
    shown, whole = admin.get(path).text, admin.get(f"{path}?all=true").text
    assert ("news" in shown, "a detail" in shown, "a detail" in whole) == (True, False, True)


def test_dagster_away_is_said_and_the_rest_works(
    admin: TestClient, dagster: Scheduler, database: Database
) -> None:
    with recorded_execution(database, "services", {"person": HOSTILE}):
        pass
    dagster.trouble.append(AWAY)
    shown = admin.get("/admin/pullers")
    assert shown.status_code == 200
    assert "Dagster does not answer at" in shown.text
    assert ">services</a>" in shown.text
    assert HOSTILE not in shown.text
    assert admin.post("/admin/pullers/schedules/odd/on").status_code == 503
    assert "Dagster does not answer at" in admin.get("/admin/pullers/runs/run-1").text


def test_it_is_for_admins_and_looking_writes_nothing(
    client_of: Callable[[str | None], TestClient], dagster: Scheduler, database: Database
) -> None:
    dagster.ended("import_steps", ["SUCCESS"])
    paths = ["/admin/pullers", "/admin/pullers?job=import_steps", "/admin/pullers/runs/old-0"]
    before = all_rows(database)
    admin = beside(client_of("admin"), dagster)
    assert [admin.get(one).status_code for one in (*paths, *paths)] == [200] * 6
    assert all_rows(database) == before
    for permission, status in ((None, 401), ("technician", 403), ("billing", 403), ("client", 403)):
        asker = beside(client_of(permission), dagster)
        assert {asker.get(one).status_code for one in paths} == {status}
        assert {asker.post(one, data={"job": "x"}).status_code for one in POSTS} == {status}
    assert dagster.of_schedules["odd"].is_on
    assert not dagster.asked


@pytest.mark.parametrize(
    ("public", "host", "prefix", "permission", "address"),
    [
        (None, "127.0.0.1:5030", "", "admin", "http://127.0.0.1:3000"),
        (None, "localhost", "", "admin", "http://127.0.0.1:3000"),
        (None, "localhost", "", "billing", None),
        (None, "books.example", "", "admin", None),
        (None, "localhost", "/ledger", "admin", None),
        ("https://dagster.example/", "books.example", "/ledger", "admin", "https://dagster.example"),
        ("https://dagster.example", "books.example", "", "billing", None),
    ],
)
def test_links_to_dagster_are_for_admins_who_reach_it(
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    public: str | None,
    host: str,
    prefix: str,
    permission: Permission,
    address: str | None,
) -> None:
    if public is not None:
        monkeypatch.setenv("LEDGER_DAGSTER_PUBLIC_URL", public)
    person = Person(name="ana", permission=permission, expires_at=datetime(2026, 4, 1, tzinfo=UTC))
    request = Request(
        {
            "type": "http",
            "scheme": "http",
            "path": "/",
            "query_string": b"",
            "root_path": prefix,
            "headers": [(b"host", host.encode())],
        }
    )
    assert dagster_address(request, replace(console, settings=Settings()), person) == address
