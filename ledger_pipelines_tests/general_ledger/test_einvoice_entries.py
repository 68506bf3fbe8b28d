"""The journal entries of electronic invoices: the rules' worked numbers, and what holds for every document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.en16931 import Document
from ledger_pipelines.general_ledger.einvoices.checks import failures_of
from ledger_pipelines.general_ledger.parties import Terms
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.general_ledger.books import balances, booked
from ledger_pipelines_tests.general_ledger.ubl import Ubl, entries, payable_line, read

EHF = SHARED_DATA / "ehf"
WORKED = {
    "01_norwegian_prepaid_rounding.xml": [
        *("Dr 6790 1460.50", "Dr 6790 1.00", "Cr 6790 25.00", "Dr 2710 365.13", "Dr 2711 0.15"),
        *("Dr 7740 0.22", "Cr 1480 1000.00", "Cr 2400 802.00"),
    ],
    "03_peppol_two_rates_charge_allowance.xml": [
        *("Dr 6790 5000.00", "Dr 6790 2000.00", "Dr 2710 1250.00", "Dr 2711 300.00", "Cr 2400 8550.00"),
    ],
    "04_peppol_negative_invoice.xml": ["Cr 6790 1325.00", "Cr 2710 331.25", "Dr 2400 1656.25"],
    "16_xr_reverse_charge.xml": ["Dr 6790 233.00", "Dr 2714 58.25", "Cr 2704 58.25", "Cr 2400 233.00"],
    "base-example.xml": ["Dr 6790 1325.00", "Dr 2710 331.25", "Cr 2400 1656.25"],
    "base-creditnote-correction.xml": ["Cr 6790 1325.00", "Cr 2710 331.25", "Dr 2400 1656.25"],
    "vat-category-E.xml": ["Dr 6790 1200.00", "Cr 2400 1200.00"],
}


def example(name: str) -> Document:
    path: Path = EHF / name
    if not path.is_file():
        pytest.skip(f"../shared/data/ehf/{name} is not here")
    document = read(path.read_bytes(), name)
    assert failures_of(document) == []
    return document


@pytest.mark.parametrize("name", WORKED)
def test_the_examples_are_posted_as_the_rules_say(name: str) -> None:
    journal = entries([example(name)], rate="25")
    assert booked(journal) == WORKED[name]


def test_of_the_norwegian_example_each_side_is_1827_and_its_kid_keeps_its_zeros() -> None:
    journal = entries([example("01_norwegian_prepaid_rounding.xml")])
    rows = journal.lines.to_pylist()
    assert [sum(row[side] or 0 for row in rows) for side in ("debit", "credit")] == [Decimal(1827)] * 2
    line = payable_line(journal)
    assert (line["kid"], line["due_date"], line["party"]) == (
        "0003434323213231",
        date(2013, 7, 20),
        "supplier:123456785",
    )
    categories = [(row["vat_category"], row["vat_rate"]) for row in rows if row["account"] == "6790"]
    assert categories == [("S", 25), ("S", 15), ("E", 0)]


@pytest.mark.parametrize("name", ["04_peppol_negative_invoice.xml", "base-creditnote-correction.xml"])
def test_what_takes_back_names_the_invoice_that_it_credits(name: str) -> None:
    line = payable_line(entries([example(name)]))
    assert (line["settles"], line["invoice_number"]) == ("ehf/supplier:GB983294/invoice/Snippet1", "Snippet1")


def test_a_document_without_a_due_date_is_due_on_its_own_day() -> None:
    line = payable_line(entries([example("vat-category-E.xml")]))
    assert (line["currency"], line["due_date"]) == ("GBP", date(2018, 8, 30))


def test_vat_that_differs_by_less_than_one_is_posted_as_it_is_stated() -> None:
    text = (EHF / "base-example.xml").read_text() if (EHF / "base-example.xml").is_file() else ""
    if not text:
        pytest.skip("../shared/data/ehf/base-example.xml is not here")
    text = text.replace(">331.25<", ">332.24<").replace(">1656.25<", ">1657.24<")
    document = read(text)
    assert failures_of(document) == []
    assert booked(entries([document])) == ["Dr 6790 1325.00", "Dr 2710 332.24", "Cr 2400 1657.24"]


def test_a_line_goes_to_the_account_that_it_names_else_the_documents_else_the_partys() -> None:
    lines = ("100 S 25", "200 S 25", "400 S 25")
    named = Ubl(lines=lines, costs={1: "6300", 2: "2400"}).document()
    assert booked(entries([named])) == [
        "Dr 6300 100.00",
        "Dr 6790 600.00",
        "Dr 2710 175.00",
        "Cr 2400 875.00",
    ]
    assert booked(entries([named], expense_account="6300"))[0] == "Dr 6300 700.00"
    of_document = Ubl(lines=lines, cost="6300", allowances_charges=("-50 S 25",)).document()
    assert booked(entries([of_document]))[0] == "Dr 6300 650.00"


def test_reverse_charge_at_home_and_without_a_rate() -> None:
    at_home = Ubl(lines=("100 AE 0",)).document()
    assert booked(entries([at_home], rate="25")) == [
        *("Dr 6790 100.00", "Dr 2717 25.00", "Cr 2707 25.00", "Cr 2400 100.00"),
    ]
    assert booked(entries([at_home])) == ["Dr 6790 100.00", "Cr 2400 100.00"]


def test_what_is_prepaid_in_full_leaves_no_open_item_and_what_is_zero_no_entry() -> None:
    paid = Ubl(prepaid="1250.00").document()
    assert booked(entries([paid])) == ["Dr 6790 1000.00", "Dr 2710 250.00", "Cr 1480 1250.00"]
    nothing = Ubl(lines=("0.00 S 25",), number="F-2").document()
    journal = entries([nothing, paid])
    assert journal.entries["source_id"].to_pylist() == ["supplier:123456785/invoice/F-1"]


def test_where_we_are_the_supplier_it_is_the_customers_debt() -> None:
    ours = Ubl(lines=("1000 S 25", "100 Z 0"), prepaid="50", rounding="0.40", kids=("0012",))
    sale = entries([ours.document()], side="sale")
    assert booked(sale) == [
        *("Cr 3000 1000.00", "Cr 3000 100.00", "Cr 2700 250.00", "Cr 7740 0.40", "Dr 2900 50.00"),
        "Dr 1500 1300.40",
    ]
    assert sale.entries["source_type"].to_pylist() == ["customer_invoice"]
    assert payable_line(sale)["kid"] == "0012"
    credit = replace(ours, kind="CreditNote", type_code="381", credited=("F-0",)).document()
    taken_back = entries([credit], side="sale")
    assert booked(taken_back)[-1] == "Cr 1500 1300.40"
    assert payable_line(taken_back)["settles"] == "ehf/supplier:123456785/invoice/F-0"


def test_of_several_credited_documents_none_is_settled_by_name_and_all_stand_in_the_reference() -> None:
    credit = Ubl(kind="CreditNote", type_code="381", credited=("F-1", "F-2"), number="K-1").document()
    line = payable_line(entries([credit]))
    assert (line["settles"], line["invoice_number"], line["reference"]) == (None, "K-1", "F-1 F-2")


@pytest.mark.parametrize(
    ("terms", "due"),
    [
        (Terms(), "2025-01-31"),
        (Terms(days=14), "2025-02-14"),
        (Terms(months=1), "2025-02-28"),
        (Terms(days=10, free_billing_month=True), "2025-02-10"),
        (Terms(days=10, months=1, free_billing_month=True), "2025-03-10"),
    ],
)
def test_without_a_due_date_the_partys_terms_count(terms: Terms, due: str) -> None:
    document = Ubl(issued="2025-01-31").document()
    assert payable_line(entries([document], terms=terms))["due_date"] == date.fromisoformat(due)
    dated = replace(document, due_date=date(2025, 5, 1))
    assert payable_line(entries([dated], terms=terms))["due_date"] == date(2025, 5, 1)


_CATEGORIES = st.sampled_from(["S 25", "S 15", "S 12", "Z 0", "E 0", "AE 0"])
_PARTS = st.lists(st.tuples(st.integers(-(10**7), 10**7), _CATEGORIES), min_size=1, max_size=4)
_EXTRAS = st.lists(st.tuples(st.integers(-(10**5), 10**5), _CATEGORIES), max_size=2)
_CENTS = st.none() | st.integers(-(10**6), 10**6)


def _cents(cents: int | None) -> str | None:
    return None if cents is None else f"{Decimal(cents) / 100:.2f}"


@st.composite
def drawn(draw: st.DrawFn) -> Ubl:
    return Ubl(
        lines=[f"{_cents(amount)} {category}" for amount, category in draw(_PARTS)],
        allowances_charges=[f"{_cents(amount)} {category}" for amount, category in draw(_EXTRAS)],
        prepaid=_cents(draw(_CENTS)),
        rounding=_cents(draw(st.none() | st.integers(-99, 99))),
    )


@settings(max_examples=25)
@given(st.lists(drawn(), min_size=1, max_size=8), st.sampled_from(["purchase", "sale"]))
def test_every_entry_balances_comes_to_what_is_due_and_its_credit_note_turns_it(
    found: list[Ubl], side: str
) -> None:
    invoices = [replace(one, number=f"F-{place}") for place, one in enumerate(found)]
    credits = [replace(one, kind="CreditNote", type_code="381") for one in invoices]
    documents = [one.document() for one in invoices]
    assert [failure for document in documents for failure in failures_of(document)] == []
    journal = entries(documents, side=side, rate="25")
    turned = entries([one.document() for one in credits], side=side, rate="25")
    assert balances(turned) == {account: -amount for account, amount in balances(journal).items()}
    due = sum((document.totals.payable for document in documents), Decimal(0))
    control, sign = ("2400", -1) if side == "purchase" else ("1500", 1)
    assert balances(journal).get(control, Decimal(0)) == sign * due
    net = sum((document.totals.net for document in documents), Decimal(0))
    goods = "6790" if side == "purchase" else "3000"
    assert balances(journal).get(goods, Decimal(0)) == -sign * net
