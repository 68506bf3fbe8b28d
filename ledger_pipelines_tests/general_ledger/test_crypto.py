"""Crypto invoices in the journal: in US dollars, by what was paid of each (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.general_ledger import crypto
from ledger_pipelines_tests.general_ledger.books import booked, chart

_PARTIES = pa.table({"source_id": ["1"], "party": ["customer:crypto:1"]})


def invoice(*paid: str, usd: str = "100.00", owed: str = "100", status: str = "paid") -> crypto.CryptoInvoice:
    return crypto.CryptoInvoice(
        invoice_number="C-1",
        client_id=1,
        client_name="Alps Blockchain",
        issued_on=date(2025, 3, 1),
        due_date=date(2025, 3, 31),
        amount_usd=Decimal(usd),
        crypto_amount=Decimal(owed),
        status=status,
        payments=[
            crypto.CryptoPayment(f"x{place}", date(2025, 3, place), Decimal(amount))
            for place, amount in enumerate(paid, 1)
        ],
    )


def payments(found: crypto.CryptoInvoice) -> list[str]:
    return booked(crypto.payment_entries([found], _PARTIES, chart()))


def test_two_payments_of_a_usdt_invoice() -> None:
    """100.00 USDT invoice of 100.00 USD, payments 60 and 40."""
    found = invoice("60", "40")
    assert booked(crypto.invoice_entries([found], _PARTIES, chart())) == ["Dr 1500 100.00", "Cr 3000 100.00"]
    assert payments(found) == ["Dr 1920 60.00", "Cr 1500 60.00", "Dr 1920 40.00", "Cr 1500 40.00"]


def test_what_tolerance_leaves_of_a_paid_invoice_is_an_exchange_difference() -> None:
    assert payments(invoice("99.95")) == ["Dr 1920 99.95", "Dr 8160 0.05", "Cr 1500 100.00"]
    assert payments(invoice("60", "40.05"))[2:] == ["Dr 1920 40.05", "Cr 1500 40.00", "Cr 8060 0.05"]


def test_too_little_and_too_much_stay_what_they_are() -> None:
    assert payments(invoice("50", status="partial")) == ["Dr 1920 50.00", "Cr 1500 50.00"]
    assert payments(invoice("150", status="overpaid")) == ["Dr 1920 150.00", "Cr 1500 150.00"]


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_what_nobody_owes_has_no_entry(status: str) -> None:
    found = invoice("60", status=status)
    assert booked(crypto.invoice_entries([found], _PARTIES, chart())) == []
    assert payments(found) == []


@given(
    parts=st.lists(st.decimals(min_value="0.00000001", max_value=3, places=8), min_size=1, max_size=8),
    usd=st.decimals(min_value="0.01", max_value=1_000_000, places=2),
    owed=st.decimals(min_value="0.00000001", max_value=20, places=8),
)
def test_shares_are_rounded_on_the_cumulative_sums(parts: list[Decimal], usd: Decimal, owed: Decimal) -> None:
    """Together the payments settle what all of them come to; a paid invoice is settled exactly."""
    whole = invoice(*map(str, parts), usd=str(usd), owed=str(owed))
    assert sum(share.settled for share in crypto.settlements(whole)) == usd
    open_one = invoice(*map(str, parts), usd=str(usd), owed=str(owed), status="partial")
    settled = sum(share.settled for share in crypto.settlements(open_one))
    assert abs(settled - usd * sum(parts) / owed) <= Decimal("0.005")
