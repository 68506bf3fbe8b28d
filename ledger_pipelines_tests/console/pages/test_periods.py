"""The months' page: what it shows is what the tables have, and what it does is what the command does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import psycopg
from starlette.testclient import TestClient

from ledger_pipelines.store.periods import close_months

FEBRUARY = date(2026, 2, 1)


def a_month(connection: psycopg.Connection) -> None:
    """February 2026 with a failed check, a warning and one that passed."""
    connection.execute("INSERT INTO ledger_periods (month) VALUES (%s)", [FEBRUARY])
    connection.execute(
        """INSERT INTO check_results (month, asset_name, check_name, records, is_error, description, run_id) VALUES
           (%(month)s, 'billing_statements', 'total_is_sum_of_lines', 1, true, 'Acme <b>(620547)</b> is off', 'r'),
           (%(month)s, 'billing_statements', 'credits_owed', 2, false, 'two tickets', 'r'),
           (%(month)s, 'companies', 'unique', 0, true, NULL, 'r')""",
        {"month": FEBRUARY},
    )


def test_a_month_says_what_stands_between_it_and_closing(
    connection: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    a_month(connection)
    shown = client_of("billing").get("/periods/2026-02")
    assert shown.status_code == 200
    assert "1 failure, 1 warning" in shown.text
    assert "Acme &lt;b&gt;(620547)&lt;/b&gt; is off" in shown.text
    assert shown.text.index(">failed<") < shown.text.index(">warning<") < shown.text.index(">passed<")
    assert "billing_statements breaks total_is_sum_of_lines" in shown.text


def test_reopening_takes_an_admin_and_a_reason_and_is_told(
    connection: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    a_month(connection)
    close_months(connection, [FEBRUARY], person="ada")
    asked = {"month": "2026-02", "reason": "a wrong rate"}
    assert client_of("billing").post("/periods/reopen", data=asked).status_code == 403
    assert client_of("admin").post("/periods/reopen", data={"month": "2026-02"}).status_code == 422
    assert connection.execute("SELECT status FROM ledger_periods").fetchall() == [("closed",)]
    answered = client_of("admin").post("/periods/reopen", data=asked)
    assert (answered.status_code, answered.headers["location"].partition("?")[0]) == (303, "/periods/2026-02")
    assert connection.execute("SELECT status FROM ledger_periods").fetchall() == [("open",)]
    assert "2026-02 is open." in client_of("billing").get(answered.headers["location"]).text
    for path in ("/periods", "/periods/2026-02"):
        assert "Call us" not in client_of("billing").get(f"{path}?said=Call+us").text
    told = client_of("billing").get("/periods").text
    assert "a wrong rate" in told
    assert "reopened" in told


def test_a_closed_month_that_would_differ_now_is_named(
    connection: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    a_month(connection)
    connection.execute(
        "UPDATE check_results SET check_name = 'closed_month_unchanged' WHERE check_name = 'credits_owed'"
    )
    before = client_of("billing").get("/periods").text
    close_months(connection, [FEBRUARY], person="ada")
    after = client_of("billing").get("/periods").text
    assert "would differ now" not in before
    assert "would differ now" in after
    assert "2 rows. two tickets" in after


def test_no_link_puts_words_on_a_page(client_of: Callable[[str | None], TestClient]) -> None:
    asked = client_of("billing")
    for query in (
        "said=Pay+Eve",
        "did=Pay+Eve&month=2026-01&until=2026-02",
        "did=run&month=Pay+Eve&until=2026-02",
    ):
        assert "Pay Eve" not in asked.get(f"/periods?{query}").text


def test_nobody_else_sees_or_does_anything(client_of: Callable[[str | None], TestClient]) -> None:
    for permission, status in ((None, 401), ("client", 403), ("technician", 403), ("service", 403)):
        asked = client_of(permission)
        for path in ("/periods", "/periods/2026-02", "/accruals", "/ledgers", "/ledgers/party?party=x"):
            assert asked.get(path).status_code == status, path
        for path in (
            "/periods/run",
            "/periods/close",
            "/periods/reopen",
            "/ledgers/match",
            "/ledgers/unmatch",
        ):
            assert asked.post(path, data={"month": "2026-02"}).status_code == status, path


def test_strange_months_are_refused_in_a_sentence(client_of: Callable[[str | None], TestClient]) -> None:
    asked = client_of("admin")
    for path in ("/periods/2026-13", "/accruals?month=x", "/ledgers/export?show=aging&month=2026-00"):
        answered = asked.get(path)
        assert answered.status_code == 422, path
        assert answered.json()["detail"].endswith(".")
    for month in ("2026-13", "1850-01", "2099-01"):
        answered = asked.post("/periods/run", data={"month": month})
        assert answered.status_code == 422, month
        assert answered.json()["detail"].endswith(".")


def test_a_span_that_cannot_be_run_is_said_beside_the_form_in_its_own_words(
    connection: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    asked = client_of("billing")
    asked.headers["accept"] = "text/html"
    for given, words in (
        ({}, "“Run from” is empty"),
        (
            {"month": "2026-02", "until": "2025-12"},
            "“Run from” is 2026-02 and “to (included)” is 2025-12: give",
        ),
        ({"month": "2025-13"}, "is not a month"),
        ({"month": "2025-12", "until": "soon"}, "is not a month"),
        ({"month": "2025-12", "to": "2026-02"}, "The form has no &#39;to&#39;"),
        ({"month": "2099-01", "until": ""}, "2099-01"),
    ):
        refused = asked.post("/periods/run", data=given)
        assert (refused.status_code, words in refused.text, 'role="alert"' in refused.text) == (
            422,
            True,
            True,
        )
        assert f'name="month" value="{given.get("month", "")}"' in refused.text
        assert f'name="until" value="{given.get("until", "")}"' in refused.text
    assert connection.execute("SELECT count(*) FROM run_requests").fetchone() == (0,)
