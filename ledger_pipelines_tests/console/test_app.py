"""What every answer of the console has, whatever was asked for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.exact import ExactRoute, Number, answer, money


class Amount(BaseModel):
    """An amount, back and forth."""

    amount: Number


@pytest.fixture
def echoing(console: Console) -> TestClient:
    """A console with a route that answers what it was sent."""
    router = APIRouter(route_class=ExactRoute)

    @router.post("/api/echo/{name}")
    def echo(name: str, body: Amount) -> object:
        return answer({"model": body, "texts": [name], "amount": body.amount * 2})

    app = create_app(console)
    app.include_router(router)
    return TestClient(app, raise_server_exceptions=False)


def test_numbers_keep_their_digits(echoing: TestClient) -> None:
    sent = '{"amount": 12345678901234567890.10}'
    answered = echoing.post("/api/echo/x", content=sent, headers={"content-type": "application/json"})
    assert answered.status_code == 200
    assert '"model":{"amount":12345678901234567890.10}' in answered.text
    assert '"amount":24691357802469135780.20' in answered.text


@pytest.mark.parametrize(
    "body",
    [
        '{"amount": NaN}',
        '{"amount": Infinity}',
        '{"amount": 1e999}',
        '{"amount": "one"}',
        '{"amount": "\\u0000"}',
        '{"amount": "\\ud800"}',
        '{"amount": ' + "9" * 500 + "}",
        "[" * 5_000,
        "{",
        "null",
        "",
        '{"amount": true}',
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(echoing: TestClient, body: str) -> None:
    answered = echoing.post("/api/echo/x", content=body, headers={"content-type": "application/json"})
    assert answered.status_code == 422
    assert answered.headers["content-type"] == "application/problem+json"
    told = answered.json()
    assert told["error"] == told["detail"]
    assert told["detail"].endswith(".")


def test_no_path_or_query_has_what_no_record_has(echoing: TestClient) -> None:
    for address in ("/api/echo/a%00b", "/api/echo/x?y=%00"):
        assert echoing.post(address, json={"amount": 1}).status_code == 422


def test_unknown_paths_methods_and_large_bodies_are_problems(echoing: TestClient) -> None:
    large = echoing.post(
        "/api/echo/x", content=b"1" * 3_000_000, headers={"content-type": "application/json"}
    )
    answers = [echoing.get("/api/none"), echoing.delete("/api/echo/x"), large]
    assert [one.status_code for one in answers] == [404, 405, 413]
    for one in answers:
        assert one.headers["content-type"] == "application/problem+json"
        assert one.json()["error"] == one.json()["detail"]


def test_nothing_of_a_page_comes_from_elsewhere(client_of: object, echoing: TestClient) -> None:
    for path in ("/docs", "/none"):
        page = echoing.get(path, headers={"Accept": "text/html"})
        assert "http://" not in page.text.replace("http://www.w3.org", "")
        assert "https://" not in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"


def test_amounts_of_our_own_routes_are_texts() -> None:
    assert [money(Decimal(one)) for one in ("1", "1.5", "-2.125", "1E+3", "0.000")] == [
        *("1.00", "1.50", "-2.125", "1000.00", "0.00"),
    ]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/ledgers/match", {"settlement": "a\0b", "item": "1", "party": "x"}),
        ("/periods/reopen", {"month": "2026-01", "reason": "a\0b"}),
        ("/ledgers/party?party=a%00b", None),
        ("/?q=a%00b", None),
    ],
)
def test_text_that_no_record_has_is_refused_by_pages(
    client_of: Callable[[str | None], TestClient], path: str, form: dict[str, str] | None
) -> None:
    asked = client_of("admin")
    answered = asked.get(path) if form is None else asked.post(path, data=form)
    assert (answered.status_code, "signs that no record has" in answered.json()["error"]) == (422, True)


def test_a_database_that_goes_away_meanwhile_is_told_as_such(console: Console) -> None:
    app = create_app(console)

    @app.get("/api/cut-off")
    def cut_off() -> None:
        raise psycopg.errors.AdminShutdown("terminating connection")

    answered = TestClient(app, raise_server_exceptions=False).get("/api/cut-off")
    assert (answered.status_code, answered.headers["retry-after"]) == (503, "5")


def test_what_cannot_be_read_is_said_in_words_that_a_person_can_act_on(
    client_of: Callable[[str | None], TestClient],
) -> None:
    client = client_of("billing")
    for path, said in (
        ("/client/1/statement.pdf?month=2026-10", "month is '2026-10': write year and month in digits"),
        ("/invoices/bulk/statements.pdf?part=0", "part is '0': write 1 or more."),
        ("/invoices/bulk/download?format=doc", "format is 'doc': choose 'csv' or 'pdf'."),
        ("/ledgers/statement.pdf", "party: it is missing"),
        ("/ledgers/overdue.pdf?as_of=today", "as_of is 'today': write a day as YYYY-MM-DD."),
        ("/sync/requests/xx", "request_id is 'xx': it is no such id"),
        ("/api/sync/executions/xx", "execution_id is 'xx': write a whole number."),
        ("/api/sync/executions?from=yesterday", "from is 'yesterday': write an instant"),
        ("/api/sync/executions?limit=9999", "limit is '9999': write 1000 or less."),
        ("/api/integration-errors?blocking=bogus", "blocking is 'bogus': write true or false."),
        ("/api/integration-errors?q=" + "x" * 201, "write 200 signs at most."),
    ):
        answered = client.get(path)
        assert answered.status_code == 422, path
        assert said in answered.json()["error"]
    refused = client.put("/api/overrides/client/1", json={"per_user_cost": [1]})
    assert refused.json()["error"] == "per_user_cost: write a number. per_user_cost: write a text."
