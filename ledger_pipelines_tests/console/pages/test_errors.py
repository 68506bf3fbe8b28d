"""`/errors`: what is shown of what, and what a person decides."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import date

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.errors import Problem
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.workflows.closing import what_stands_against

ClientOf = Callable[[str | None], TestClient]
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}"


@pytest.fixture
def errors(database: Database) -> dict[str, int]:
    """Four errors, one of each kind of trouble, by their records."""
    holded = [
        Problem("holded", "invoices", "invoice", "F1", "F1 has no contact: set it in Holded.", {"amount": 1}),
        Problem("holded", "invoices", "list", "invoices of 20", "Holded shows fewer invoices."),
        Problem(
            "holded", "invoices", "contact", HOSTILE, f"The contact {HOSTILE} is odd.", {HOSTILE: HOSTILE}
        ),
    ]
    billing = [
        Problem(
            *("billing", "statements", "company", "620547", "Company 620547 has no plan."),
            {"account_number": "620547", "api_key": "s3cr3t-s3cr3t", "price": "9.10"},
            month="2026-02",
        ),
    ]
    with database.connect() as connection:
        record_problems(connection, "holded", "invoices", holded)
        record_problems(connection, "billing", "statements", billing, months=[date(2026, 2, 1)])
        connection.execute(
            """UPDATE integration_errors SET error_details = '{"total": 12345678901234567.10, "token": "s3cr3t-s3cr3t"}'
               WHERE external_id = 'F1'"""
        )
        return dict(connection.execute("SELECT external_id, id FROM integration_errors").fetchall())


def state_of(database: Database) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(
            """SELECT external_id, is_resolved, resolution_notes, is_ignored, ignore_notes FROM integration_errors
               ORDER BY id"""
        ).fetchall()


def test_the_open_errors_are_shown_with_their_cure_as_text(
    client_of: ClientOf, errors: dict[str, int]
) -> None:
    shown = client_of("billing").get("/errors").text
    assert "of 4" in shown
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in shown
    assert "s3cr3t" not in shown
    assert "12345678901234567.10" in shown
    assert 'href="/client/620547/settings"' in shown
    assert 'href="/sync?from_step=invoices"' in shown
    assert "If the records are gone indeed, ignore this with a note" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("integration_name=billing", {"620547"}),
        ("operation_type=invoices&entity_type=list", {"invoices of 20"}),
        ("q=NO%20CONTACT", {"F1"}),
        ("q=%25", set()),
        # What is wrong with a source's present troubles each month that is made of it.
        ("month=2026-02", {"F1", "invoices of 20", HOSTILE, "620547"}),
        ("month=2026-01", {"F1", "invoices of 20", HOSTILE}),
        ("month=2026-13", {"F1", "invoices of 20", HOSTILE, "620547"}),
        ("blocking=no", set()),
        ("status=ignored", set()),
        ("status=all&integration_name=holded&q=F1", {"F1"}),
        ("integration_name=%00&page=-1&sort=-nothing", {"F1", "invoices of 20", HOSTILE, "620547"}),
    ],
)
def test_filters_narrow(client_of: ClientOf, errors: dict[str, int], query: str, found: set[str]) -> None:
    shown = client_of("admin").get(f"/errors?{query}").text
    assert {record for record, number in errors.items() if f'name="id" value="{number}"' in shown} == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("month=2026-99", "2026-99"),
        ("status=bogus", "status is &#39;bogus&#39;"),
        ("blocking=%3Cb%3E", "blocking is &#39;&lt;b&gt;&#39;"),
        ("id=F1", "id is &#39;F1&#39;"),
    ],
)
def test_a_filter_that_is_none_is_said(
    client_of: ClientOf, errors: dict[str, int], query: str, said: str
) -> None:
    client = client_of("admin")
    shown = client.get(f"/errors?{query}").text
    assert said in shown
    assert "not narrowed" in shown
    assert "of 4" in shown
    assert query not in re.findall(r'href="([^"]*integration-errors.csv[^"]*)"', shown)[0]
    assert "not narrowed" not in client.get("/errors?month=2026-02&status=all&blocking=yes&id=1").text


def test_many_are_decided_at_once_with_who_and_why(
    client_of: ClientOf, errors: dict[str, int], database: Database
) -> None:
    client = client_of("billing")
    chosen = [str(errors["F1"]), str(errors["invoices of 20"])]
    form = {"id": chosen, "note": f"Mended {HOSTILE}", "decision": "resolve", "query": "q=holded&page=2"}
    answered = client.post("/errors", data=form)
    assert (answered.status_code, answered.headers["location"]) == (
        303,
        "/errors?q=holded&page=2&did=resolve&count=2",
    )
    resolved = client.get("/errors?status=resolved&did=resolve&count=2").text
    assert "2 errors are resolved." in resolved
    assert "Mended &lt;script&gt;" in resolved
    assert "(billing)" in resolved

    number = errors["620547"]
    client.post("/errors", data={"id": [number], "note": "A test company", "decision": "ignore"})
    assert client.get("/errors?status=ignored").text.count("A test company (billing)") == 1
    assert client.post("/errors", data={"id": [number], "decision": "heed"}).status_code == 303
    assert state_of(database)[3] == ("620547", False, None, False, None)


def test_nothing_is_decided_without_a_note_a_choice_or_all_of_the_records(
    client_of: ClientOf, errors: dict[str, int], database: Database
) -> None:
    before = state_of(database)
    number = str(errors["F1"])
    for form, said in (
        ({"id": [number], "note": " ", "decision": "resolve"}, "Say why"),
        ({"note": "why", "decision": "ignore"}, "Choose at least one"),
        ({"id": [number, "9" * 30], "note": "why", "decision": "delete"}, "Choose what becomes"),
        ({"id": [number], "note": "a\0b", "decision": "ignore"}, "signs that no record has"),
    ):
        answered = client_of("admin").post("/errors", data=form)
        assert answered.status_code == 422
        assert said in answered.text
    assert state_of(database) == before


def test_who_healed_it_is_said(client_of: ClientOf, errors: dict[str, int], database: Database) -> None:
    with database.connect() as connection, connection.transaction():
        record_problems(connection, "holded", "invoices", [])
        connection.execute(
            """INSERT INTO sync_executions (step_name, status, started_at, completed_at, metadata)
               VALUES ('invoices', 'completed', now() - interval '1 minute', now() + interval '1 minute',
                       '{"errors": {"holded invoices": {"resolved": 3}}}')"""
        )
    shown = client_of("admin").get("/errors?status=healed").text
    assert "of 3" in shown
    assert shown.count("healed by itself") == 3
    assert "/sync/executions/" in shown
    assert "of 3" in client_of("admin").get("/errors?status=resolved").text


def test_the_page_is_for_clerks_and_looking_writes_nothing(
    client_of: ClientOf, errors: dict[str, int], database: Database
) -> None:
    before = state_of(database)
    asked = {
        one: client_of(one).get("/errors").status_code for one in (None, "technician", "client", "billing")
    }
    assert asked == {None: 401, "technician": 403, "client": 403, "billing": 200}
    form = {"id": [str(errors["F1"])], "note": "why", "decision": "ignore"}
    assert [client_of(one).post("/errors", data=form).status_code for one in (None, "technician")] == [
        401,
        403,
    ]
    assert client_of("billing").get("/errors?did=resolve&count=999999").status_code == 200
    assert state_of(database) == before


def test_the_export_has_what_the_page_shows(client_of: ClientOf, errors: dict[str, int]) -> None:
    client = client_of("billing")
    for query, rows in (
        ("", 4),
        ("?q=no+contact&status=all", 1),
        ("?month=2026-02&blocking=yes", 4),
        ("?status=healed", 0),
        ("?status=all", 4),
        (f"?id={errors['F1']}", 1),
    ):
        found = re.search(r'href="(/api/integration-errors.csv[^"]*)"', client.get(f"/errors{query}").text)
        if rows == 0:
            assert found is None
            continue
        assert found is not None
        assert "status=" in found[1]
        exported = client.get(html.unescape(found[1]))
        assert exported.status_code == 200
        assert len(list(csv.reader(io.StringIO(exported.text)))) == rows + 1


def test_a_link_from_elsewhere_shows_its_error_alone_whatever_became_of_it(
    client_of: ClientOf, errors: dict[str, int], database: Database
) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE integration_errors SET is_resolved = true, resolved_at = now()")
    shown = client_of("billing").get(f"/errors?id={errors['F1']}", headers={"Accept": "text/html"}).text
    assert "F1 has no contact" in shown
    assert "Company 620547 has no plan" not in shown


def test_the_list_of_a_month_has_what_stands_against_closing_it(
    client_of: ClientOf, database: Database, errors: dict[str, int]
) -> None:
    with database.connect() as connection:
        connection.execute("UPDATE integration_errors SET is_blocking = false WHERE external_id = 'F1'")
    month = date(2026, 2, 1)
    against = {one.error_id for one in what_stands_against(database, [month])}
    shown = client_of("admin").get("/errors?status=open&blocking=yes&month=2026-02").text
    assert {number for number in errors.values() if f'name="id" value="{number}"' in shown} == against
    assert len(against) == 3
    assert "Troubles every open month" in shown
