"""Holded's documents and payments in the journal, as a bookkeeper would write them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.general_ledger import invoices, statements
from ledger_pipelines.general_ledger.vat import shared
from ledger_pipelines_tests.general_ledger.books import (
    APRIL,
    MARCH,
    PARTIES,
    balances,
    booked,
    chart,
    deferred_table,
    invoice,
    invoices_table,
    line,
    lines_table,
    payment,
    payments_table,
)

_NOBODY = pa.table({"id": pa.array([], pa.string())})


def posted(documents: list[dict[str, Any]], lines: list[dict[str, Any]], *deferred: Any) -> invoices.Posted:
    return invoices.invoice_entries(
        invoices_table(documents), lines_table(lines), deferred_table(*deferred), PARTIES, chart()
    )


def paid(payments: list[dict[str, Any]], uncounted: pa.Table = _NOBODY) -> invoices.Posted:
    return invoices.payment_entries(payments_table(payments), uncounted, PARTIES, chart())


def test_an_invoice_for_a_contract_is_deferred_and_recognised_by_its_accruals() -> None:
    """Holded invoice 1000 + 21 %, contract, accruals 600 and 400."""
    document = invoice("a", "1000", "210")
    invoiced = posted([document], [line(document, "1000")], (document, "1000")).journal
    assert booked(invoiced) == ["Dr 1500 1210.00", "Cr 2965 1000.00", "Cr 2700 210.00"]
    contract = {
        "contact_id": "c1",
        "service_id": "s",
        "currency": "EUR",
        "contract_number": 1,
        "reason": "portion",
    }
    rows = [
        contract | {"month": month, "recognised": Decimal(amount)}
        for month, amount in ((MARCH, 600), (APRIL, 400))
    ]
    accrued = statements.accrual_entries(pa.Table.from_pylist(rows, statements.MONTHLY_ACCRUALS), chart())
    assert booked(accrued, "accruals/2025-03/c1/s/EUR/1") == ["Dr 2965 600.00", "Cr 3000 600.00"]
    assert booked(accrued, "accruals/2025-04/c1/s/EUR/1") == ["Dr 2965 400.00", "Cr 3000 400.00"]
    assert balances(accrued)["3000"] == Decimal(-1000)
    assert balances(invoiced)["2965"] + balances(accrued)["2965"] == 0
    assert balances(invoiced)["2965"] + Decimal(600) == Decimal(-400)


def test_what_the_total_lacks_is_withheld_tax_where_the_lines_have_a_retention() -> None:
    """Holded: subtotal 1000, tax 210, retention 15 %, total 1060."""
    document = invoice("a", "1000", "210", total="1060")
    found = posted([document], [line(document, "1000", retention="15")])
    assert booked(found.journal) == ["Dr 1500 1060.00", "Dr 1579 150.00", "Cr 3000 1000.00", "Cr 2700 210.00"]
    assert found.problems == []


def test_a_credit_note_is_the_reverse_and_names_what_it_credits() -> None:
    note = invoice(
        "n", "200", "42", document_type="creditnote", source_document_id="a", document_number="CN1"
    )
    found = posted([note], [line(note, "200")], (note, "-200")).journal
    assert booked(found) == ["Cr 1500 242.00", "Dr 2965 200.00", "Dr 2700 42.00"]
    assert found.entries["source_type"].to_pylist() == ["credit_note"]
    first = found.lines.to_pylist()[0]
    assert (first["settles"], first["party"], first["invoice_number"]) == (
        "holded/a",
        "customer:holded:c1",
        "CN1",
    )


def test_a_negative_invoice_stands_on_the_other_side_and_one_of_nothing_nowhere() -> None:
    negative, nothing = invoice("m", "-100", "-21"), invoice("z", "0")
    found = posted([negative, nothing], [line(negative, "-100")]).journal
    assert booked(found) == ["Cr 1500 121.00", "Dr 3000 100.00", "Dr 2700 21.00"]


def test_part_of_an_invoice_for_a_contract_defers_that_part_alone() -> None:
    document = invoice("a", "1000", "210")
    found = posted([document], [line(document, "1000")], (document, "700")).journal
    assert booked(found) == ["Dr 1500 1210.00", "Cr 2965 700.00", "Cr 3000 300.00", "Cr 2700 210.00"]


def test_each_rate_of_vat_goes_to_its_account_and_one_without_to_the_highest() -> None:
    document = invoice("a", "300", "62.25")
    lines = [
        line(document, "100", "25"),
        line(document, "150", "15", number=2),
        line(document, "50", "29.5", number=3),
    ]
    found = posted([document], lines)
    assert booked(found.journal)[2:] == ["Cr 2701 22.50", "Cr 2700 25.00", "Cr 2700 14.75"]
    assert [row["vat_base"] for row in found.journal.lines.to_pylist()[2:]] == [150, 100, 50]


def test_a_line_without_a_rate_takes_its_part_of_the_base() -> None:
    document = invoice("a", "300", "42")
    found = posted([document], [line(document, "200", "21"), line(document, "100", None, number=2)])
    [vat] = [row for row in found.journal.lines.to_pylist() if row["account"] == "2700"]
    assert (vat["credit"], vat["vat_rate"], vat["vat_base"]) == (42, 21, 200)
    unknown = posted([document], [line(document, "300", None)])
    [vat] = [row for row in unknown.journal.lines.to_pylist() if row["account"] == "2700"]
    assert (vat["credit"], vat["vat_rate"], vat["vat_base"]) == (42, None, 300)


@pytest.mark.parametrize("flag", ["is_draft", "is_cancelled", "is_removed"])
def test_a_document_that_does_not_count_has_no_entry_and_is_named_as_gone(flag: str) -> None:
    found = posted([invoice("a", "100", **{flag: True}), invoice("b", "50")], [])
    assert booked(found.journal) == ["Dr 1500 50.00", "Cr 3000 50.00"]
    assert found.gone.to_pylist() == [{"month": MARCH, "source_system": "holded", "source_id": "a"}]


def test_news_of_a_closed_month_counts_on_the_first_day_of_the_month_that_took_it() -> None:
    late = invoice("a", "100", day=date(2025, 3, 10)) | {"month": APRIL}
    entry = posted([late], []).journal.entries.to_pylist()[0]
    assert (entry["month"], entry["posting_date"], entry["document_date"]) == (
        APRIL,
        APRIL,
        date(2025, 3, 10),
    )


def test_a_document_whose_figures_do_not_add_up_is_named_with_its_amount() -> None:
    """Nothing is withheld, and 10.00 are missing; of another one, a cent that rounding explains."""
    odd, rounding = invoice("a", "100", "21", total="111"), invoice("b", "100", "21", total="120.99")
    found = posted([odd, rounding], [line(odd, "100"), line(rounding, "100")])
    assert booked(found.journal, "holded/a") == [
        "Dr 1500 111.00",
        "Dr 7740 10.00",
        "Cr 3000 100.00",
        "Cr 2700 21.00",
    ]
    assert [problem.external_id for problem in found.problems] == ["a"]
    assert "10.00 EUR" in found.problems[0].message


def test_a_document_of_nobody_has_no_party() -> None:
    """A missing contact is not the contact of another missing one."""
    parties = pa.table({"source_id": pa.array([None, "c1"]), "party": ["customer:x", "customer:y"]})
    found = invoices.invoice_entries(
        invoices_table([invoice("a", "100", contact_id=None)]),
        lines_table([]),
        deferred_table(),
        parties,
        chart(),
    )
    assert found.journal.lines["party"].to_pylist() == [None, None]


def test_payments_refunds_and_payments_of_credit_notes() -> None:
    document = invoice("a", "100")
    note = invoice("n", "40", document_type="creditnote", document_number="CN1")
    found = paid(
        [
            payment("p1", document, "60", date(2025, 3, 20)),
            payment("p2", document, "-10", date(2025, 4, 2)),
            payment("p3", note, "40", date(2025, 4, 3)),
            payment("p4", document, "5", date(2025, 4, 3), is_removed=True),
        ]
    )
    assert booked(found.journal, "holded/p1") == ["Dr 1920 60.00", "Cr 1500 60.00"]
    assert booked(found.journal, "holded/p2") == ["Cr 1920 10.00", "Dr 1500 10.00"]
    assert booked(found.journal, "holded/p3") == ["Cr 1920 40.00", "Dr 1500 40.00"]
    assert found.journal.entries["month"].to_pylist() == [MARCH, APRIL, APRIL]
    assert {row["settles"] for row in found.journal.lines.to_pylist() if row["account"] == "1500"} == {
        "holded/a",
        "holded/n",
    }
    assert found.gone["source_id"].to_pylist() == ["p4"]


def test_a_payment_of_a_document_that_counts_for_nothing_is_no_entry() -> None:
    document = invoice("a", "100")
    found = paid([payment("p1", document, "60", date(2025, 3, 20))], pa.table({"id": ["a"]}))
    assert found.journal.entries.num_rows == 0


_AMOUNTS = st.decimals(min_value=-10_000, max_value=10_000, places=2)


@given(
    amount=_AMOUNTS,
    weights=st.lists(st.decimals(min_value=-1000, max_value=1000, places=4), min_size=1, max_size=6),
)
def test_shares_add_up_to_what_is_shared(amount: Decimal, weights: list[Decimal]) -> None:
    assert sum(shared(amount, weights, Decimal("0.01"))) == amount


_DOCUMENTS = st.lists(
    st.tuples(
        _AMOUNTS,
        _AMOUNTS,
        st.sampled_from(["invoice", "creditnote"]),
        st.lists(st.tuples(_AMOUNTS, st.sampled_from([None, "0", "10", "15", "21", "25"])), max_size=3),
        st.sampled_from(["0", "0", "15"]),
        _AMOUNTS,
    ),
    min_size=1,
    max_size=40,
)


@given(drawn=_DOCUMENTS)
@settings(max_examples=30)
def test_every_entry_balances_and_none_of_the_money_is_lost(drawn: list[Any]) -> None:
    """`sealed` refuses an entry that does not balance. Receivables come to the totals, VAT to the taxes, and deferred
    revenue to what belongs to contracts."""
    documents, lines, deferred = [], [], []
    for place, (subtotal, tax, kind, of_document, retention, of_contracts) in enumerate(drawn):
        document = invoice(str(place), str(subtotal), str(tax), document_type=kind)
        documents.append(document)
        lines += [
            line(document, str(net), rate, retention, at) for at, (net, rate) in enumerate(of_document, 1)
        ]
        deferred.append((document, str(of_contracts)))
    found = balances(posted(documents, lines, *deferred).journal)
    signs = [-1 if document["document_type"] == "creditnote" else 1 for document in documents]

    def signed(name: str) -> Decimal:
        return sum(
            (sign * document[name] for sign, document in zip(signs, documents, strict=True)), Decimal(0)
        )

    assert found.get("1500", 0) == signed("total")
    assert -found.get("2700", 0) - found.get("2701", 0) == signed("tax")
    assert -found.get("2965", 0) == sum((Decimal(amount) for _, amount in deferred), Decimal(0))
