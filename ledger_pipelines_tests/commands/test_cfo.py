"""`ledger cfo`: what waits, handing it over, how an invoice stands, and taking failed ones again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

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
    assert "DPY-1 Alps Blockchain 2025-10-22 09:00 not taken up" in pending

    handing = ledger("cfo", "sync")
    assert handing.code == 0
    assert "invoices_failed 1, invoices_inserted 1" in words(handing.out)
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1"]

    status = words(ledger("cfo", "status", "DPY-[/2]").out)
    assert "Invoice DPY-[/2]" in status
    assert "Sync status failed" in status
    assert "it has no currency" in status
    assert "Pending 1" in words(ledger("cfo", "metrics").out)
    assert "Nothing is ready" in ledger("cfo", "sync").out

    books.ours("UPDATE crypto_invoices SET crypto_currency = 'USDT' WHERE crypto_currency = ' '")
    forced = ledger("cfo", "sync", "--force")
    assert "invoices_inserted 1" in words(forced.out), forced
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1", "DPY-[/2]"]
    assert "Sync status synced" in words(ledger("cfo", "status", "DPY-[/2]").out)
