"""`ledger cfo`: what waits, handing it over, how an invoice stands, and taking failed ones again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from ledger_pipelines.cli.cfo import (
    print_metrics,
    print_payments,
    print_pending,
    print_status,
    settle_now,
    sync_now,
)
from ledger_pipelines.destinations.cfo.transactions import CFO_SCHEMA
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.payments import PaymentReport, report_payment
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
    books.paid("DPY-1", "1234.50", paid_at=OCTOBER)
    books.paid("DPY-[/2]", paid_at=AUGUST, crypto_currency=" ")

    pending = words(ledger("cfo", "pending").out)
    assert "Not in the CFO's transactions: 2 paid invoices" in pending
    assert "DPY-1 Alps Blockchain not taken up 2025-10-22 09:00 0 1,234.50 USD (1234.5 USDT)" in pending

    handing = ledger("cfo", "sync")
    assert handing.code == 1
    assert "1 of the invoices have failed: `ledger cfo pending` says why." in words(handing.err)
    assert "Handed over 1, there already 0, to be tried again 0, failed 1." in words(handing.out)
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1"]

    status = words(ledger("cfo", "status", "DPY-[/2]").out)
    assert "Invoice DPY-[/2]" in status
    assert "Sync status failed" in status
    assert "it has no currency" in status
    metrics = shown(lambda console: print_metrics(books.ledger, datetime.now(UTC), console))
    assert "paid and not handed over 1 of these failed, for a person to mend 1" in metrics

    books.ours("UPDATE crypto_invoices SET crypto_currency = 'USDT' WHERE crypto_currency = ' '")
    forced = ledger("cfo", "sync", "--force")
    assert "Handed over 1, there already 0, to be tried again 0, failed 0." in words(forced.out)
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1", "DPY-[/2]"]
    assert "Sync status synced" in shown(lambda console: print_status(books.ledger, "DPY-[/2]", console))
    told = shown(
        lambda console: sync_now(books.ledger, invoice=None, force=True, now=AUGUST, console=console)
    )
    assert told == "Nothing is ready to be handed over."


def test_one_invoice_that_cannot_be_handed_over_says_why(ledger: Ledger, books: Books) -> None:
    books.paid("BAD", paid_at=OCTOBER, crypto_currency=" ")
    failing = ledger("cfo", "sync", "--invoice", "BAD")
    assert failing.code == 1
    assert "Invoice BAD has failed: It cannot be handed to the CFO: it has no currency" in words(failing.err)
    with pytest.raises(LedgerError, match=r"Invoice BAD has failed: mend it, then force it\. It cannot be"):
        refused_now(books, "BAD")


def refused_now(books: Books, invoice: str) -> None:
    """What `ledger cfo sync --invoice` does with one that it cannot take now: it starts nothing."""
    sync_now(books.ledger, invoice=invoice, force=False, now=datetime.now(UTC), console=Console(quiet=True))


def shown(printing: Callable[[Console], None]) -> str:
    """What a command prints."""
    console = Console(file=StringIO(), width=120)
    printing(console)
    return words(console.file.getvalue())  # type: ignore[attr-defined]


def test_an_invoice_that_is_not_paid_says_how_it_stands(books: Books) -> None:
    books.paid("DPY-1", status="sent", paid_at=None)
    for payment, amount, confirmations in (("0xa1", "60", 20), ("0xa2", "15", 3)):
        told = PaymentReport(payment, "USDT", "TRC20", Decimal(amount), confirmations)
        report_payment(books.ledger, "DPY-1", told, at=OCTOBER)
    with pytest.raises(LedgerError) as refused:
        print_status(books.ledger, "DPY-1", Console(quiet=True))
    assert str(refused.value) == (
        "Invoice DPY-1 is partially_paid, so the CFO does not hear of it: of 100 USDT, 60 are confirmed and 75 seen."
    )


def test_what_is_tried_again_or_claimed_by_another_says_when_it_can_be_taken(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    books.ours(
        """INSERT INTO crypto_invoice_cfo_sync (invoice_id, sync_status, sync_error, retry_count, next_attempt_at)
           SELECT id, 'retry', 'nobody listens', 1, '2200-01-01 10:30Z' FROM crypto_invoices"""
    )
    with pytest.raises(
        LedgerError,
        match=r"is tried again by itself at 2200-01-01 10:30 UTC, or now where it is forced\. nobody listens",
    ):
        refused_now(books, "DPY-1")
    assert "01-01 10:30" in shown(lambda console: print_pending(books.ledger, console, limit=1))
    books.ours(
        """UPDATE crypto_invoice_cfo_sync SET sync_status = 'pending', sync_error = NULL, next_attempt_at = NULL,
                  claim = gen_random_uuid(), claimed_at = '2200-01-01 10:30Z'"""
    )
    with pytest.raises(
        LedgerError, match=r"by another sync; if that was killed, take it after 10:35:00 UTC\."
    ):
        refused_now(books, "DPY-1")


def test_invoices_without_a_number_or_with_the_same_are_named_by_their_id(books: Books) -> None:
    month = date(2025, 10, 1)
    books.paid("F1", paid_at=OCTOBER)
    books.paid_in_holded(month, {"id": "h1", "document_number": None}, {"id": "h2", "document_number": "F1"})
    pending = shown(lambda console: print_pending(books.ledger, console, limit=2))
    assert "… and 1 more; --limit shows them." in pending
    unnamed, same = (
        row["invoice_id"] for row in books.ours("SELECT * FROM holded_paid_invoices ORDER BY holded_id")
    )
    assert f"#{unnamed}" in pending
    with pytest.raises(LedgerError, match=rf"2 paid invoices .* #{same} \(holded, GM Data Centers\)\."):
        print_status(books.ledger, "F1", Console(quiet=True))
    assert "Origin holded" in shown(lambda console: print_status(books.ledger, f"#{same}", console))
    books.sync()
    assert "it has no number" in shown(lambda console: print_status(books.ledger, f"#{unnamed}", console))


def test_payments_that_fit_nothing_are_listed_until_they_are_settled(books: Books) -> None:
    assert shown(lambda console: print_payments(books.ledger, console)) == "Every payment fits its invoice."
    books.paid("DPY-1", status="cancelled", paid_at=None)
    told = PaymentReport("0xa1", "USDT", "TRC20", Decimal("60.5"), 20, "2")
    report_payment(books.ledger, "DPY-1", told, at=OCTOBER)
    listed = shown(lambda console: print_payments(books.ledger, console))
    assert listed == "0xa1:2 60.5 USDT came for invoice DPY-1 of Alps Blockchain, which is cancelled."
    metrics = shown(lambda console: print_metrics(books.ledger, datetime.now(UTC), console))
    assert "unexpected_payment Payment 0xa1:2 of 60.5 USDT came for invoice DPY-1" in metrics
    said = shown(
        lambda console: settle_now(books.ledger, "0xa1:2", note="sent back", now=OCTOBER, console=console)
    )
    assert said == "Payment 0xa1:2 is settled."
    assert shown(lambda console: print_payments(books.ledger, console)) == "Every payment fits its invoice."
