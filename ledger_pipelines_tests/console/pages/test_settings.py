"""`/admin/settings`: counts, runs, alerts, versions and what is configured, without secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.pages.dagster import AWAY, Scheduler
from ledger_pipelines_tests.console.pages.looking import all_rows, beside

SECRET = "s3cr3t-s3cr3t"
HOSTILE = "<script>alert(1)</script>"


def test_what_is_configured_is_shown_without_secrets(
    console: Console, monkeypatch: pytest.MonkeyPatch, dagster: Scheduler
) -> None:
    for name in ("HOLDED_API_KEY", "NOTION_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("LEDGER_ALERT_WEBHOOK", f"https://user:{SECRET}@hooks.example/{SECRET}")
    monkeypatch.setenv("CFO_DATABASE_URL", f"postgresql://ana:{SECRET}@db.example/cfo")
    monkeypatch.setenv("LEDGER_ORG_NUMBER", HOSTILE)
    app = create_app(replace(console, settings=Settings()))
    client = beside(TestClient(app, headers={"Authorization": "Bearer admin"}), dagster)
    shown = client.get("/admin/settings").text
    assert SECRET not in shown
    assert HOSTILE not in shown
    for words in (
        "cfo on db.example:5432 as ana",
        "NOTION_DATABASE_ID is not set",
        "configured at https://api.holded",
    ):
        assert words in shown, words
    assert "version 1.99.9" in shown


def test_counts_and_alerts_are_those_of_the_books(
    admin: TestClient, dagster: Scheduler, database: Database
) -> None:
    with database.connect() as connection:
        connection.execute(
            """INSERT INTO alerts (kind, subject, message, raised_at, cleared_at)
               VALUES ('lag', '', %(text)s, now(), NULL), ('failed', '', 'over again', now(), now())""",
            {"text": HOSTILE},
        )
        ((accounts,),) = connection.execute("SELECT count(*) FROM accounts").fetchall()
    dagster.trouble.append(AWAY)
    shown = admin.get("/admin/settings").text
    assert f'accounts</th><td class="number">{accounts}</td>' in shown
    assert "Dagster does not answer" in shown
    assert "over again" in shown
    assert HOSTILE not in shown


def test_it_is_for_admins_and_looking_writes_nothing(
    client_of: Callable[[str | None], TestClient], admin: TestClient, dagster: Scheduler, database: Database
) -> None:
    before = all_rows(database)
    assert [admin.get("/admin/settings").status_code for _ in range(2)] == [200, 200]
    assert all_rows(database) == before
    asked = {one: client_of(one).get("/admin/settings").status_code for one in (None, "billing", "service")}
    assert asked == {None: 401, "billing": 403, "service": 403}
