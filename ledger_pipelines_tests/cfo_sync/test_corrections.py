"""Correcting a wrong entity: change the mapping, run the month again; nothing else is touched."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ledger_pipelines.workflows.cfo.sync import SyncCounts, correct_months
from ledger_pipelines_tests.cfo_sync.building import DELTA, NOON, Books, Row

OCTOBER, NOVEMBER = date(2025, 10, 1), date(2025, 11, 1)
RIGHT = "Delta Energía S.A."


def correct(books: Books, *months: date) -> int:
    return correct_months(books.ledger, books.cfo, months, clock=books.watch)


def without(rows: list[Row], *names: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


@pytest.fixture
def synced(books: Books) -> Books:
    """Two synced invoices of October (Alps and Exos) and one of November (Alps)."""
    books.paid("DPY-1")
    books.paid("DPY-2", client="Exos Capital")
    books.paid("DPY-3", paid_at=NOON + timedelta(days=20))
    assert books.sync() == SyncCounts(inserted=3)
    books.watch.forward(hours=1)
    return books


def test_the_months_entities_are_corrected_and_nothing_else(synced: Books) -> None:
    books = synced
    transactions = books.transactions()
    states = books.ours("SELECT * FROM crypto_invoice_cfo_sync ORDER BY id")
    logs = books.ours("SELECT * FROM crypto_cfo_sync_log ORDER BY id")
    invoices = books.ours("SELECT * FROM crypto_invoices ORDER BY id")
    assert correct(books, OCTOBER) == 0

    books.ours(
        "UPDATE cfo_entity_mappings SET entity = %s, business_unit = 'Paraguay Energy' WHERE position = 10",
        RIGHT,
    )
    assert correct(books, OCTOBER) == 1

    assert [row["classified_entity"] for row in books.transactions()] == [RIGHT, DELTA, DELTA]
    assert without(books.transactions(), "classified_entity") == without(transactions, "classified_entity")
    now = books.ours("SELECT * FROM crypto_invoice_cfo_sync ORDER BY id")
    assert [row["entity_mapped"] for row in now] == [RIGHT, DELTA, DELTA]
    assert without(now, "entity_mapped") == without(states, "entity_mapped")
    assert books.ours("SELECT * FROM crypto_invoices ORDER BY id") == invoices
    *before, audit = books.ours("SELECT * FROM crypto_cfo_sync_log ORDER BY id")
    assert before == logs
    assert (audit["invoice_id"], audit["sync_status"]) == (invoices[0]["id"], "corrected")
    assert audit["cfo_transaction_id"] == transactions[0]["id"]
    assert audit["sync_attempt_timestamp"] == books.watch.now
    assert audit["request_payload"] == {"classified_entity": RIGHT}
    assert audit["response_data"] == {"before": DELTA}


def test_corrected_again_nothing_is_wrong(synced: Books) -> None:
    books = synced
    books.ours("UPDATE cfo_entity_mappings SET entity = %s", RIGHT)
    assert (correct(books, OCTOBER), correct(books, NOVEMBER)) == (2, 1)
    log = books.ours("SELECT count(*) FROM crypto_cfo_sync_log")
    assert correct(books, OCTOBER, NOVEMBER) == 0
    assert books.ours("SELECT count(*) FROM crypto_cfo_sync_log") == log


def test_a_correction_that_was_cut_short_is_made_good(synced: Books) -> None:
    """Theirs is corrected, ours is not: the next run corrects ours."""
    books = synced
    books.ours("UPDATE cfo_entity_mappings SET entity = %s WHERE position = 10", RIGHT)
    books.ours(f"ALTER TABLE crypto_invoice_cfo_sync ADD CONSTRAINT cut CHECK (entity_mapped <> '{RIGHT}')")
    with pytest.raises(Exception, match="cut"):
        correct(books, OCTOBER)
    books.ours("ALTER TABLE crypto_invoice_cfo_sync DROP CONSTRAINT cut")
    assert [row["classified_entity"] for row in books.transactions()] == [RIGHT, DELTA, DELTA]

    assert correct(books, OCTOBER) == 1
    assert books.ours("SELECT entity_mapped FROM crypto_invoice_cfo_sync ORDER BY id")[0] == {
        "entity_mapped": RIGHT
    }


def test_a_client_whom_no_mapping_matches_any_more_keeps_the_entity(synced: Books) -> None:
    books = synced
    books.ours("DELETE FROM cfo_entity_mappings")
    assert correct(books, OCTOBER, NOVEMBER) == 0
    assert {row["classified_entity"] for row in books.transactions()} == {DELTA}


def test_new_mappings_hold_for_what_is_synced_from_then_on(synced: Books) -> None:
    books = synced
    books.ours(
        "INSERT INTO cfo_entity_mappings VALUES (5, ' alps BLOCKCHAIN ', %s, 'Paraguay Energy')", RIGHT
    )
    books.paid("DPY-4")
    books.sync()
    last = books.transactions()[-1]
    assert (last["classified_entity"], last["business_unit"]) == (RIGHT, "Paraguay Energy")


def test_a_row_that_the_cfo_entered_keeps_its_entity(books: Books) -> None:
    books.theirs(
        """INSERT INTO transactions (date, description, amount, identifier, classified_entity)
           VALUES (now(), 'by hand', 100, 'DPY-1', 'Another Entity')"""
    )
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(linked=1)
    books.ours("UPDATE cfo_entity_mappings SET entity = %s", RIGHT)
    correct(books, OCTOBER)
    assert [row["classified_entity"] for row in books.transactions()] == ["Another Entity"]
