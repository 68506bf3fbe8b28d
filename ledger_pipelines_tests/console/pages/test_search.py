"""The search box: what is meant exactly is shown at once, what is meant by few letters is listed."""

from __future__ import annotations

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines_tests.console.pages.conftest import Asking
from ledger_pipelines_tests.workflows.billed_books import MONTHS, insert


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("620521", "/client/620521"),
        (" 620521 ", "/client/620521"),
        ("6205 ÅØ", "/client/6205%20%C3%85%C3%98"),
        ("Company 2", "/client/620521"),
        ("620521-202502", "/client/620521?month=2025-02"),
    ],
)
def test_what_is_meant_exactly_is_shown(book: Database, asking: Asking, text: str, place: str) -> None:
    answered = asking(book).get("/search", params={"q": text})
    assert (answered.status_code, answered.headers["location"]) == (303, place)


def test_what_is_meant_by_few_letters_is_listed(book: Database, asking: Asking) -> None:
    asked = asking(book)
    shown = asked.get("/search?q=company").text
    assert shown.count('href="/client/') == 5
    assert asked.get("/search?q=620521-2025").text.count("month=2025-0") == 3
    for nothing in ("%25", "_", "", "%00", "%27%20OR%201%3D1--", "nobody"):
        answered = asked.get(f"/search?q={nothing}")
        assert answered.status_code == 200, nothing
        assert 'href="/client/' not in answered.text, nothing
    hostile = asked.get("/search", params={"q": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in hostile
    assert asking(book, "technician").get("/search?q=620521").status_code == 403


def test_invoices_are_found_by_number_and_customer(own_book: Database, asking: Asking) -> None:
    with own_book.connect() as connection:
        ensure_months(connection, ("invoices",), [MONTHS[2]])
        money = dict.fromkeys(("subtotal", "tax", "total", "payments_total", "payments_pending"), 10)
        flags = dict.fromkeys(("is_draft", "is_cancelled", "is_paid", "is_removed"), False)
        invoice = {"month": MONTHS[2], "document_type": "invoice", "contact_name": "Ávila", "date": MONTHS[2]}
        for number in ("F7", "F8", None):
            insert(
                connection,
                "invoices",
                {
                    **invoice,
                    "id": f"id{number}",
                    "document_number": number,
                    "currency": "EUR",
                    **money,
                    **flags,
                },
            )
        insert(connection, "crypto_clients", {"name": "Nakamoto"})
        insert(
            connection,
            "crypto_invoices",
            {
                "invoice_number": "C-1",
                "client_id": 1,
                "amount_usd": 5,
                "crypto_currency": "BTC",
                "crypto_amount": 1,
            },
        )
    asked = asking(own_book)
    assert asked.get("/search?q=f7").headers["location"] == "/accruals?month=2025-03&q=%C3%81vila"
    assert asked.get("/search?q=C-1").headers["location"] == "/cfo?q=C-1"
    assert asked.get("/search?q=ávila").text.count(" EUR ") == 3
    assert "Nakamoto" in asked.get("/search?q=naka").text
