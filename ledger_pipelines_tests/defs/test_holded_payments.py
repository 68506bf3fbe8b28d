"""The step that reads Holded: payments in the months of their own dates, whatever the months of their documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.imports import payments as payments_import
from ledger_pipelines_tests.defs.test_holded_steps import CHANNEL, CREDITS, INVOICES, School, bill
from ledger_pipelines_tests.sources.conftest import reply
from ledger_pipelines_tests.sources.school_records import contact
from ledger_pipelines_tests.sources.school_servers import KEY, HoldedLike, running
from ledger_pipelines_tests.watching import watched_frames

__all__ = ["watched_frames"]

JAN, FEB, MAR, APR = (date(2024, month, 1) for month in (1, 2, 3, 4))
Row = tuple[str, str, str, bool]


def paid(
    number: int, day: date, *payments: tuple[str, date, int], amount: int = 1000, **more: Any
) -> dict[str, Any]:
    """An invoice with these payments: id, day and amount."""
    told = [
        {
            "id": name,
            "amount": of,
            "date": int(
                datetime(on.year, on.month, on.day, 12, tzinfo=ZoneInfo("Europe/Madrid")).timestamp()
            ),
        }
        for name, on, of in payments
    ]
    total = sum(of for _, _, of in payments)
    return (
        bill(number, day, amount, paymentsDetail=told, paymentsTotal=total, paymentsPending=amount - total)
        | more
    )


def rows(school: School) -> list[Row]:
    """Month, id, amount and whether it is gone, of each payment."""
    with school.database.connect() as connection:
        return connection.execute(
            "SELECT to_char(month, 'YYYY-MM'), id, amount::text, is_removed FROM invoice_payments ORDER BY 1, 2"
        ).fetchall()


@pytest.fixture
def school(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[School]:
    """An invoice of January, paid in January and March, and one of March, paid in February and refunded in March."""
    with running(HoldedLike()) as holded:
        holded.lists = {
            "/saleschannels": [CHANNEL],
            "/contacts": [contact(1, email="ada@school.example")],
            INVOICES: [
                paid(1, JAN, ("p1", date(2024, 1, 20), 400), ("p2", date(2024, 3, 5), 600)),
                paid(2, date(2024, 3, 9), ("p1", date(2024, 2, 20), 1000), ("p2", date(2024, 3, 20), -250)),
            ],
            CREDITS: [],
        }
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
        monkeypatch.setenv("HOLDED_URL", holded.url)
        monkeypatch.setenv("HOLDED_API_KEY", KEY)
        yield School(holded, database)


WHOLE = [
    ("2024-01", "inv00001/p1", "400.00", False),
    ("2024-02", "inv00002/p1", "1000.00", False),
    ("2024-03", "inv00001/p2", "600.00", False),
    ("2024-03", "inv00002/p2", "-250.00", False),
]


def test_a_month_alone_has_its_payments_of_documents_of_other_months_in_any_order(school: School) -> None:
    for month in (MAR, FEB, JAN):
        school.read(month, month)
    assert (rows(school), school.errors()) == (WHOLE, {})
    school.read(JAN, MAR)
    assert rows(school) == WHOLE


def test_news_of_closed_months_is_of_the_first_open_one_though_it_is_read_alone(school: School) -> None:
    school.read(JAN, MAR)
    school.close(JAN, FEB)
    first, second = school.holded.lists[INVOICES]
    # One is taken out, one put in with a day that is closed; both documents are of months that are not read.
    school.holded.lists[INVOICES] = [
        paid(1, JAN, ("p2", date(2024, 3, 5), 600), ("p3", date(2024, 2, 7), 50)),
        second,
    ]
    checks = school.read(MAR, MAR)
    news = [("2024-03", "inv00001/p1", "400.00", True), ("2024-03", "inv00001/p3", "50.00", False)]
    assert rows(school) == sorted([*WHOLE, *news])
    assert checks["closed_month_unchanged"].passed
    again = school.read(JAN, MAR)["closed_month_unchanged"]
    assert (again.passed, rows(school)) == (False, sorted([*WHOLE, *news]))
    school.holded.lists[INVOICES] = [first, second]
    school.read(MAR, MAR)
    assert rows(school) == WHOLE


def test_what_was_paid_of_a_document_that_no_list_shows_is_asked_for_and_kept_or_gone(school: School) -> None:
    school.read(JAN, MAR)
    asked = len(school.holded.asked_by_id())
    school.holded.hidden = {"inv00001"}
    school.read(MAR, MAR)
    assert rows(school) == WHOLE
    assert school.holded.asked_by_id()[asked:] == [f"{INVOICES}/inv00001"]
    school.holded.by_id = reply({"status": 0, "info": "Account has been blocked. Reason: Unpaid"}, 402)
    school.read(MAR, MAR)
    assert rows(school) == WHOLE
    assert school.errors()["inv00001/p2"].startswith(
        "The payment of 600.00 EUR on 2024-03-05 of F00001 is kept: the document is not in Holded's list and could not "
        "be asked for (Holded has blocked"
    )
    school.holded.by_id = None
    del school.holded.lists[INVOICES][0]
    school.read(MAR, MAR)
    assert rows(school) == [WHOLE[0], WHOLE[1], WHOLE[3]]
    school.read(JAN, JAN)
    assert (rows(school), school.errors()) == ([WHOLE[1], WHOLE[3]], {})


def test_a_payment_or_a_document_that_cannot_be_read_keeps_what_was_read_before(school: School) -> None:
    school.read(JAN, MAR)
    first, second = school.holded.lists[INVOICES]
    second = second | {"total": "?"}
    broken = [one | {"date": "soon"} for one in first["paymentsDetail"]]
    school.holded.lists[INVOICES] = [first | {"paymentsDetail": broken}, second]
    checks = school.read(FEB, MAR)
    assert rows(school) == WHOLE
    assert set(school.errors()) == {"inv00001/p1", "inv00001/p2", "inv00002"}
    assert school.errors()["inv00001/p2"] == (
        "Invoice F00001 has a payment of 600.00 EUR with the date 'soon', which is not a date, so that it does not count."
    )
    assert not checks["read_completely"].passed


def test_lists_that_came_back_empty_take_no_payment_away(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments_import, "MOST_QUESTIONS", 10)
    many = [paid(number, JAN, ("p", date(2024, 3, 5), 10), amount=10) for number in range(1, 21)]
    school.holded.lists[INVOICES] = many
    school.read(MAR, MAR)
    before = rows(school)
    school.holded.lists[INVOICES] = []
    school.read(MAR, MAR)
    assert (len(before), rows(school)) == (20, before)
    [(error, told)] = school.errors().items()
    assert told.startswith(
        "Holded shows 0 paid documents where it showed 20, so what was read before is kept"
    )
    school.ignore(error)
    school.read(MAR, MAR)
    assert rows(school) == []


def test_a_payment_of_a_cancelled_document_is_told_in_its_own_month(school: School) -> None:
    school.holded.lists[INVOICES][0]["status"] = 3
    checks = school.read(MAR, MAR)
    assert checks["every_payment_has_a_document"].description == (
        "2024-03: Payments of documents that do not count: The payment of 600.00 EUR on 2024-03-05 of F00001. "
        "Issue the documents, or take the payments out, in Holded."
    )
    assert school.errors() == {
        "inv00001/p2": "The payment of 600.00 EUR on 2024-03-05 of F00001 is of a document that is cancelled, so that it "
        "pays nothing: issue the document, or take the payment out, in Holded."
    }
    assert ("2024-03", "inv00001/p2", "600.00", False) in rows(school)
