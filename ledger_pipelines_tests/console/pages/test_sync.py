"""`/sync`: what executing comes to is said first, then it is asked for once, watched and stopped."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
from ledger_pipelines.workflows.run_tags import REQUEST_TAG
from ledger_pipelines_tests.console.pages.dagster import AWAY, Scheduler
from ledger_pipelines_tests.console.pages.looking import all_rows, beside

HOSTILE = "<script>alert(1)</script>"
RANGE = {"from_step": "services", "start": "2025-03", "end": "2025-07"}


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOLDED_API_KEY", "FOURGEEKS_TOKEN", "NOTION_TOKEN", "NOTION_DATABASE_ID"):
        monkeypatch.setenv(name, "set")


def said_of(client: TestClient, form: dict[str, str]) -> str:
    """What the page says that the form comes to, as it hands it back."""
    found = re.search(r'name="said" value="([^"]*)"', client.get("/sync", params=form).text)
    assert found is not None
    return found[1]


def execute(client: TestClient, form: dict[str, str]) -> str:
    """Executes what was said before; the address of the run."""
    answered = client.post("/sync", data={**form, "said": said_of(client, form)})
    assert answered.status_code == 303, answered.text
    return answered.headers["location"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("start=2025-03&end=2025-07", "Four months, 2025-03 to 2025-06; July 2025 is not included."),
        ("start=2025-03-01&end=2025-04-01", "One month, 2025-03; April 2025 is not included."),
        ("", "Three months, 2026-01 to 2026-03; April 2026 is not included."),
        ("year=2025", "Twelve months, 2025-01 to 2025-12; January 2026 is not included."),
        ("start=2025-03-02&end=2025-07-01", "first"),
        ("start=2025-07&end=2025-03", "has no month"),
        ("start=2025-07", "Say both"),
        ("year=%3Cb%3E", "is no year"),
        ("year=1999", "outside the ledger"),
        ("from_step=nothing", "is no step"),
    ],
)
def test_the_range_is_said_in_words(clerk: TestClient, query: str, words: str) -> None:
    shown = clerk.get(f"/sync?{query}")
    assert shown.status_code == 200
    assert words in shown.text.replace("&#39;", "'")
    assert "<b>" not in shown.text


def test_closed_months_are_named(clerk: TestClient, database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            """INSERT INTO ledger_periods (month, status, closed_at, closed_by)
               VALUES ('2025-03-01', 'closed', now(), 'ana'), ('2025-04-01', 'closed', now(), 'ana')
               ON CONFLICT (month) DO UPDATE SET status = 'closed', closed_at = now(), closed_by = 'ana'"""
        )
    assert (
        "Closed, and so compared and not written: 2025-03 to 2025-04."
        in clerk.get("/sync", params=RANGE).text
    )


def test_nothing_is_executed_that_was_not_said(clerk: TestClient, dagster: Scheduler) -> None:
    other = said_of(clerk, {**RANGE, "end": "2025-08"})
    for said in ("", other, HOSTILE):
        asked = clerk.post("/sync", data={**RANGE, "said": said})
        assert asked.status_code == 200
        assert "This is what it comes to. Execute it?" in asked.text
        assert "Four months, 2025-03 to 2025-06" in asked.text
    refused = clerk.post("/sync", data={**RANGE, "start": "2025-13", "said": other})
    assert refused.status_code == 422
    assert not dagster.asked


def test_the_same_is_asked_for_once_watched_and_ended(
    clerk: TestClient, dagster: Scheduler, database: Database
) -> None:
    first, second = execute(clerk, RANGE), execute(clerk, RANGE)
    path, _, did = first.partition("?")
    assert (did, second) == ("did=started", f"{path}?did=joined")
    assert [one["job"] for one in dagster.asked] == ["import_steps"]
    watched = clerk.get(first).text
    assert "It was asked for." in watched
    assert 'hx-trigger="every 3s"' in watched
    assert watched.count('<span class="mark ">pending</span>') == 5

    with recorded_execution(
        database, "services", {}, request_id=dagster.launched[0].tags[REQUEST_TAG]
    ) as execution:
        execution.metadata["result"] = {"services_processed": 1234, HOSTILE: HOSTILE}
    dagster.become(dagster.launched[0].run_id, "SUCCESS")
    ended = clerk.post(f"{path}/look").text
    assert "services processed 1,234" in ended
    assert HOSTILE not in ended
    assert 'hx-trigger="every 3s"' not in ended
    assert '<span class="mark good">done</span>' in ended
    assert clerk.get(path).text.count("failed</span>") == 4


def test_a_run_is_stopped(clerk: TestClient, dagster: Scheduler) -> None:
    path = execute(clerk, RANGE).partition("?")[0]
    assert clerk.post(f"{path}/stop").headers["location"] == f"{path}?did=stopped"
    assert "cancelled before this step began" in clerk.post(f"{path}/look").text
    refused = clerk.post(f"{path}/stop")
    assert refused.status_code == 409
    assert "has ended already" in refused.text


def test_dagster_away_is_said_and_the_rest_works(clerk: TestClient, dagster: Scheduler) -> None:
    dagster.trouble.append(AWAY)
    path = execute(clerk, RANGE).partition("?")[0]
    shown = clerk.get(path).text
    assert "not started" in shown
    assert "Dagster does not answer" in shown
    assert "Dagster does not answer" in clerk.get("/sync?status=failed").text
    assert clerk.post(f"{path}/look").status_code == 200


def test_a_source_that_is_not_configured_is_named(
    console: Console, monkeypatch: pytest.MonkeyPatch, dagster: Scheduler
) -> None:
    monkeypatch.delenv("HOLDED_API_KEY")
    unset = replace(console, settings=Settings())
    client = beside(TestClient(create_app(unset), headers={"Authorization": "Bearer billing"}), dagster)
    assert client.get("/sync").text.count("HOLDED_API_KEY is not set") == 2
    asked = client.post("/sync", data={**RANGE, "said": said_of(client, RANGE)})
    assert "HOLDED_API_KEY is not set: without it Holded cannot be read." in asked.text
    assert not dagster.asked


def test_the_history_is_filtered_and_each_execution_told(clerk: TestClient, database: Database) -> None:
    tables = {"invoices": {"added": 3, "removed": 1, "unchanged": 0, "by_month": {"2026-01": [3, 1, 0]}}}
    with recorded_execution(database, "invoices", {"months": ["2026-01"], "person": HOSTILE}) as execution:
        execution.metadata["tables"] = tables
    with pytest.raises(ValueError), recorded_execution(database, "services", {"months": "?"}):  # noqa: PT011
        raise ValueError(HOSTILE)
    shown = clerk.get("/sync").text
    assert HOSTILE not in shown
    assert '<td class="number">4</td>' in shown
    assert ">failed</span>" not in clerk.get("/sync?step_name=invoices").text
    assert ">completed</span>" not in clerk.get("/sync?status=failed").text
    assert "Nothing was executed yet." in clerk.get("/sync?q=zzz").text
    told = clerk.get(f"/sync/executions/{execution.id}").text
    assert HOSTILE not in told
    assert "2026-01" in told
    assert clerk.get("/sync/executions/999999").status_code == 404
    assert clerk.get("/sync/executions/0").status_code == 422


def test_it_is_for_clerks_and_looking_writes_nothing(
    client_of: Callable[[str | None], TestClient], clerk: TestClient, dagster: Scheduler, database: Database
) -> None:
    path = execute(clerk, RANGE).partition("?")[0]
    paths = ["/sync", "/sync?year=2025&sort=-seconds&page=9", path]
    before = all_rows(database)
    for _ in range(2):
        assert [clerk.get(one).status_code for one in paths] == [200] * 3
    assert all_rows(database) == before
    for permission, status in ((None, 401), ("technician", 403), ("client", 403), ("service", 403)):
        asker = client_of(permission)
        assert {asker.get(one).status_code for one in paths} == {status}
        assert {asker.post(one).status_code for one in ("/sync", f"{path}/look", f"{path}/stop")} == {status}
