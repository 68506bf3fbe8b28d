"""Which month keeps which document, and what becomes of news about closed months."""

from __future__ import annotations

from datetime import date
from typing import Any

from ledger_pipelines.invoicing.documents import Documents, month_documents, newest
from ledger_pipelines_tests.invoicing.building import documents, rows

JAN, FEB, MAR, APR = (date(2024, number, 1) for number in (1, 2, 3, 4))
NOTHING = documents()


def invoice(number: str, day: date, amount: str = "100.00", **more: Any) -> dict[str, Any]:
    return {"id": number, "date": day, "lines": [("bootcamp", amount)], **more}


def kept(
    fetched: Documents,
    *,
    months: list[date],
    stored: Documents = NOTHING,
    known: Documents = NOTHING,
    closed: set[date] | None = None,
    unreadable: set[str] | None = None,
) -> Documents:
    return month_documents(
        fetched, stored, known, months=months, closed=closed or set(), unreadable=unreadable or set()
    )


def test_a_document_is_kept_in_the_month_of_its_date() -> None:
    found = documents(invoice("1", date(2024, 1, 31)), invoice("2", date(2024, 2, 1)))
    assert rows(kept(found, months=[JAN, FEB])) == [(JAN, "1", False), (FEB, "2", False)]


def test_a_closed_month_that_is_as_it_was_gives_no_news() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)))
    assert rows(kept(booked, months=[JAN, FEB], known=booked, closed={JAN})) == [(JAN, "1", False)]


def test_a_late_invoice_of_a_closed_month_is_kept_in_the_first_open_one_with_its_own_date() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)))
    found = booked + documents(invoice("late", date(2024, 1, 20)))
    result = kept(found, months=[JAN, FEB, MAR], known=booked, closed={JAN, FEB})
    assert (MAR, "late", False) in rows(result)
    (late,) = [row for row in result.headers.to_pylist() if row["month"] == MAR]
    assert late["date"] == date(2024, 1, 20)
    assert [row["invoice_id"] for row in result.of_months([MAR]).lines.to_pylist()] == ["late"]


def test_a_payment_of_a_closed_months_invoice_is_news() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)))
    paid = documents(invoice("1", date(2024, 1, 5), is_paid=True))
    assert rows(kept(paid, months=[JAN, FEB], known=booked, closed={JAN})) == [
        (JAN, "1", False),
        (FEB, "1", False),
    ]


def test_a_changed_line_is_news_though_the_head_is_the_same() -> None:
    booked = documents(invoice("1", date(2024, 1, 5), "100.00"))
    changed = documents(invoice("1", date(2024, 1, 5), "90.00"))
    assert (FEB, "1", False) in rows(kept(changed, months=[JAN, FEB], known=booked, closed={JAN}))


def test_a_document_that_is_gone_from_a_closed_month_is_marked_in_the_first_open_one() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)), invoice("2", date(2024, 1, 6)))
    found = documents(invoice("1", date(2024, 1, 5)))
    result = kept(found, months=[JAN, FEB], known=booked, closed={JAN})
    assert rows(result) == [(JAN, "1", False), (FEB, "2", True)]
    assert result.of_months([FEB]).lines.num_rows == 0
    again = newest(booked + result.of_months([FEB]))
    assert rows(kept(found, months=[JAN, FEB], known=again, closed={JAN})) == [(JAN, "1", False)]


def test_one_that_could_not_be_read_is_not_gone_and_stays_as_it_was_read_last() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)))
    stored = documents(invoice("2", date(2024, 2, 5), "70.00"))
    result = kept(
        NOTHING, months=[JAN, FEB], stored=stored, known=booked, closed={JAN}, unreadable={"1", "2"}
    )
    assert rows(result) == [(FEB, "2", False)]
    assert [str(row["net_amount"]) for row in result.lines.to_pylist()] == ["70.00"]


def test_news_stays_where_it_is_when_the_closed_month_is_not_read_again() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)))
    both = booked + documents(invoice("late", date(2024, 1, 20)))
    first = kept(both, months=[JAN, FEB], known=booked, closed={JAN})
    february = first.of_months([FEB])
    alone = kept(NOTHING, months=[FEB], stored=february, known=booked, closed={JAN})
    assert rows(alone) == rows(february) == [(FEB, "late", False)]


def test_without_the_first_open_month_the_news_is_not_kept_anywhere() -> None:
    booked = documents(invoice("1", date(2024, 1, 5)))
    both = booked + documents(invoice("late", date(2024, 1, 20)))
    result = kept(both, months=[JAN, MAR], known=booked, closed={JAN})
    assert {month for month, _, _ in rows(result)} == {JAN}


def test_each_closed_month_has_the_open_one_after_it() -> None:
    """January and March are closed, February is not: January's news is February's, and March's is April's."""
    found = documents(invoice("jan", date(2024, 1, 5)), invoice("mar", date(2024, 3, 5)))
    result = kept(found, months=[JAN, FEB, MAR, APR], closed={JAN, MAR})
    assert {(FEB, "jan", False), (APR, "mar", False)} <= set(rows(result))


def test_the_newest_row_of_a_document_is_that_of_its_latest_month() -> None:
    old = documents(invoice("1", date(2024, 1, 5), "100.00"))
    new = documents(invoice("1", date(2024, 1, 5), "60.00")).in_month(MAR)
    found = newest(old + new)
    assert rows(found) == [(MAR, "1", False)]
    assert [str(row["net_amount"]) for row in found.lines.to_pylist()] == ["60.00"]
