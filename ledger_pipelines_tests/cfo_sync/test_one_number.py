"""Two invoices with one number: one of them is the CFO's transaction, and the other fails and says why."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines_tests.cfo_sync.building import NOON, Books

OCTOBER = date(2025, 10, 1)


def assert_told(books: Books, failed: int, owner: int) -> None:
    state = books.state(failed)
    (transaction,) = books.transactions()
    assert (state["sync_status"], state["retryable"], state["cfo_transaction_id"]) == ("failed", False, None)
    assert state["sync_error"].startswith(
        f"Invoice #{owner} has the same number and is the CFO's transaction {transaction['id']}: give one"
    )
    assert books.state(owner)["cfo_transaction_id"] == transaction["id"]


def holded_ids(books: Books) -> list[int]:
    rows = books.ours("SELECT invoice_id FROM holded_paid_invoices ORDER BY holded_id")
    return [row["invoice_id"] for row in rows]


@pytest.mark.parametrize("batch", [1, 10])
def test_two_holded_documents_of_one_sync(books: Books, batch: int) -> None:
    same = {"document_number": "F1"}
    books.paid_in_holded(OCTOBER, {"id": "h1", **same}, {"id": "h2", **same, "contact_name": "Other"})
    assert books.sync(batch=batch) == SyncCounts(inserted=1, failed=1)
    owner, failed = holded_ids(books)
    assert_told(books, failed, owner)
    assert [(log["sync_status"], log["cfo_transaction_id"]) for log in books.log(failed)] == [
        ("failed", None)
    ]


def test_documents_that_differ_in_nothing_but_their_id(books: Books) -> None:
    """Each is handed over while the one before is being recorded, and compared only with what is recorded."""
    books.paid_in_holded(OCTOBER, *({"id": f"h{number}", "document_number": "F1"} for number in range(8)))
    assert books.sync(batch=1) == SyncCounts(inserted=1, failed=7)
    owner, *failed = holded_ids(books)
    for invoice in failed:
        assert_told(books, invoice, owner)


def test_a_holded_document_after_a_crypto_invoice(books: Books) -> None:
    crypto = books.paid("2025-001")
    assert books.sync() == SyncCounts(inserted=1)
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "2025-001"})
    assert books.sync() == SyncCounts(failed=1)
    assert_told(books, *holded_ids(books), crypto)


def test_one_that_was_given_another_number_is_handed_over_by_force(books: Books) -> None:
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "2025-001"})
    books.paid("2025-001", paid_at=NOON - timedelta(days=1))
    assert books.sync() == SyncCounts(inserted=1, failed=1)
    books.ours("UPDATE crypto_invoices SET invoice_number = '2025-001-B'")
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "2025-001-H"})
    assert books.sync(force=True) == SyncCounts(inserted=1)
    assert books.count() == 2


def test_what_a_killed_sync_handed_over_is_still_its_own(books: Books) -> None:
    """Linked again, and not taken for another's, though others are linked with it."""
    first, second = books.paid("DPY-1"), books.paid("DPY-2")
    assert books.sync() == SyncCounts(inserted=2)
    books.ours("DELETE FROM crypto_invoice_cfo_sync")
    books.ours("UPDATE crypto_invoices SET status = 'paid'")
    assert books.sync() == SyncCounts(linked=2)
    assert {books.state(one)["sync_status"] for one in (first, second)} == {"synced"}


def killed_after_handing_over(books: Books, invoice: int) -> None:
    """Its sync handed it over, and was killed before it recorded that."""
    assert books.sync(invoice_ids=[invoice]).inserted == 1
    books.ours(
        """UPDATE crypto_invoice_cfo_sync SET sync_status = 'pending', claim = gen_random_uuid(),
                  cfo_transaction_id = NULL, sync_timestamp = NULL WHERE invoice_id = %s""",
        invoice,
    )
    books.ours("UPDATE crypto_invoices SET status = 'paid'")


@pytest.mark.parametrize("minutes", [1, 6], ids=["while its claim holds", "together with it"])
def test_one_whose_sync_was_killed_is_not_robbed_by_another_kind(books: Books, minutes: int) -> None:
    crypto = books.paid("N1")
    killed_after_handing_over(books, crypto)
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "N1", "last_payment_on": date(2025, 1, 1)})
    books.watch.forward(minutes=minutes)
    books.sync()
    books.watch.forward(minutes=6)
    books.sync()
    (holded,) = holded_ids(books)
    (transaction,) = books.transactions()
    assert transaction["source_file"] == "crypto_invoice_N1"
    assert books.state(crypto)["cfo_transaction_id"] == transaction["id"]
    assert (books.state(holded)["sync_status"], books.state(holded)["retryable"]) == ("failed", False)


@pytest.mark.parametrize("minutes", [1, 6], ids=["while its claim holds", "together with it"])
def test_one_whose_sync_was_killed_is_not_robbed_by_another_of_its_kind(books: Books, minutes: int) -> None:
    same = {"document_number": "F1"}
    books.paid_in_holded(OCTOBER, {"id": "h2", **same})
    books.sync(invoice_ids=[])
    (later,) = holded_ids(books)
    killed_after_handing_over(books, later)
    books.paid_in_holded(
        OCTOBER,
        {"id": "h1", **same, "contact_name": "Another", "last_payment_on": date(2025, 1, 1)},
        {"id": "h2", **same},
    )
    books.watch.forward(minutes=minutes)
    books.sync()
    books.watch.forward(minutes=6)
    books.sync()
    states = {
        row["invoice_id"]: row["sync_status"] for row in books.ours("SELECT * FROM crypto_invoice_cfo_sync")
    }
    assert states.pop(later) == "synced"
    assert list(states.values()) == ["failed"]
    assert books.count() == 1
