"""`ledger cfo`: what waits, handing it over, how an invoice stands, and taking failed ones again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ledger_pipelines.payments import ToldPayment, tell_payment
from ledger_pipelines.store.cfo_transactions import CFO_SCHEMA
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.end_to_end.harness import Ledger

AUGUST, OCTOBER = datetime(2025, 8, 5, 9, tzinfo=UTC), datetime(2025, 10, 22, 9, tzinfo=UTC)


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database, Database(database.url, CFO_SCHEMA))


def words(text: str) -> str:
    """The text without the lines of tables."""
    return " ".join(text.replace("│", " ").split())


def test_what_waits_is_shown_handed_over_and_taken_again_by_force(ledger: Ledger, books: Books) -> None:
    assert "Every paid invoice is in the CFO's transactions." in ledger("cfo", "pending").out
    assert "Nothing is ready" in ledger("cfo", "sync", "--force").out
    books.paid("DPY-1", "1234.50", paid_at=OCTOBER)
    books.paid("DPY-[/2]", paid_at=AUGUST, crypto_currency=" ")

    pending = words(ledger("cfo", "pending").out)
    assert "2 paid invoices are not in the CFO's transactions" in pending
    assert "DPY-1 Alps Blockchain not taken up 2025-10-22 09:00 0 1,234.50 USD in USDT" in pending

    handing = ledger("cfo", "sync")
    assert handing.code == 1
    assert "1 of the invoices have failed: `ledger cfo pending` says why." in words(handing.err)
    assert "Handed over 1, there already 0, to be tried again 0, failed 1." in words(handing.out)
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1"]

    status = words(ledger("cfo", "status", "DPY-[/2]").out)
    assert "Invoice DPY-[/2]" in status
    assert "Sync status failed" in status
    assert "it has no currency" in status
    assert "paid and not handed over 1 of these failed, for a person to mend 1" in words(
        ledger("cfo", "metrics").out
    )
    assert "Nothing is ready" in ledger("cfo", "sync").out

    books.ours("UPDATE crypto_invoices SET crypto_currency = 'USDT' WHERE crypto_currency = ' '")
    forced = ledger("cfo", "sync", "--force")
    assert "Handed over 1, there already 0, to be tried again 0, failed 0." in words(forced.out)
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1", "DPY-[/2]"]
    assert "Sync status synced" in words(ledger("cfo", "status", "DPY-[/2]").out)


def test_one_invoice_that_cannot_be_handed_over_says_why(ledger: Ledger, books: Books) -> None:
    books.paid("BAD", paid_at=OCTOBER, crypto_currency=" ")
    failing = ledger("cfo", "sync", "--invoice", "BAD")
    assert failing.code == 1
    assert "Invoice BAD has failed: It cannot be handed to the CFO: it has no currency" in words(failing.err)
    again = ledger("cfo", "sync", "--invoice", "BAD")
    assert again.code == 1
    assert "Invoice BAD has failed: mend it, then add --force." in words(again.err)


def test_an_invoice_that_is_not_paid_says_how_it_stands(ledger: Ledger, books: Books) -> None:
    books.paid("DPY-1", status="sent", paid_at=None)
    for payment, amount, confirmations in (("0xa1", "60", 20), ("0xa2", "15", 3)):
        told = ToldPayment(payment, "USDT", "TRC20", Decimal(amount), confirmations)
        tell_payment(books.ledger, "DPY-1", told, at=OCTOBER)
    asked = ledger("cfo", "status", "DPY-1")
    assert asked.code == 1
    assert "of 100 USDT, 60 are confirmed and 75 seen" in words(asked.err)
    assert "Invoice DPY-1 is partially_paid" in words(asked.err)


def test_what_is_tried_again_or_claimed_by_another_says_when_it_can_be_taken(
    ledger: Ledger, books: Books
) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    books.ours(
        """INSERT INTO crypto_invoice_cfo_sync (invoice_id, sync_status, sync_error, retry_count, next_attempt_at)
           SELECT id, 'retry', 'nobody listens', 1, '2200-01-01 10:30Z' FROM crypto_invoices"""
    )
    waiting = ledger("cfo", "sync", "--invoice", "DPY-1")
    assert waiting.code == 1
    assert "is tried again by itself at 2200-01-01 10:30 UTC, or now with --force. nobody" in words(
        waiting.err
    )
    assert "01-01 10:30" in words(ledger("cfo", "pending").out)
    books.ours(
        """UPDATE crypto_invoice_cfo_sync SET sync_status = 'pending', sync_error = NULL, next_attempt_at = NULL,
                  claim = gen_random_uuid(), claimed_at = '2200-01-01 10:30Z'"""
    )
    assert "take it after 10:35:00 UTC" in words(ledger("cfo", "sync", "--invoice", "DPY-1").err)
    books.ours(
        """UPDATE crypto_invoice_cfo_sync SET sync_status = 'retry', sync_error = 'nobody', claim = NULL,
                  next_attempt_at = '2200-01-01 10:30Z'"""
    )
    assert "Handed over 1" in words(ledger("cfo", "sync", "--invoice", "DPY-1", "--force").out)


def test_invoices_without_a_number_or_with_the_same_are_named_by_their_id(
    ledger: Ledger, books: Books
) -> None:
    month = date(2025, 10, 1)
    books.paid("F1", paid_at=OCTOBER)
    books.paid_in_holded(month, {"id": "h1", "document_number": None}, {"id": "h2", "document_number": "F1"})
    pending = words(ledger("cfo", "pending", "--limit", "2").out)
    assert "… and 1 more; --limit shows them." in pending
    unnamed, same = (
        row["invoice_id"] for row in books.ours("SELECT * FROM holded_paid_invoices ORDER BY holded_id")
    )
    assert f"#{unnamed}" in pending
    assert f"#{same} (holded, GM Data Centers)" in words(ledger("cfo", "status", "F1").err)
    assert "Origin holded" in words(ledger("cfo", "status", f"#{same}").out)
    assert "it has no number" in words(ledger("cfo", "sync", "--invoice", f"#{unnamed}").err)
