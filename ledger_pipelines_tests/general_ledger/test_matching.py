"""The worked numbers of the sub-ledgers (rules/general_ledger.md, Worked numbers), and each step of the matching."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ledger_pipelines.general_ledger.aging import age, days_overdue
from ledger_pipelines.general_ledger.due_dates import Terms, due_date
from ledger_pipelines.general_ledger.matched import Carried, PersonsMatch
from ledger_pipelines.general_ledger.sub_ledger import carried_from
from ledger_pipelines_tests.general_ledger.journals import (
    ACME,
    OTHER,
    VENDOR,
    Books,
    Entry,
    books,
    day,
    entry,
    invoice,
    payment,
    reversal,
)

pytestmark = pytest.mark.usefixtures("watched_frames")


def remaining(found: Books, on: str) -> dict[str, str]:
    """What remains of each item at the end of a day, by its source's id; paid ones apart."""
    return {key.removeprefix("books/"): f"{amount:.2f}" for key, amount in found.on(on).items() if amount}


def aged(found: Books, on: str) -> dict[str, str]:
    """The columns of the aging that have something, for all parties together."""
    dues = {row["item"]: row["due_date"] for row in found.ledger.rows.to_pylist()}
    left: dict[str, Decimal] = {}
    for row in found.ledger.transactions.to_pylist():
        if row["date"] <= day(on):
            left[row["item"]] = left.get(row["item"], Decimal(0)) + row["amount"]
    (total,) = age([("all", "EUR", dues[key], amount) for key, amount in left.items()], day(on)).values()
    return {name: f"{amount:.2f}" for name in type(total).__slots__ if (amount := getattr(total, name))}


def test_a_suppliers_invoice_makes_a_row() -> None:
    lines = [("6300", 10000, {}), ("2740", 2500, {}), ("2400", -12500, {"party": VENDOR})]
    found = books(entry("v1", "2025-03-10", lines, "vendor_invoice"))
    assert found.month("2025-03") == {"books/v1": (Decimal("12500.000"), "open")}


def test_a_customers_invoice_makes_a_row_with_its_kid() -> None:
    lines = [
        ("1500", 6250, {"party": ACME, "kid": "1234567890"}),
        ("3000", -5000, {}),
        ("2700", -1250, {}),
    ]
    (row,) = books(entry("i1", "2025-03-10", lines, "customer_invoice")).ledger.rows.to_pylist()
    assert (row["remaining_amount"], row["status"], row["kid"]) == (Decimal("6250.000"), "open", "1234567890")


def test_a_manual_line_makes_no_row() -> None:
    found = books(entry("m1", "2025-03-10", [("6300", 1000, {}), ("2400", -1000, {})], "manual"))
    assert found.ledger.rows.num_rows == 0
    assert [(line.reason, line.amount) for line in found.items.outside] == [("manual", 1_000_000)]


def test_lines_of_an_entry_for_one_party_and_side_are_one_item() -> None:
    lines = [
        ("1500", 100, {"party": ACME, "kid": "1"}),
        ("1500", 50, {"party": ACME, "kid": "2"}),
        ("1500", 25, {"party": OTHER}),
        ("3000", -175, {}),
    ]
    found = books(
        entry("i1", "2025-03-10", lines, "customer_invoice"), payment("p", "2025-03-11", 150, kid="2")
    )
    assert [item.amount for item in found.items.items if item.is_raising] == [150_000, 25_000]
    assert remaining(found, "2025-03-31") == {"i1": "25.00"}


def test_a_payment_in_two_parts() -> None:
    first = (invoice("i", "2025-01-10", 1250), payment("p1", "2025-01-20", 500))
    assert books(*first).month("2025-01") == {"books/i": (Decimal(750), "partially_paid")}
    both = books(*first, payment("p2", "2025-01-25", 750))
    assert both.month("2025-01") == {"books/i": (Decimal(0), "paid")}


def test_a_payment_of_too_much_leaves_a_credit() -> None:
    found = books(invoice("i", "2025-01-10", 1250), payment("p", "2025-01-20", 1300))
    assert found.month("2025-01") == {
        "books/i": (Decimal(0), "paid"),
        "books/p": (Decimal(-50), "partially_paid"),
    }
    assert sum(found.on("2025-01-31").values()) == -50


@pytest.mark.parametrize(("paid", "left"), [(25000, {"first": "24000.00"}), (26000, {"second": "23000.00"})])
def test_without_a_reference_the_exact_amount_goes_before_the_oldest(paid: int, left: dict[str, str]) -> None:
    found = books(
        invoice("first", "2024-12-01", 24000, due_date=day("2025-01-01")),
        invoice("second", "2025-01-08", 25000, due_date=day("2025-02-08")),
        payment("p", "2025-02-27", paid),
    )
    assert remaining(found, "2025-02-27") == left
    assert days_overdue(day("2025-01-01"), day("2025-02-27")) == 57


def test_two_rows_with_one_kid_are_paid_oldest_due_first() -> None:
    found = books(
        invoice("late", "2025-01-01", 500, kid="77", due_date=day("2025-02-28")),
        invoice("soon", "2025-01-02", 1000, kid="77", due_date=day("2025-01-31")),
        payment("p", "2025-01-20", 1200, kid="77"),
    )
    assert remaining(found, "2025-01-31") == {"late": "300.00"}


@pytest.mark.parametrize(
    ("number", "text", "fits"),
    [
        ("14", "Levbet (1814)", False),
        ("14", "invoice 14", False),
        ("814", "Levbet (1814)", False),
        ("1814", "Levbet (1814)", True),
        ("F-2025/7", "payment of f-2025/7, thanks", True),
        ("F-2025/7", "payment of F-2025/77", False),
        ("2025", "A2025", False),
    ],
)
def test_a_number_stands_in_a_text_as_a_whole_word_of_three(number: str, text: str, fits: bool) -> None:
    found = books(
        invoice("other", "2025-01-01", 70, due_date=day("2025-01-05")),
        invoice("named", "2025-01-02", 100, invoice_number=number, due_date=day("2025-02-05")),
        payment("p", "2025-01-20", 60, description=text),
    )
    assert remaining(found, "2025-01-31")["named"] == ("40.00" if fits else "100.00")
    assert found.matched_by() == {"invoice_number" if fits else "oldest_due"}


def test_a_later_invoice_takes_an_earlier_payment_only_if_one_names_the_other() -> None:
    def paid_before(**reference: str) -> dict[str, str]:
        found = books(
            payment("p", "2025-01-30", 500, **reference),
            invoice("i", "2025-01-31", 500, due_date=day("2025-02-28"), **reference),
        )
        return aged(found, "2025-01-31") if remaining(found, "2025-01-31") else {}

    assert paid_before() == {"not_due": "500.00", "unallocated_credits": "-500.00"}
    assert paid_before(kid="1234") == {}


def test_a_row_paid_in_advance_ages_by_its_due_date() -> None:
    found = books(
        invoice("i", "2016-11-01", 10000, due_date=day("2017-02-28")),
        payment("p1", "2016-11-30", 1000),
        payment("p2", "2017-01-30", 2000),
        until="2017-04-04",
    )
    assert aged(found, "2016-12-31") == {"not_due": "9000.00"}
    assert aged(found, "2017-04-04") == {"days_31_60": "7000.00"}


@pytest.mark.parametrize(
    ("on", "column"),
    [
        ("2025-03-31", "not_due"),
        ("2025-04-01", "days_1_30"),
        ("2025-04-30", "days_1_30"),
        ("2025-05-01", "days_31_60"),
    ],
)
def test_due_on_the_last_of_march(on: str, column: str) -> None:
    found = books(invoice("i", "2025-03-01", 10, due_date=day("2025-03-31")), until=on)
    assert aged(found, on) == {column: "10.00"}


def closed_until(found: Books, on: str) -> Carried:
    """What closing the months before a day leaves."""
    return carried_from(found.ledger.transactions, list(found.matching.items.values()), day(on))


def test_an_invoice_of_a_closed_month_is_reversed_in_the_first_open_one() -> None:
    january = (invoice("i", "2025-01-10", 1000), payment("p", "2025-01-20", 1000))
    taken_back = reversal(january[0], "2025-02-05")
    closed = books(*january)
    assert closed.month("2025-01") == {"books/i": (Decimal(0), "paid")}
    carried = closed_until(closed, "2025-02-01")
    for found in (books(*january, taken_back), books(*january, taken_back, carried=carried)):
        assert found.month("2025-02") == {
            "books/i": (Decimal(0), "paid"),
            "books/p": (Decimal(-1000), "open"),
        }
        february = [row for row in found.ledger.transactions.to_pylist() if row["month"] == day("2025-02-01")]
        assert {(row["voucher"], row["type"], row["amount"]) for row in february} == {
            ("books/i", "reversal", Decimal(1000)),
            ("books/p", "reversal", Decimal(-1000)),
            ("books/i", "reversal", Decimal(-1000)),
        }


def test_the_corrected_invoice_takes_the_payment_of_the_one_that_it_replaces() -> None:
    first = invoice("i", "2025-01-10", 1000)
    again = invoice("i", "2025-02-05", 1200, revision=2)
    paid = payment("p", "2025-01-20", 1000, settles="books/i")
    found = books(first, paid, reversal(first, "2025-02-05"), again)
    assert remaining(found, "2025-02-28") == {"i#2": "200.00"}


def test_a_payment_that_is_taken_back_opens_its_invoice_again() -> None:
    paid = payment("p", "2025-01-20", 1000)
    found = books(invoice("i", "2025-01-10", 1000), paid, reversal(paid, "2025-02-05"))
    assert remaining(found, "2025-01-31") == {}
    assert remaining(found, "2025-02-28") == {"i": "1000.00"}


def test_a_reversal_of_a_reversal_brings_the_row_back() -> None:
    first = invoice("i", "2025-01-10", 1000)
    back = reversal(first, "2025-02-05")
    found = books(first, back, reversal(back, "2025-02-06"))
    assert remaining(found, "2025-02-05") == {}
    assert remaining(found, "2025-02-28") == {"i": "1000.00"}


def test_a_credit_note_pays_the_invoice_that_it_credits() -> None:
    found = books(
        invoice("old", "2025-01-01", 1656, due_date=day("2025-01-02")),
        invoice("i", "2025-01-10", "1656.25", invoice_number="Snippet1", due_date=day("2025-03-01")),
        payment("c", "2025-01-20", "1656.25", invoice_number="Snippet1", source_type="credit_note"),
    )
    assert remaining(found, "2025-01-31") == {"old": "1656.00"}
    (row,) = [one for one in found.ledger.transactions.to_pylist() if one["settlement"]]
    assert (row["type"], row["matched_by"]) == ("credit_note", "invoice_number")


def test_a_payment_that_names_a_paid_invoice_pays_no_other() -> None:
    found = books(
        invoice("i", "2025-01-10", 1000),
        invoice("other", "2025-01-11", 700),
        payment("p1", "2025-01-20", 1000, settles="books/i"),
        payment("p2", "2025-01-21", 1000, settles="books/i"),
    )
    assert remaining(found, "2025-01-31") == {"other": "700.00", "p2": "-1000.00"}


def test_of_several_rows_of_the_exact_amount_the_oldest_is_paid() -> None:
    found = books(
        invoice("third", "2025-01-10", 50, due_date=day("2025-01-30")),
        invoice("second", "2025-01-10", 100, due_date=day("2025-01-20")),
        invoice("first", "2025-01-11", 100, due_date=day("2025-01-19")),
        payment("p", "2025-01-21", 100),
    )
    assert remaining(found, "2025-01-31") == {"third": "50.00", "second": "100.00"}
    assert found.matched_by() == {"oldest_due"}


def test_a_refund_takes_the_credit_that_it_pays_out() -> None:
    found = books(
        invoice("i", "2025-01-10", 1250),
        payment("p", "2025-01-20", 1300, settles="books/i"),
        payment("back", "2025-01-25", -50, settles="books/i"),
    )
    assert remaining(found, "2025-01-24") == {"p": "-50.00"}
    assert remaining(found, "2025-01-25") == {}


def test_a_refund_of_a_paid_invoice_opens_it_again() -> None:
    found = books(
        invoice("i", "2025-01-10", 1250),
        payment("p", "2025-01-20", 1250, settles="books/i"),
        payment("back", "2025-01-25", -50, settles="books/i"),
    )
    assert remaining(found, "2025-01-25") == {"i": "50.00"}


def test_what_a_refund_opens_again_is_paid_by_what_names_it() -> None:
    """The credit note came before the payment, and is paid back: the payment pays the invoice after all."""
    credit = {"source_type": "credit_note", "settles": "books/i"}
    found = books(
        invoice("i", "2025-01-10", 100),
        payment("c", "2025-01-10", 100, **credit),
        payment("p", "2025-01-12", 100, settles="books/i"),
        payment("r", "2025-01-25", -100, settles="books/c"),
    )
    assert remaining(found, "2025-01-24") == {"p": "-100.00"}
    assert remaining(found, "2025-01-25") == {}


def test_a_refund_that_names_nothing_takes_the_oldest_credits_and_is_a_row_with_the_rest() -> None:
    found = books(
        payment("new", "2025-01-21", 30),
        payment("old", "2025-01-20", 40),
        payment("back", "2025-01-25", -60),
        payment("more", "2025-01-26", -25),
    )
    assert remaining(found, "2025-01-25") == {"new": "-10.00"}
    assert remaining(found, "2025-01-26") == {"more": "15.00"}


def test_an_exchange_difference_takes_what_tolerance_left() -> None:
    difference = [
        ("8160", -Decimal("0.40"), {}),
        ("1500", Decimal("0.40"), {"party": ACME, "settles": "books/i"}),
    ]
    found = books(
        invoice("i", "2025-01-10", 100),
        payment("p", "2025-01-20", "100.40", settles="books/i"),
        entry("d", "2025-01-20", difference, "payment"),
    )
    assert remaining(found, "2025-01-31") == {}


def test_openings_make_a_row_or_a_credit_for_each_party() -> None:
    lines = [
        ("1500", 300, {"party": ACME}),
        ("1500", -200, {"party": OTHER}),
        ("1500", -100, {}),
    ]
    found = books(entry("o", "2025-01-01", lines, "opening"))
    assert [
        (row["kind"], row["remaining_amount"], row["due_date"]) for row in found.ledger.rows.to_pylist()
    ] == [
        ("opening", Decimal(300), day("2025-01-01")),
        ("credit", Decimal(-200), None),
    ]
    assert [(line.reason, line.amount) for line in found.items.outside] == [("openings", -100_000)]


def nobodys(source_id: str, on: str, amount: int, **reference: str) -> Entry:
    """A payment that names no party."""
    return payment(source_id, on, amount, party=None, source_type="imported", **reference)


def test_a_payment_without_a_party_settles_what_it_names() -> None:
    found = books(
        invoice("i", "2025-01-10", 1000, invoice_number="123456"),
        nobodys("p", "2025-01-20", 1200, reference="123456"),
    )
    assert remaining(found, "2025-01-31") == {"p": "-200.00"}
    assert found.matching.parties["books/p:2"] == ACME


def test_a_payment_without_a_party_waits_for_the_row_that_it_names() -> None:
    found = books(nobodys("p", "2025-01-20", 1000, kid="55"), invoice("i", "2025-02-10", 1000, kid="55"))
    assert remaining(found, "2025-01-31") == {}
    assert remaining(found, "2025-02-28") == {}
    assert found.matching.party_days == {"books/p:2": day("2025-02-10")}


def test_a_payment_that_fits_rows_of_two_parties_settles_none_of_them() -> None:
    found = books(
        invoice("a", "2025-01-10", 1000, invoice_number="1001"),
        invoice("b", "2025-01-10", 1000, OTHER, invoice_number="1001"),
        nobodys("p", "2025-01-20", 1000, reference="1001"),
    )
    assert remaining(found, "2025-01-31") == {"a": "1000.00", "b": "1000.00"}
    (ambiguous,) = found.matching.ambiguous
    assert (ambiguous.item.id, ambiguous.parties) == ("books/p:2", (OTHER, ACME))


def said(settlement: str, item: str, amount: int, number: int = 1) -> PersonsMatch:
    return PersonsMatch(number, f"books/{settlement}:2", f"books/{item}:1", amount * 1000)


def test_a_person_goes_before_every_other_rule() -> None:
    entries = (
        invoice("a", "2025-01-10", 1000, kid="1"),
        invoice("b", "2025-01-11", 1000, kid="2"),
        payment("p", "2025-01-20", 1000, kid="1"),
        payment("q", "2025-01-19", 400, kid="2"),
    )
    assert remaining(books(*entries), "2025-01-31") == {"b": "600.00"}
    found = books(*entries, persons=[said("p", "b", 700)])
    # What a person keeps for p is not there for q.
    assert remaining(found, "2025-01-31") == {"a": "700.00", "q": "-100.00"}
    assert remaining(found, "2025-01-19") == {"a": "1000.00", "b": "700.00", "q": "-100.00"}


def test_a_persons_match_never_takes_more_than_there_is() -> None:
    found = books(
        invoice("a", "2025-01-10", 100), payment("p", "2025-01-20", 250), persons=[said("p", "a", 900)]
    )
    assert remaining(found, "2025-01-31") == {"p": "-150.00"}


def test_a_persons_match_of_another_customers_row_is_refused() -> None:
    found = books(
        invoice("a", "2025-01-10", 100, OTHER), payment("p", "2025-01-20", 100), persons=[said("p", "a", 100)]
    )
    assert remaining(found, "2025-01-31") == {"a": "100.00", "p": "-100.00"}
    assert [one.id for one in found.matching.misfits] == [1]


def test_a_person_says_whose_an_ambiguous_payment_is() -> None:
    found = books(
        invoice("a", "2025-01-10", 1000, invoice_number="1001"),
        invoice("b", "2025-01-10", 1000, OTHER, invoice_number="1001"),
        nobodys("p", "2025-01-20", 1000, reference="1001"),
        persons=[said("p", "b", 1000)],
    )
    assert remaining(found, "2025-01-31") == {"a": "1000.00"}
    assert found.matching.ambiguous == []


def test_what_a_person_says_of_closed_months_counts_from_the_first_open_day() -> None:
    january = (
        invoice("a", "2025-01-10", 1000),
        invoice("b", "2025-01-11", 1000),
        payment("p", "2025-01-20", 1000, settles="books/a"),
    )
    carried = closed_until(books(*january), "2025-02-01")
    found = books(*january, persons=[said("p", "b", 1000)], carried=carried, until="2025-02-28")
    assert found.month("2025-02") == {
        "books/a": (Decimal(1000), "open"),
        "books/b": (Decimal(0), "paid"),
        "books/p": (Decimal(0), "paid"),
    }
    assert {row["date"] for row in found.ledger.transactions.to_pylist()} == {day("2025-02-01")}


def test_a_match_that_is_taken_back_is_undone_in_the_first_open_month() -> None:
    january = (
        invoice("a", "2025-01-10", 1000),
        invoice("b", "2025-01-11", 1000),
        payment("p", "2025-01-20", 1000, settles="books/a"),
    )
    closed = books(*january, persons=[said("p", "b", 1000)])
    carried = closed_until(closed, "2025-02-01")
    assert remaining(closed, "2025-01-31") == {"a": "1000.00"}
    still = books(*january, persons=[said("p", "b", 1000)], carried=carried, until="2025-02-28")
    assert still.ledger.transactions.num_rows == 0
    undone = books(*january, carried=carried, until="2025-02-28")
    assert undone.month("2025-02")["books/b"] == (Decimal(1000), "open")
    assert undone.month("2025-02")["books/a"] == (Decimal(0), "paid")


def test_before_the_synchronisation_only_what_fits_one_invoice_counts() -> None:
    start = day("2025-02-01")
    lines = [("1500", 900, {"party": ACME, "due_date": start}), ("3000", -900, {})]
    found = books(
        entry("loose", "2025-01-05", lines),
        invoice("i", "2025-01-10", 1000, invoice_number="A-1001"),
        invoice("x1", "2025-01-10", 70),
        invoice("x2", "2025-01-10", 70),
        payment("fits", "2025-01-20", 400, reference="A-1001"),
        payment("exact", "2025-01-21", 600),
        payment("several", "2025-01-22", 70),
        payment("none", "2025-01-23", 55),
        sync_start=start,
    )
    assert remaining(found, "2025-01-31") == {"x1": "70.00", "x2": "70.00"}
    assert set(found.matching.excluded) == {"books/loose:1", "books/several:2", "books/none:2"}
    assert [one.item.id for one in found.matching.ambiguous] == ["books/several:2"]


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        (Terms(), "2025-01-31"),
        (Terms(days=14), "2025-02-14"),
        (Terms(months=1), "2025-02-28"),
        (Terms(days=10, months=1), "2025-03-10"),
        (Terms(days=10, is_free_billing_month=True), "2025-02-10"),
    ],
)
def test_a_due_date_follows_the_partys_terms(terms: Terms, due: str) -> None:
    assert due_date(day("2025-01-31"), terms) == day(due)
    (item,) = books(invoice("i", "2025-01-31", 1), terms={ACME: terms}).items.items
    assert item.due == day(due)


def test_a_free_billing_month_counts_from_the_months_end() -> None:
    assert due_date(day("2025-01-05"), Terms(days=15, is_free_billing_month=True)) == day("2025-02-15")
