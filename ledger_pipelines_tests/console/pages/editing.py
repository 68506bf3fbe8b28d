"""What tests of pages that edit ask of a console: clients, forms as a browser sends them, and all that is stored."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.conftest import KnownPeople
from ledger_pipelines_tests.runs.standing_in import StandIn

#: The day of the book's last open month.
NOW = datetime(2025, 3, 20, 12, tzinfo=UTC)
SETTINGS = "/client/620500/settings"
Clients = Callable[[str], TestClient]


def clients_of(database: Database, dagster: StandIn) -> Clients:
    """Clients by permission of a console on this database, with this Dagster."""
    app = create_app(Console(Settings(), database, KnownPeople(), now=lambda: NOW))
    app.state.dagster = dagster

    def client(permission: str) -> TestClient:
        headers = {"Authorization": f"Bearer {permission}", "Accept": "text/html"}
        return TestClient(app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    return client


def sent_by(page: str, action: str) -> dict[str, str]:
    """What a browser would send of the first form with this action, as it is filled."""
    forms = re.findall(r'<form method="post" action="([^"]*)".*?</form>', page, re.DOTALL)
    assert any(one.partition("#")[0] == action for one in forms), forms
    form = next(
        found.group(0)
        for found in re.finditer(r'<form method="post" action="([^"]*)".*?</form>', page, re.DOTALL)
        if html.unescape(found.group(1)).partition("#")[0] == action
    )
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" in given:
            fields[given["name"]] = html.unescape(given.get("value", ""))
    for name, words in re.findall(r'<textarea [^>]*name="([\w-]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        fields[name] = html.unescape(words)
    for name, options in re.findall(r'<select [^>]*name="([\w-]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        fields[name] = html.unescape((chosen or first).group(1))  # type: ignore[union-attr]
    return fields


def everything(database: Database) -> list[Any]:
    """All that an edit could change."""
    tables = (
        *("edits", "billing_statements", "billing_statement_lines", "billing_runs", "billing_plans"),
        *("client_billing_overrides", "asset_billing_overrides", "user_billing_overrides"),
        *(
            "client_feature_overrides",
            "custom_line_items",
            "manual_assets",
            "manual_users",
            "feature_options",
        ),
        "run_requests",
    )
    with database.connect() as connection:
        return [
            connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in tables
        ]


def one(database: Database, query: str) -> Any:
    """The first value of the first row that a query gives."""
    with database.connect() as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    return None if row is None else row[0]
