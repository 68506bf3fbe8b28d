"""What documents come to for a client and a service, month by month."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_pipelines.closing.restatement import marked
from ledger_pipelines.invoicing.contracts import (
    CONTRACTS,
    contract_movements,
    split_by_document,
)
from ledger_pipelines.invoicing.documents import Documents, month_documents, newest
from ledger_pipelines_tests.invoicing.building import SERVICES, documents

JAN, FEB, MAR, APR = MONTHS = [date(2024, number, 1) for number in (1, 2, 3, 4)]
NOTHING = documents()
NONE_BOOKED = CONTRACTS.empty_table()


def booking(found: Documents, booked: pa.Table = NONE_BOOKED) -> pa.Table:
    frame = contract_movements(found, booked, SERVICES)
    assert frame.schema.equals(CONTRACTS)
    return frame


def movements(found: Documents, booked: pa.Table = NONE_BOOKED) -> list[tuple[Any, ...]]:
    names = ("month", "contact_id", "service_id", "currency", "document_id", "contract_date", "amount")
    return [tuple(row[name] for name in names) for row in booking(found, booked).to_pylist()]


def as_before(rows: pa.Table) -> pa.Table:
    """The rows as they were kept before documents were told apart."""
    of_contract = ["month", "contact_id", "service_id", "currency"]
    sums = rows.group_by(of_contract).aggregate([("contract_date", "min"), ("amount", "sum")])
    kept = sums.rename_columns([*of_contract, "contract_date", "amount"])
    for place, field in enumerate(CONTRACTS):
        if field.name not in kept.column_names:
            values = pa.repeat("", kept.num_rows) if field.name == "document_id" else pa.nulls(kept.num_rows)
            kept = kept.add_column(place, field.name, values)
    return kept.cast(CONTRACTS)


def test_each_document_of_a_contracts_month_is_the_sum_of_its_service_lines() -> None:
    """Two invoices of January; a book, which is no service, is none of the contract."""
    found = documents(
        {"id": "1", "date": date(2024, 1, 20), "lines": [("bootcamp", "100.00"), ("book", "9.99")]},
        {"id": "2", "date": date(2024, 1, 10), "lines": [("bootcamp", "50.00"), ("evening", "20.00")]},
    )
    assert movements(found) == [
        (JAN, "ada", "bootcamp", "EUR", "1", date(2024, 1, 20), Decimal("100.00")),
        (JAN, "ada", "bootcamp", "EUR", "2", date(2024, 1, 10), Decimal("50.00")),
        (JAN, "ada", "evening", "EUR", "2", date(2024, 1, 10), Decimal("20.00")),
    ]


def test_a_line_may_name_its_service_by_the_account_number() -> None:
    found = documents({"id": "1", "date": JAN, "lines": [("70500002", "20.00")]})
    assert [row[2] for row in movements(found)] == ["evening"]


def test_a_credit_note_is_negative() -> None:
    found = documents(
        {"id": "1", "date": JAN, "lines": [("bootcamp", "100.00")]},
        {"id": "2", "date": FEB, "document_type": "creditnote", "lines": [("bootcamp", "30.00")]},
    )
    assert [row[6] for row in movements(found)] == [Decimal("100.00"), Decimal("-30.00")]


def test_drafts_and_cancelled_documents_and_those_of_nobody_do_not_count() -> None:
    line = [("bootcamp", "100.00")]
    found = documents(
        {"id": "1", "date": JAN, "is_draft": True, "lines": line},
        {"id": "2", "date": JAN, "is_cancelled": True, "lines": line},
        {"id": "3", "date": JAN, "contact_id": None, "lines": line},
    )
    assert movements(found) == []


def test_two_currencies_are_two_contracts() -> None:
    found = documents(
        {"id": "1", "date": JAN, "lines": [("bootcamp", "100.00")]},
        {"id": "2", "date": JAN, "currency": "USD", "lines": [("bootcamp", "80.00")]},
    )
    assert [(row[3], row[6]) for row in movements(found)] == [
        ("EUR", Decimal("100.00")),
        ("USD", Decimal("80.00")),
    ]


def test_a_credit_note_says_what_it_was_made_from_and_an_invoice_nothing() -> None:
    line = [("bootcamp", "100.00")]
    found = documents(
        {"id": "1", "date": JAN, "source_document_id": "estimate", "lines": line},
        {"id": "2", "date": FEB, "document_type": "creditnote", "source_document_id": "1", "lines": line},
        {"id": "3", "date": FEB, "document_type": "creditnote", "lines": line},
    )
    told = [
        (row["document_type"], row["document_date"], row["made_from"]) for row in booking(found).to_pylist()
    ]
    assert told == [("invoice", JAN, None), ("creditnote", FEB, "1"), ("creditnote", FEB, None)]


def invoice(amount: str, **more: Any) -> dict[str, Any]:
    return {"id": "1", "date": date(2024, 1, 5), "lines": [("bootcamp", amount)], **more}


def test_a_restated_document_moves_the_contract_by_the_difference() -> None:
    booked = booking(documents(invoice("100.00")))
    now = documents(invoice("70.00")).in_month(MAR)
    assert movements(now, booked) == [
        (MAR, "ada", "bootcamp", "EUR", "1", date(2024, 1, 5), Decimal("-30.00"))
    ]


def test_what_closed_months_hold_of_a_document_is_the_sum_of_all_that_they_booked() -> None:
    """January booked 100 and March, closed as well, 30 less; then January is open again and read again."""
    january, march = documents(invoice("100.00")), documents(invoice("70.00")).in_month(MAR)
    of_march = booking(march, booking(january))
    again = documents(invoice("70.00"))
    assert [row[6] for row in movements(again, of_march)] == [Decimal("100.00")]


def test_an_invoice_of_another_client_is_taken_off_the_one_and_put_on_the_other() -> None:
    """A contact was merged into another: the invoice keeps its id, and its date."""
    booked = booking(documents(invoice("6000.00")))
    now = documents(invoice("6000.00", contact_id="grace")).in_month(APR)
    assert movements(now, booked) == [
        (APR, "ada", "bootcamp", "EUR", "1", date(2024, 1, 5), Decimal("-6000.00")),
        (APR, "grace", "bootcamp", "EUR", "1", date(2024, 1, 5), Decimal("6000.00")),
    ]


def test_a_document_that_is_gone_is_taken_off() -> None:
    booked = booking(documents(invoice("100.00")))
    gone = documents(invoice("100.00", lines=[])).in_month(MAR)
    gone = Documents(marked(gone.headers, is_removed=True), gone.lines)
    assert [row[:5] + row[6:] for row in movements(gone, booked)] == [
        (MAR, "ada", "bootcamp", "EUR", "1", Decimal("-100.00"))
    ]


def test_a_payment_of_an_old_invoice_is_no_movement() -> None:
    booked = booking(documents(invoice("100.00")))
    paid = documents(invoice("100.00", is_paid=True))
    assert movements(paid.in_month(MAR), booked) == []


def test_another_date_of_an_old_invoice_is_told_though_its_amount_is_the_same() -> None:
    booked = booking(documents(invoice("100.00")))
    moved = documents(invoice("100.00", date=date(2024, 2, 5))).in_month(MAR)
    assert movements(moved, booked) == [
        (MAR, "ada", "bootcamp", "EUR", "1", date(2024, 2, 5), Decimal("0.00"))
    ]


def test_what_was_closed_before_documents_were_told_apart_is_restated_by_document() -> None:
    closed = documents(invoice("100.00"), {"id": "2", "date": JAN, "lines": [("bootcamp", "50.00")]})
    held = split_by_document(as_before(booking(closed)), closed, SERVICES)
    now = documents(invoice("70.00")).in_month(MAR)
    assert [row[4:] for row in movements(now, held)] == [("1", date(2024, 1, 5), Decimal("-30.00"))]


DAYS = st.dates(JAN, date(2024, 4, 30))
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "date": DAYS,
            "document_type": st.sampled_from(["invoice", "creditnote"]),
            "contact_id": st.sampled_from(["ada", "grace"]),
            "currency": st.sampled_from(["EUR", "USD"]),
            "is_cancelled": st.booleans(),
            "lines": st.lists(
                st.tuples(
                    st.sampled_from(["bootcamp", "evening", "book"]),
                    st.decimals(0, 5000, places=2).map(str),
                ),
                min_size=1,
                max_size=3,
            ),
        }
    ),
    max_size=8,
)


#: Ten clients' worlds at once, each with documents and contacts of its own.
WORLDS = 10


def together(worlds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The documents of all worlds, numbered within each."""
    return [
        {**one, "id": f"{world} {place}", "contact_id": f"{world} {one['contact_id']}"}
        for world, given_documents in enumerate(worlds)
        for place, one in enumerate(given_documents)
    ]


def worlds() -> st.SearchStrategy[list[list[dict[str, Any]]]]:
    return st.lists(DOCUMENTS, min_size=WORLDS, max_size=WORLDS)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), worlds(), st.integers(0, 3))
def test_whatever_was_closed_before_contracts_come_to_what_is_now_at_the_source(
    first: list[list[dict[str, Any]]], second: list[list[dict[str, Any]]], closed_count: int
) -> None:
    """Documents change, come and go after some months were closed; each month's own rows never change."""
    before, now = documents(*together(first)), documents(*together(second))
    closed = set(MONTHS[:closed_count])
    booked = month_documents(before, NOTHING, NOTHING, months=MONTHS, closed=set()).of_months(closed)
    held = booking(booked)
    kept = month_documents(now, NOTHING, newest(booked), months=MONTHS, closed=closed)
    opened = kept.of_months(set(MONTHS) - closed)
    rows = [*movements(booked), *movements(opened, held)]
    assert movements(opened, split_by_document(as_before(held), booked, SERVICES)) == movements(opened, held)

    totals: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for _, contact, service, currency, _, _, amount in rows:
        totals[contact, service, currency] += amount
    expected: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for document in together(second):
        sign = -1 if document["document_type"] == "creditnote" else 1
        for account, amount in document["lines"]:
            if account != "book" and not document["is_cancelled"]:
                key = (document["contact_id"], account, document["currency"])
                expected[key] += sign * Decimal(amount)
    assert {key: total for key, total in totals.items() if total} == {
        key: total for key, total in expected.items() if total
    }
    assert len({row[:5] for row in rows}) == len(rows)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(
    given_worlds: list[list[dict[str, Any]]], random: Any
) -> None:
    numbered = together(given_worlds)
    shuffled = random.sample(numbered, len(numbered))
    assert movements(documents(*numbered)) == movements(documents(*shuffled))


def test_the_last_day_of_a_month_belongs_to_it() -> None:
    last = date(2024, 2, 29)
    found = documents({"id": "1", "date": last, "lines": [("bootcamp", "1.00")]})
    assert [row[0] for row in movements(found)] == [FEB]
    later = documents({"id": "1", "date": last + timedelta(days=1), "lines": [("bootcamp", "1.00")]})
    assert [row[0] for row in movements(later)] == [MAR]
