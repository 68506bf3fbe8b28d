"""A CFO's database that was restored from a backup: every paid invoice has one transaction of its own after one sync."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.workflows.cfo import lookup as looking_again
from ledger_pipelines.workflows.cfo.sync import SyncCounts, release_lost
from ledger_pipelines_tests.cfo_sync.building import NOON, Books
from ledger_pipelines_tests.cfo_sync.servers import CfoServer

OCTOBER = date(2025, 10, 1)
_BANK = """INSERT INTO transactions (date, description, amount, identifier, source_file)
           SELECT now(), 'Card payment', n, 'nan', 'bank.csv' FROM generate_series(1, 3) n"""


def backup(books: Books) -> None:
    """The CFO's backup: all rows, and how far their ids have come."""
    books.theirs("DROP TABLE IF EXISTS backup, backup_ids")
    books.theirs("CREATE TABLE backup AS SELECT * FROM transactions")
    books.theirs("CREATE TABLE backup_ids AS SELECT last_value, is_called FROM transactions_id_seq")


def restore(books: Books) -> None:
    books.theirs("DELETE FROM transactions")
    books.theirs("INSERT INTO transactions SELECT * FROM backup")
    books.theirs("SELECT setval('transactions_id_seq', last_value, is_called) FROM backup_ids")


def history(books: Books) -> Iterator[None]:
    """Some days of invoices of both kinds, the CFO's own rows, and a killed sync; each step is an instant."""
    for day in range(3):
        books.paid(f"DPY-{day}a", paid_at=NOON + timedelta(days=20 * day))
        books.paid(f"DPY-{day}b", f"{day + 1}.00")
        yield
        books.sync()
        yield
        books.theirs(_BANK)
        books.watch.forward(hours=7)
    books.paid_in_holded(
        OCTOBER, {"id": "h1", "document_number": "F1"}, {"id": "h2", "document_number": "F2"}
    )
    yield
    books.ours(
        "ALTER TABLE crypto_invoice_cfo_sync ADD CONSTRAINT killed CHECK (sync_status <> 'synced') NOT VALID"
    )
    with pytest.raises(Exception, match="killed"):
        books.sync()
    books.ours("ALTER TABLE crypto_invoice_cfo_sync DROP CONSTRAINT killed")
    yield
    books.watch.forward(minutes=6)
    books.sync()
    yield
    books.theirs(_BANK)
    yield


def assert_one_each(books: Books) -> None:
    """Every paid invoice is synced to a transaction of its own, and no row that came from here is nobody's."""
    paid = books.ours("SELECT * FROM v_paid_invoices ORDER BY invoice_id")
    rows = {row["id"]: row for row in books.transactions()}
    owned = []
    for invoice in paid:
        state = books.state(invoice["invoice_id"])
        assert state["sync_status"] == "synced"
        row = rows[state["cfo_transaction_id"]]
        assert row["source_file"] == f"{invoice['origin']}_invoice_{invoice['invoice_number']}"
        assert row["amount"] == invoice["amount"]
        owned.append(row["id"])
    assert Counter(owned) == Counter(row["id"] for row in rows.values() if row["source_file"] != "bank.csv")


@pytest.mark.parametrize("instant", range(10))
def test_restored_at_any_instant_with_new_invoices_in_between_one_sync_mends_all(
    books: Books, instant: int
) -> None:
    for place, _ in enumerate(history(books)):
        if place == instant:
            backup(books)
    assert place == 9
    before = books.ours("SELECT count(*) FROM crypto_invoice_cfo_sync WHERE sync_status = 'synced'")[0][
        "count"
    ]
    assert before == 8
    restore(books)
    # Rows of the CFO's, and invoices of ours, take ids that were others' before.
    books.theirs(_BANK)
    books.paid("NEW-1")
    books.paid("NEW-2")

    counts = books.sync()

    assert_one_each(books)
    assert counts.failed == counts.to_retry == 0
    assert books.sync() == SyncCounts()
    alerts = books.ours("SELECT message FROM alerts WHERE kind = 'lost'")
    assert len(alerts) == (counts.released > 0)
    lost = books.ours("SELECT count(*) FROM crypto_cfo_sync_log WHERE sync_status = 'lost'")[0]["count"]
    assert lost == counts.released


def test_a_sync_of_one_month_finds_what_was_lost_of_others(books: Books) -> None:
    backup(books)
    for place in range(3):
        books.paid(f"DPY-{place}", paid_at=NOON - timedelta(days=40 * place))
    books.sync()
    restore(books)
    books.paid("NEW")
    assert books.sync(months=[OCTOBER]) == SyncCounts(inserted=4, released=3)
    assert_one_each(books)


def test_the_latest_are_looked_at_batch_by_batch_until_one_is_whole(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking_again, "BATCH", 2)
    for place in range(6):
        books.paid(f"DPY-{place}", paid_at=NOON - timedelta(days=400))
        books.watch.forward(minutes=1)
        books.sync()
    books.theirs("DELETE FROM transactions WHERE identifier IN ('DPY-5', 'DPY-3', 'DPY-0')")
    # The last two batches have lost something, and the one before them has lost one more, which is found with them.
    assert books.sync(months=[OCTOBER]) == SyncCounts(inserted=3, released=3)
    books.theirs("DELETE FROM transactions WHERE identifier = 'DPY-1'")
    assert books.sync(months=[OCTOBER]) == SyncCounts()
    assert books.sync() == SyncCounts(inserted=1, released=1)


def test_an_id_that_another_row_has_now_is_no_longer_the_invoices(books: Books) -> None:
    first, second = books.paid("DPY-1"), books.paid("DPY-2")
    books.sync()
    books.theirs("DELETE FROM transactions")
    books.theirs("INSERT INTO transactions (id, date, description, amount) VALUES (1, now(), 'bank', 5)")
    assert books.sync() == SyncCounts(inserted=2, released=2)
    reasons = [books.log(one)[1]["error_message"] for one in (first, second)]
    assert reasons[0].startswith("The CFO's transaction 1 is no longer this invoice")
    assert reasons[1].startswith("The CFO's transaction 2 is gone")


def test_the_alert_names_the_invoices_and_their_amounts(books: Books) -> None:
    books.paid("DPY-1")
    books.sync()
    books.theirs("DELETE FROM transactions")
    books.sync()
    (alert,) = books.ours("SELECT * FROM alerts")
    assert alert["message"].startswith(
        "The CFO's transactions of 1 handed-over invoice are gone or are others' now: DPY-1 (100.00 USD)."
    )


def withdrawn(books: Books) -> None:
    books.ours("UPDATE crypto_invoices SET status = 'cancelled'")


def renumbered(books: Books) -> None:
    books.ours("UPDATE crypto_invoices SET invoice_number = 'DPY-9'")


@pytest.mark.parametrize("change", [withdrawn, renumbered])
def test_an_invoice_that_changed_after_its_hand_over_is_not_handed_over_twice(
    books: Books, change: Callable[[Books], None]
) -> None:
    invoice = books.paid("DPY-1")
    books.sync()
    change(books)
    assert books.sync() == SyncCounts()
    assert books.state(invoice)["sync_status"] == "synced"


def test_a_cancelled_invoice_leaves_the_id_that_another_has_now(books: Books) -> None:
    cancelled = books.paid("DPY-1")
    books.sync()
    books.ours("UPDATE crypto_invoices SET status = 'cancelled'")
    books.theirs("TRUNCATE transactions RESTART IDENTITY")
    new = books.paid("DPY-2")
    books.sync()
    assert books.state(new)["cfo_transaction_id"] == 1
    assert books.state(cancelled)["cfo_transaction_id"] is None
    assert books.ready() == []


def test_what_was_lost_counts_from_when_that_was_found(books: Books) -> None:
    books.paid("DPY-1")
    books.sync()
    books.theirs("DELETE FROM transactions")
    books.watch.forward(days=30)
    assert books.sync() == SyncCounts(inserted=1, released=1)
    (row,) = books.ours(
        "SELECT extract(epoch FROM sync_timestamp - known_at) AS lag FROM v_crypto_invoices_synced"
    )
    assert row["lag"] == 0


def test_a_database_that_is_away_has_lost_nothing(books: Books, cfo_server: CfoServer) -> None:
    invoice = books.paid("DPY-1")
    books.sync()
    cfo_server.stop()
    counts = books.sync()
    assert (counts.released, counts.trouble) == (0, None)
    assert "CFO_DATABASE_URL" in (counts.unseen or "")
    assert books.state(invoice)["sync_status"] == "synced"
    with pytest.raises(LedgerError, match="Nobody could look whether what was handed over is there"):
        release_lost(books.ledger, books.cfo, clock=books.watch)
    cfo_server.start()
    assert release_lost(books.ledger, books.cfo, clock=books.watch) == 0
