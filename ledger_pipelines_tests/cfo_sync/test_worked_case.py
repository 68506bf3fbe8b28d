"""The worked case of rules/cfo_sync.md, step by step, with the CFO's transactions in a server of their own."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines.workflows.payments import PaymentReport, report_payment
from ledger_pipelines_tests.cfo_sync.building import DELTA, NOON, Books

NUMBER = "DPY-2025-10-0001"


def tell(books: Books, payment: str, amount: str, confirmations: int, at: datetime = NOON) -> str:
    """Tells of a payment of the worked case's invoice; the invoice's status afterwards."""
    told = PaymentReport(payment, "USDT", "TRC20", Decimal(amount), confirmations)
    return report_payment(books.ledger, NUMBER, told, at=at).status


def invoice(books: Books) -> dict[str, Any]:
    (row,) = books.ours("SELECT id, status, paid_at FROM crypto_invoices WHERE invoice_number = %s", NUMBER)
    return row


@pytest.fixture
def sent(books: Books) -> int:
    """The invoice of 100.00 USDT that was sent to Alps Blockchain."""
    return books.paid(NUMBER, "100.00", status="sent", paid_at=None)


def test_two_payments_become_one_transaction(books: Books, sent: int) -> None:
    assert tell(books, "0xsixty", "60", 20) == "partial"
    assert (books.sync(), books.count()) == (SyncCounts(), 0)

    assert tell(books, "0xforty", "40", 0, NOON + timedelta(minutes=1)) == "partially_paid"
    assert tell(books, "0xforty", "40", 19, NOON + timedelta(minutes=2)) == "partially_paid"
    assert (books.sync(), books.count()) == (SyncCounts(), 0)

    completed = NOON + timedelta(minutes=3)
    assert tell(books, "0xforty", "40", 20, completed) == "paid"
    assert invoice(books) == {"id": sent, "status": "paid", "paid_at": completed}
    books.watch.now = completed + timedelta(seconds=8)
    assert books.sync() == SyncCounts(inserted=1)

    (transaction,) = books.transactions()
    transaction_id = transaction.pop("id")
    del transaction["created_at"]
    assert transaction == {
        "date": completed,
        "description": "Invoice DPY-2025-10-0001 - Alps Blockchain - 2025-10 hosting",
        "amount": Decimal("100.00"),
        "classified_entity": DELTA,
        "business_unit": "Paraguay Mining",
        "source_file": "crypto_invoice_DPY-2025-10-0001",
        "transaction_type": "Revenue",
        "confidence": Decimal("1.00"),
        "classification_reason": "Crypto invoice payment from Alps Blockchain (100 USDT)",
        "origin": "External Account",
        "destination": "Delta Paraguay Operations",
        "identifier": "DPY-2025-10-0001",
        "currency": "USD",
        "subcategory": "Client Hosting Revenue",
    }
    assert invoice(books)["status"] == "complete"
    state = books.state(sent)
    assert {name: state[name] for name in state if name not in {"id", "created_at"}} == {
        "invoice_id": sent,
        "cfo_transaction_id": transaction_id,
        "sync_status": "synced",
        "sync_timestamp": completed + timedelta(seconds=8),
        "entity_mapped": DELTA,
        "category_mapped": "Revenue",
        "subcategory_mapped": "Client Hosting Revenue",
        "confidence_score": Decimal("1.00"),
        "sync_error": None,
        "retry_count": 0,
        "retryable": True,
        "next_attempt_at": None,
        "claimed_at": state["claimed_at"],
        "claim": None,
        "identifier_mapped": "DPY-2025-10-0001",
        "lost_at": None,
    }
    (attempt,) = books.log(sent)
    assert (attempt["sync_status"], attempt["cfo_transaction_id"]) == ("synced", transaction_id)
    assert attempt["request_payload"]["source_file"] == "crypto_invoice_DPY-2025-10-0001"
    assert Decimal(attempt["request_payload"]["amount"]) == Decimal("100.00")
    assert attempt["response_data"] == {"id": transaction_id, "inserted": True}


def test_told_again_nothing_is_new(books: Books, sent: int) -> None:
    tell(books, "0xsixty", "60", 20)
    tell(books, "0xforty", "40", 20)
    books.sync()
    before = (books.transactions(), books.state(sent), books.log(sent), invoice(books))

    books.watch.forward(minutes=30)
    for payment, amount in (("0xsixty", "60"), ("0xforty", "40")):
        assert tell(books, payment, amount, 25, books.watch.now) == "complete"
    assert books.sync() == SyncCounts()

    assert (books.transactions(), books.state(sent), books.log(sent), invoice(books)) == before
    payments = books.ours("SELECT confirmations, confirmed_at FROM crypto_payment_transactions")
    assert payments == [{"confirmations": 25, "confirmed_at": NOON}] * 2


def test_the_same_payment_told_twice_pays_once(books: Books, sent: int) -> None:
    assert [tell(books, "0xsixty", "60", 20) for _ in range(2)] == ["partial", "partial"]
    assert books.ours("SELECT confirmations FROM crypto_payment_transactions") == [{"confirmations": 20}]
    assert invoice(books)["paid_at"] is None


def test_a_payment_cannot_pay_another_invoice_too(books: Books, sent: int) -> None:
    other = books.paid("DPY-2025-10-0002", status="sent", paid_at=None)
    tell(books, "0xhundred", "100", 20)

    with pytest.raises(LedgerError, match="told before, of another invoice"):
        report_payment(
            books.ledger,
            "DPY-2025-10-0002",
            PaymentReport("0xhundred", "USDT", "TRC20", Decimal(100), 20),
            at=NOON,
        )
    assert books.ours("SELECT status FROM crypto_invoices WHERE id = %s", other) == [{"status": "sent"}]


def test_an_invoice_told_twice_is_one_invoice(books: Books, sent: int) -> None:
    assert books.paid(NUMBER, "999.00", status="sent", paid_at=None) == sent
    tell(books, "0xhundred", "100", 20)
    books.sync()
    assert [row["amount"] for row in books.transactions()] == [Decimal("100.00")]


@pytest.mark.parametrize(
    ("paid", "status", "handed_over"),
    [("99.89", "partial", 0), ("99.90", "paid", 1), ("100.10", "paid", 1), ("100.11", "overpaid", 1)],
)
def test_a_thousandth_of_a_stable_coin_is_tolerated_and_overpaid_is_synced_as_invoiced(
    books: Books, sent: int, paid: str, status: str, handed_over: int
) -> None:
    assert tell(books, "0xall", paid, 20) == status
    assert books.sync().inserted == handed_over
    assert [row["amount"] for row in books.transactions()] == [Decimal("100.00")] * handed_over
    assert invoice(books)["status"] == ("complete" if handed_over else "partial")


@pytest.mark.usefixtures("sent")
def test_a_hash_told_in_other_letters_or_with_space_is_the_same_payment(books: Books) -> None:
    for told in ("0xABCdef12", "0xabcdef12", " 0xABCDEF12 ", "abcdef12"):
        assert tell(books, told, "60", 20) == "partial"
    assert len(books.ours("SELECT transaction_hash FROM crypto_payment_transactions")) == 1


@pytest.mark.usefixtures("sent")
def test_a_payment_without_a_network_needs_the_confirmations_of_the_invoices(books: Books) -> None:
    told = PaymentReport("0xall", "USDT", None, Decimal(100), 19)
    assert report_payment(books.ledger, NUMBER, told, at=NOON).status == "partially_paid"
    assert tell(books, "0xall", "100", 20) == "paid"


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(
    ("payment", "amount", "confirmations", "reason"),
    [
        (" ", "60", 20, "no transaction hash"),
        ("0xone", "0", 20, "above zero"),
        ("0xone", "-1", 20, "above zero"),
        ("0xone", "NaN", 20, "above zero"),
        ("0xone", "Infinity", 20, "above zero"),
        ("0xone", "1e20", 20, "above zero"),
        ("0xone", "0.0000000000000000001", 20, "at most 18 decimals"),
        ("0xone", "60", -1, "tell 0 or more"),
    ],
)
def test_what_cannot_be_a_payment_is_refused_in_one_sentence(
    books: Books, payment: str, amount: str, confirmations: int, reason: str
) -> None:
    with pytest.raises(LedgerError, match=reason):
        tell(books, payment, amount, confirmations)
    assert books.ours("SELECT transaction_hash FROM crypto_payment_transactions") == []
    assert invoice(books)["status"] == "sent"


@pytest.mark.usefixtures("sent")
def test_an_amount_with_all_its_decimals_counts_exactly(books: Books) -> None:
    assert tell(books, "0xone", "99.899999999999999999", 20) == "partial"
    assert tell(books, "0xtwo", "0.000000000000000001", 20) == "paid"


def test_what_was_paid_by_other_means_stays_paid_when_a_payment_comes_besides(books: Books) -> None:
    books.paid(NUMBER, "100.00")
    paid_at = invoice(books)["paid_at"]
    assert tell(books, "0xlittle", "1", 20) == "paid"
    assert invoice(books)["paid_at"] == paid_at
    assert books.sync() == SyncCounts(inserted=1)
