"""What each line of a document comes to: discounts, what is withheld, signs, currencies; and what nobody claims."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.columns import decimals
from ledger_pipelines.invoicing.amounts import Amounts
from ledger_pipelines.invoicing.contracts import CONTRACTS, contract_movements
from ledger_pipelines.invoicing.unclaimed import (
    contradictory,
    describe,
    unclaimed,
    unclaimed_problems,
    unexplained,
)
from ledger_pipelines.money import AMOUNT, minor_unit
from ledger_pipelines_tests.invoicing.building import SERVICES, documents

JAN = date(2024, 1, 1)
CHANNELS = pa.array(["bootcamp", "evening", "70500001", "70500002", "book"])
NO_IDS = pa.array([], pa.string())


def document(*lines: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    return {"id": "1", "date": JAN, "lines": list(lines), **more}


def shares(given: dict[str, Any]) -> list[str]:
    amounts = Amounts(documents(given), SERVICES)
    return [str(share) for share in decimals(amounts.shares, AMOUNT).to_pylist()]


def booked(given: dict[str, Any]) -> dict[str, str]:
    frame = contract_movements(documents(given), CONTRACTS.empty_table(), SERVICES)
    return {row["service_id"]: str(row["amount"]) for row in frame.to_pylist()}


def loose(*given: dict[str, Any], invoices: pa.Array[Any] = NO_IDS) -> list[tuple[str, str]]:
    rows = unclaimed(documents(*given), SERVICES, channels=CHANNELS, invoice_ids=invoices)
    return [(describe(row), str(row["amount"])) for row in rows.to_pylist()]


@pytest.mark.parametrize(
    ("given_document", "right"),
    [
        # A discount of 10 % on the document.
        (document(("bootcamp", "6000"), total=5400), ["5400.00"]),
        (document(("bootcamp", "4000"), ("evening", "2000"), total=5400), ["3600.00", "1800.00"]),
        (document(*[("bootcamp", "33.33")] * 3, total="89.99"), ["30.00", "29.99", "30.00"]),
        # A cent for each line is rounding.
        (document(*[("bootcamp", "33.33")] * 3, total="100.02"), ["33.33"] * 3),
        (document(*[("bootcamp", "33.33")] * 3, total="100.03"), ["33.34", "33.35", "33.34"]),
        # Tax is none of it.
        (document(("bootcamp", "6000"), tax=1260, total=7260, subtotal=6000), ["6000.00"]),
        # A discount that is a line of its own, on an account that is no service's; a book keeps its share.
        (document(("bootcamp", "6000"), ("discount", "-600")), ["5400.00", "0.00"]),
        (document(("bootcamp", "6000"), ("book", "100"), ("discount", "-610")), ["5400.00", "90.00", "0.00"]),
        # One on a service's account is that service's.
        (document(("bootcamp", "6000"), ("evening", "-600")), ["6000.00", "-600.00"]),
        (document(("bootcamp", "6000"), ("discount", "-6000")), ["0.00", "0.00"]),
        (document(("bootcamp", "6000"), total=0, discount=100), ["0.00"]),
        # Prices in the account's currency: 1 EUR is 1.2 USD.
        (document(("bootcamp", "500"), currency="USD", total=600, exchange_rate="1.2"), ["600.00"]),
        # Without cents, three equal parts of 100 JPY are whole ones.
        (document(*[("bootcamp", "40")] * 3, currency="JPY", total=100), ["33.00", "34.00", "33.00"]),
    ],
)
def test_lines_come_to_what_the_document_says(given_document: dict[str, Any], right: list[str]) -> None:
    assert shares(given_document) == right
    credit = given_document | {"document_type": "creditnote"}
    assert [Decimal(share) for share in shares(credit)] == [-Decimal(share) for share in right]


@pytest.mark.parametrize(
    ("discount", "is_lessened", "has_subtotal"),
    [
        (0, False, True),
        (0, False, False),
        (0, True, True),
        (0, True, False),
        (10, False, True),
        (10, True, True),
    ],
)
def test_what_is_withheld_is_part_of_the_net(discount: int, is_lessened: bool, has_subtotal: bool) -> None:
    """15 % withheld and 21 % tax on 6000, less the discount: some tell the tax lessened by what is withheld."""
    net = Decimal(60) * (100 - discount)
    withheld, tax = net * 15 / 100, net * 21 / 100
    given_document = document(
        ("bootcamp", "6000", 15),
        tax=tax - withheld if is_lessened else tax,
        total=net + tax - withheld,
        subtotal=net if has_subtotal else 0,
        discount=discount,
    )
    assert shares(given_document) == [f"{net:.2f}"]


@pytest.mark.parametrize("units", [1, -1])
@pytest.mark.parametrize("total", [1, -1])
def test_a_credit_note_counts_negatively_whatever_its_signs_are(units: int, total: int) -> None:
    lines = [("bootcamp", 4000 * units), ("evening", 2000 * units), ("discount", -600 * units)]
    credit = document(*lines, document_type="creditnote", total=5400 * total)
    assert booked(credit) == {"bootcamp": "-3600.00", "evening": "-1800.00"}


def test_an_invoice_of_less_than_nothing_stays_so() -> None:
    assert booked(document(("bootcamp", "-500"), ("evening", "-100"))) == {
        "bootcamp": "-500.00",
        "evening": "-100.00",
    }


@pytest.mark.parametrize(
    ("given_document", "amounts"),
    [
        (document(total=100), "lines of 0.00 EUR and, by its total, comes to 100.00 EUR"),
        (
            document(("bootcamp", "6000"), total=0),
            "lines of 6000.00 EUR and, by its total, comes to 0.00 EUR",
        ),
        (
            document(("bootcamp", "6000"), total=-6000),
            "lines of 6000.00 EUR and, by its total, comes to -6000.00",
        ),
        (
            document(("discount", "-600"), total=600),
            "lines of -600.00 EUR and, by its total, comes to 600.00 EUR",
        ),
    ],
)
def test_a_document_that_contradicts_itself_is_an_error_with_both_amounts(
    given_document: dict[str, Any], amounts: str
) -> None:
    [problem] = contradictory(documents(given_document), SERVICES)
    assert (problem.external_id, problem.entity_type, problem.is_blocking) == ("1", "invoice", True)
    assert problem.message.startswith(f"F-1 of 2024-01-01 has {amounts}")
    assert set(booked(given_document).values()) <= {"0.00"}
    assert contradictory(documents(given_document | {"is_draft": True}), SERVICES) == []


def test_only_what_a_document_does_not_explain_is_told() -> None:
    def odd(given_document: dict[str, Any]) -> list[Any]:
        return unexplained(documents(given_document), SERVICES).to_pylist()

    assert odd(document(("bootcamp", "6000"), total=5400, discount=10)) == []
    assert odd(document(("bootcamp", "6000"), ("discount", "-600"))) == []
    assert odd(document(("bootcamp", "500"), currency="USD", total=600, exchange_rate="1.2")) == []
    [row] = odd(document(("bootcamp", "6000"), total=5000, discount=10))
    assert (row["document_number"], row["lines"], row["net"]) == (
        "F-1",
        Decimal("6000.00"),
        Decimal("5000.00"),
    )


def test_a_line_without_an_account_takes_its_document_s_sales_channel() -> None:
    found = document((None, "6000"), ("evening", "100"), sales_channel_id="bootcamp")
    assert booked(found) == {"bootcamp": "6000.00", "evening": "100.00"}
    assert loose(found) == []
    assert loose(document((None, "9"), sales_channel_id="book")) == []


def test_a_line_that_names_no_service_at_all_is_an_error_with_its_amount() -> None:
    given_document = document(("bootcamp", "6000"), (None, "400"), (None, "-100"), (None, "0"), total=6300)
    assert booked(given_document) == {"bootcamp": "5906.25"}
    rows = unclaimed(documents(given_document), SERVICES, channels=CHANNELS, invoice_ids=NO_IDS)
    [problem] = unclaimed_problems(rows)
    assert (problem.entity_type, problem.external_id) == ("invoice_line", "1/2")
    assert problem.message == (
        "F-1 of 2024-01-01, line 2, over 393.75 EUR has a line that names no service, neither by its account nor by its "
        "document's sales channel, and is not accrued: set the line's account, or the document's sales channel, in "
        "Holded."
    )


def test_money_that_no_contract_claims_is_named() -> None:
    whole = document(("bootcamp", "100"), ("book", "9"), ("nowhere", "7"))
    nobody = document(("bootcamp", "100"), ("evening", "20"), ("book", "9"), id="2", contact_id=None)
    credit = document(("bootcamp", "30"), id="3", document_type="creditnote", source_document_id="x")
    known = credit | {"id": "4", "source_document_id": "1"}
    uncounted = [nobody | {"id": name, f"is_{name}": True} for name in ("draft", "cancelled")]
    assert loose(whole, nobody, credit, known, *uncounted, invoices=pa.array(["1"])) == [
        (
            "F-1 of 2024-01-01, line 3, over 7.00 EUR has a line on an account that is no sales channel",
            "7.00",
        ),
        ("F-2 of 2024-01-01 over 120.00 EUR has no contact, so it belongs to no contract", "120.00"),
        (
            "F-3 of 2024-01-01 over -30.00 EUR is a credit note, and the invoice that it was made from is not known",
            "-30.00",
        ),
    ]


LINES = st.lists(
    st.tuples(
        st.sampled_from(["bootcamp", "evening", "book", "discount"]),
        st.decimals(0, 9_999, places=2),
    ),
    min_size=1,
    max_size=6,
)
FACTORS = st.fractions(0, 2, max_denominator=1000)


def with_a_service(lines: list[Any]) -> list[Any]:
    """Without one, nothing says which of a credit note's signs is the right one."""
    return [("bootcamp", Decimal("1.00")), *lines]


@given(
    st.lists(
        st.tuples(LINES.map(with_a_service), FACTORS, st.booleans(), st.sampled_from(["EUR", "JPY"])),
        min_size=1,
        max_size=5,
    )
)
def test_scaled_lines_add_up_to_their_document_and_stay_in_proportion(cases: list[Any]) -> None:
    """Against a plain reckoning in fractions; several documents in one frame, so that they cannot mix."""
    made, expected = [], []
    for place, (lines, factor, is_credit, currency) in enumerate(cases):
        digits = minor_unit(currency)
        signed = [
            (account, -round(amount, digits) if account == "discount" else round(amount, digits))
            for account, amount in lines
        ]
        base = sum((amount for account, amount in signed if account != "discount"), Decimal(0))
        net = round(base * factor.numerator / factor.denominator, digits)
        kind = "creditnote" if is_credit else "invoice"
        made.append(
            document(*signed, id=str(place), total=net, currency=currency, discount=100, document_type=kind)
        )
        expected.append((signed, base, net, -1 if is_credit else 1, Decimal(1).scaleb(-digits)))
    found = documents(*made)
    amounts = Amounts(found, SERVICES)
    of_documents: dict[int, list[Decimal]] = defaultdict(list)
    for owner, share in zip(amounts.lines.owners, decimals(amounts.shares, AMOUNT).to_pylist(), strict=True):
        of_documents[int(owner)].append(share)
    for place, (signed, base, net, sign, unit) in enumerate(expected):
        got = [share * sign for share in of_documents[place]]
        has_discount = any(account == "discount" and amount for account, amount in signed)
        if not has_discount and abs(sum(amount for _, amount in signed) - net) <= unit * len(signed):
            assert got == [amount for _, amount in signed]
        elif base:
            assert sum(got) == net
            for (account, amount), share in zip(signed, got, strict=True):
                exact = (
                    Fraction(0)
                    if account == "discount"
                    else Fraction(amount) * Fraction(net) / Fraction(base)
                )
                assert abs(Fraction(share) - exact) <= Fraction(unit)
                assert share % unit == 0
