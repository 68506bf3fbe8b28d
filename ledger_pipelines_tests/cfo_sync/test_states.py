"""How an attempt ends (rules/cfo_sync.md, States): synced, tried again after 1, 5 and 15 minutes, or failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
from ledger_pipelines.errors import DatabaseUnavailableError
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.cfo.sync import SyncCounts, sync_invoices
from ledger_pipelines_tests.cfo_sync.building import NOON, Books
from ledger_pipelines_tests.cfo_sync.servers import CfoServer, cut_connections


def refuse_inserts(books: Books, sqlstate: str, amount: str | None = None) -> None:
    """Makes the CFO's database refuse inserts with this SQLSTATE: of one amount, or all."""
    condition = "" if amount is None else f"WHEN (NEW.amount = {amount})"
    books.theirs(
        f"""CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the CFO says no' USING ERRCODE = '{sqlstate}'; END $$"""
    )
    books.theirs("DROP TRIGGER IF EXISTS refuses ON transactions")
    books.theirs(
        f"CREATE TRIGGER refuses BEFORE INSERT ON transactions FOR EACH ROW {condition} EXECUTE FUNCTION refuse()"
    )


def accept_inserts(books: Books) -> None:
    books.theirs("DROP TRIGGER refuses ON transactions")


def count_inserts(books: Books) -> None:
    """Has the CFO's database count statements that insert, also those that are rolled back afterwards."""
    books.theirs("CREATE SEQUENCE inserts")
    books.theirs(
        """CREATE FUNCTION count_insert() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN PERFORM nextval('inserts'); RETURN NULL; END $$"""
    )
    books.theirs(
        "CREATE TRIGGER counts BEFORE INSERT ON transactions FOR EACH STATEMENT EXECUTE FUNCTION count_insert()"
    )


def inserts(books: Books) -> int:
    (row,) = books.theirs("SELECT last_value, is_called FROM inserts")
    return int(row["last_value"]) if row["is_called"] else 0


def interrupted(books: Books, call: int, act: Callable[[], object]) -> Callable[[], datetime]:
    """The books' clock, which does something at this call: a sync asks before each claim and after it."""
    calls = count(1)

    def watch() -> datetime:
        if next(calls) == call:
            act()
        return books.watch.now

    return watch


def in_order(books: Books) -> list[int]:
    """The crypto invoices, the oldest paid first, as a sync takes them."""
    return [row["id"] for row in books.ours("SELECT id FROM crypto_invoices ORDER BY paid_at")]


def assert_backs_off(books: Books, invoice: int) -> None:
    """Each attempt fails: after 1, 5 and 15 minutes it is tried again, and then no more."""
    for retry, minutes in enumerate((1, 5, 15)):
        counts = books.sync()
        assert (counts.to_retry, counts.failed) == (1, 0)
        assert counts.trouble
        state = books.state(invoice)
        assert (state["sync_status"], state["retry_count"], state["retryable"]) == ("retry", retry + 1, True)
        assert state["next_attempt_at"] == books.watch.now + timedelta(minutes=minutes)
        assert state["sync_error"]
        books.watch.forward(minutes=minutes, microseconds=-1)
        assert books.ready() == []
        assert books.sync() == SyncCounts()
        books.watch.forward(microseconds=1)
        assert books.ready() == [invoice]
    counts = books.sync()
    assert (counts.to_retry, counts.failed) == (0, 1)
    state = books.state(invoice)
    assert (state["sync_status"], state["retry_count"], state["next_attempt_at"]) == ("failed", 3, None)
    books.watch.forward(days=1)
    assert books.sync() == SyncCounts()
    assert [attempt["sync_status"] for attempt in books.log(invoice)] == ["retry"] * 3 + ["failed"]
    assert all(attempt["error_message"] for attempt in books.log(invoice))


def test_with_the_cfos_server_stopped_it_is_tried_after_1_5_and_15_minutes(
    books: Books, cfo_server: CfoServer
) -> None:
    invoice = books.paid("DPY-1")
    cfo_server.stop()

    assert_backs_off(books, invoice)
    assert "CFO_DATABASE_URL" in books.state(invoice)["sync_error"]

    cfo_server.start()
    assert books.sync(force=True) == SyncCounts(inserted=1)
    assert books.state(invoice)["retry_count"] == 0


def test_with_too_many_connections_it_is_tried_after_1_5_and_15_minutes(
    books: Books, cfo_server: CfoServer
) -> None:
    invoice = books.paid("DPY-1")
    writer = f"writer_of_{books.cfo.url.split('/cfo_')[1].split('?')[0]}"
    cfo_server.execute(f"CREATE ROLE {writer} LOGIN CONNECTION LIMIT 0")
    full = Books(
        books.ledger, Database(books.cfo.url.replace("postgres@", f"{writer}@"), None, "CFO_DATABASE_URL")
    )

    assert_backs_off(full, invoice)
    assert books.count() == 0


def test_what_passes_by_itself_is_tried_after_1_5_and_15_minutes(books: Books) -> None:
    for sqlstate in ("08006", "40001", "40P01", "53300", "57014", "57P01"):
        invoice = books.paid(f"DPY-{sqlstate}")
        refuse_inserts(books, sqlstate)

        assert_backs_off(books, invoice)
        assert "the CFO says no" in books.state(invoice)["sync_error"]


def test_a_retry_that_succeeds_is_synced_and_keeps_its_count(books: Books) -> None:
    invoice = books.paid("DPY-1")
    refuse_inserts(books, "40001")
    books.sync()
    accept_inserts(books)
    books.watch.forward(minutes=1)

    assert books.sync() == SyncCounts(inserted=1)
    state = books.state(invoice)
    assert (state["sync_status"], state["retry_count"], state["sync_error"]) == ("synced", 1, None)


def test_a_connection_that_was_cut_is_made_again_by_the_next_sync(books: Books) -> None:
    """Cut after two were claimed at once: neither is handed over, both wait for their retry, and no more are claimed."""
    books.many_paid(5, "DPY-")
    first, second, *others = in_order(books)

    def cut() -> None:
        assert cut_connections(books.cfo) == 1

    counts = sync_invoices(books.ledger, books.cfo, clock=interrupted(books, 4, cut), batch=2)

    assert (counts.inserted, counts.to_retry) == (2, 2)
    assert {books.state(invoice)["sync_status"] for invoice in (first, second)} == {"synced"}
    reasons = {books.state(invoice)["sync_error"] for invoice in others[:2]}
    assert len(reasons) == 1
    assert None not in reasons
    assert books.sync() == SyncCounts(inserted=1)
    books.watch.forward(minutes=1)
    assert books.sync() == SyncCounts(inserted=2)
    assert books.count() == 5


def test_what_is_refused_in_a_batch_with_trouble_has_failed_all_the_same(books: Books) -> None:
    books.many_paid(4, "DPY-")
    *_, third, fourth = in_order(books)
    books.ours("UPDATE crypto_invoices SET crypto_currency = ' ' WHERE id = %s", fourth)

    counts = sync_invoices(
        books.ledger, books.cfo, clock=interrupted(books, 4, lambda: cut_connections(books.cfo)), batch=2
    )

    assert (counts.inserted, counts.to_retry, counts.failed) == (2, 1, 1)
    assert counts.trouble == books.state(third)["sync_error"]
    assert "currency" in books.state(fourth)["sync_error"]


def test_with_our_own_database_cut_the_sync_says_so_and_the_claim_expires(books: Books) -> None:
    books.many_paid(2, "DPY-")

    def cut() -> None:
        assert cut_connections(books.ledger) == 2, "the one that claims and the one that records"

    with pytest.raises(DatabaseUnavailableError):
        sync_invoices(books.ledger, books.cfo, clock=interrupted(books, 2, cut))

    books.watch.forward(minutes=5, seconds=1)
    books.sync()
    assert (books.count(), books.ready()) == (2, [])


def test_a_batch_that_could_not_be_recorded_is_linked_by_the_next_sync(books: Books) -> None:
    """While the second was claimed, the first could not be recorded: nothing more is handed over than was."""
    books.many_paid(3, "DPY-")
    books.ours(
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE 'the disk is full' USING ERRCODE = 'disk_full'; END $$"""
    )
    books.ours("CREATE TRIGGER disk_full BEFORE INSERT ON crypto_cfo_sync_log EXECUTE FUNCTION refuse()")
    with pytest.raises(DatabaseUnavailableError, match="DiskFull"):
        sync_invoices(books.ledger, books.cfo, clock=lambda: books.watch.now, batch=1)
    assert books.count() == 2
    assert [books.state(one)["sync_status"] for one in in_order(books)[:2]] == ["pending", "pending"]

    books.ours("DROP TRIGGER disk_full ON crypto_cfo_sync_log")
    books.watch.forward(minutes=5, seconds=1)
    assert books.sync() == SyncCounts(inserted=1, linked=2)
    assert (books.count(), books.ready()) == (3, [])


def rename_table(books: Books) -> None:
    books.theirs("ALTER TABLE transactions RENAME TO movements")


def drop_column(books: Books) -> None:
    books.theirs("ALTER TABLE transactions DROP COLUMN destination")


def refuse_a_value(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ADD CHECK (currency = 'BTC')")


def shorten_a_column(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ALTER COLUMN description TYPE varchar(5)")


@pytest.mark.parametrize("spoil", [rename_table, drop_column, refuse_a_value, shorten_a_column])
def test_a_permanent_error_is_not_tried_again(books: Books, spoil: Callable[[Books], None]) -> None:
    invoice = books.paid("DPY-1")
    spoil(books)

    assert books.sync() == SyncCounts(failed=1)
    state = books.state(invoice)
    assert (state["sync_status"], state["retryable"], state["retry_count"]) == ("failed", False, 0)
    assert state["next_attempt_at"] is None
    assert state["sync_error"]
    books.watch.forward(days=1)
    assert books.ready() == []
    assert books.sync() == SyncCounts()
    assert len(books.log(invoice)) == 1


def test_an_invoice_that_cannot_be_a_transaction_fails_with_its_reason(books: Books) -> None:
    unmapped = books.paid("DPY-1", client="Nobody's")
    books.ours("DELETE FROM cfo_entity_mappings WHERE client_name IS NULL")
    mapped = books.paid("DPY-2")

    assert books.sync() == SyncCounts(inserted=1, failed=1)
    assert books.state(mapped)["sync_status"] == "synced"
    state = books.state(unmapped)
    assert (state["sync_status"], state["retryable"]) == ("failed", False)
    assert "no entity mapping" in state["sync_error"]


@pytest.mark.parametrize(
    ("source_file", "identifier"),
    [("by hand.csv", "DPY-1"), ("crypto_invoice_DPY-1", "another"), ("crypto_invoice_DPY-1", "DPY-1")],
)
def test_a_transaction_that_is_there_is_linked_and_left_as_it_is(
    books: Books, source_file: str, identifier: str
) -> None:
    invoice = books.paid("DPY-1")
    books.theirs(
        """INSERT INTO transactions (date, description, amount, source_file, identifier)
           VALUES (%s, 'Booked by hand', 100, %s, %s)""",
        NOON,
        source_file,
        identifier,
    )
    before = books.transactions()

    assert books.sync() == SyncCounts(linked=1)

    assert books.transactions() == before
    state = books.state(invoice)
    assert (state["sync_status"], state["cfo_transaction_id"]) == ("synced", before[0]["id"])
    assert books.log(invoice)[0]["response_data"] == {"id": before[0]["id"], "inserted": False}
    assert books.ours("SELECT status FROM crypto_invoices") == [{"status": "complete"}]


def test_one_bad_invoice_of_500_does_not_hold_back_the_other_499(books: Books) -> None:
    books.many_paid(500, "DPY-")
    books.theirs("ALTER TABLE transactions ADD CONSTRAINT no_unlucky_amounts CHECK (amount <> 2.37)")
    count_inserts(books)

    assert books.sync() == SyncCounts(inserted=499, failed=1)

    assert books.count() == 499
    (failed,) = books.ours(
        """SELECT invoice_number, sync_error, retryable FROM crypto_invoice_cfo_sync s
           JOIN crypto_invoices i ON i.id = s.invoice_id WHERE sync_status = 'failed'"""
    )
    assert (failed["invoice_number"], failed["retryable"]) == ("DPY-237", False)
    assert "no_unlucky_amounts" in failed["sync_error"]
    # Halving 500 until one stands alone takes 9 steps of two statements each.
    assert 1 <= inserts(books) <= 25


def test_500_good_invoices_are_one_statement(books: Books) -> None:
    books.many_paid(500, "DPY-")
    count_inserts(books)

    assert books.sync() == SyncCounts(inserted=500)
    assert inserts(books) == 1


def test_an_invoice_that_the_cfo_takes_and_drops_does_not_hold_back_the_others(books: Books) -> None:
    """A trigger of the CFO's that silently leaves a row out: there is nothing to link, so it is not synced."""
    books.many_paid(10, "DPY-")
    books.theirs("CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    books.theirs(
        """CREATE TRIGGER drops BEFORE INSERT ON transactions FOR EACH ROW WHEN (NEW.amount = 0.03)
           EXECUTE FUNCTION drop_it()"""
    )

    counts = books.sync()

    assert (counts.inserted, counts.linked, counts.failed) == (9, 0, 1)
    (left,) = books.ours(
        "SELECT sync_status, sync_error FROM crypto_invoice_cfo_sync WHERE sync_status <> 'synced'"
    )
    assert left["sync_status"] in {"failed", "retry"}
    assert left["sync_error"]


def test_force_takes_failed_ones_again_from_count_0(books: Books) -> None:
    exhausted, permanent = books.paid("DPY-1"), books.paid("DPY-2", "200.00")
    refuse_inserts(books, "23514", "200.00")
    books.sync(invoice_ids=[permanent])
    refuse_inserts(books, "40001")
    for minutes in (1, 5, 15, 0):
        books.sync(invoice_ids=[exhausted])
        books.watch.forward(minutes=minutes)
    assert [books.state(one)["sync_status"] for one in (exhausted, permanent)] == ["failed", "failed"]
    assert books.state(exhausted)["retry_count"] == 3

    assert books.sync(force=True).to_retry == 2
    for invoice in (exhausted, permanent):
        state = books.state(invoice)
        assert (state["sync_status"], state["retry_count"]) == ("retry", 1)
        assert state["next_attempt_at"] == books.watch.now + timedelta(minutes=1)

    accept_inserts(books)
    books.watch.forward(minutes=1)
    assert books.sync() == SyncCounts(inserted=2)
    assert books.state(permanent)["retryable"] is True


def test_force_does_not_wait_for_a_retry(books: Books) -> None:
    invoice = books.paid("DPY-1")
    refuse_inserts(books, "40001")
    books.sync()
    accept_inserts(books)
    assert books.sync() == SyncCounts()
    assert books.sync(force=True) == SyncCounts(inserted=1)
    assert books.state(invoice)["retry_count"] == 0


def test_force_of_one_invoice_leaves_the_others_alone(books: Books) -> None:
    first, second = books.paid("DPY-1"), books.paid("DPY-2")
    refuse_inserts(books, "23514")
    books.sync()
    accept_inserts(books)

    assert books.sync(force=True, invoice_ids=[second]) == SyncCounts(inserted=1)
    assert [books.state(one)["sync_status"] for one in (first, second)] == ["failed", "synced"]


def test_force_takes_every_failed_invoice_however_many_a_batch_has(books: Books) -> None:
    books.many_paid(5, "DPY-")
    refuse_inserts(books, "23514")
    books.sync()
    accept_inserts(books)

    assert books.sync(force=True, batch=2) == SyncCounts(inserted=5)


def test_a_sync_killed_after_its_claim_is_made_good_when_the_claim_has_expired(books: Books) -> None:
    invoice = books.paid("DPY-1")

    def kill() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync_invoices(books.ledger, books.cfo, clock=interrupted(books, 2, kill))
    assert (books.state(invoice)["sync_status"], books.count()) == ("pending", 0)

    books.watch.forward(minutes=5)
    assert books.sync() == SyncCounts()
    books.watch.forward(microseconds=1)
    assert books.sync() == SyncCounts(inserted=1)


def test_a_sync_killed_between_hand_over_and_record_is_linked_when_the_claim_has_expired(
    books: Books,
) -> None:
    invoice = books.paid("DPY-1")
    books.ours("ALTER TABLE crypto_invoice_cfo_sync ADD CONSTRAINT unready CHECK (sync_status <> 'synced')")
    with pytest.raises(Exception, match="unready"):
        books.sync()
    assert (books.state(invoice)["sync_status"], books.count()) == ("pending", 1)
    books.ours("ALTER TABLE crypto_invoice_cfo_sync DROP CONSTRAINT unready")

    books.watch.forward(minutes=5)
    assert books.sync() == SyncCounts()
    books.watch.forward(microseconds=1)
    assert books.sync() == SyncCounts(linked=1)
    (transaction,) = books.transactions()
    state = books.state(invoice)
    assert (state["sync_status"], state["cfo_transaction_id"]) == ("synced", transaction["id"])
    assert books.ours("SELECT status FROM crypto_invoices") == [{"status": "complete"}]


def test_a_slow_sync_leaves_what_another_has_taken_over_to_that_one(books: Books) -> None:
    """The slow one's claim expires before it hands over: the other inserts, the slow one links and changes nothing."""
    invoice = books.paid("DPY-1")
    left = []

    def take_over() -> None:
        books.watch.forward(minutes=6)
        assert books.sync() == SyncCounts(inserted=1)
        left.append(books.state(invoice))

    sync_invoices(books.ledger, books.cfo, clock=interrupted(books, 2, take_over))

    assert left == [books.state(invoice)]
    assert books.count() == 1


def test_a_slow_sync_that_fails_does_not_undo_what_another_has_recorded(books: Books) -> None:
    invoice = books.paid("DPY-1")

    def take_over() -> None:
        books.watch.forward(minutes=6)
        assert books.sync() == SyncCounts(inserted=1)
        rename_table(books)

    sync_invoices(books.ledger, books.cfo, clock=interrupted(books, 2, take_over))

    assert books.state(invoice)["sync_status"] == "synced"
    assert [row["sync_status"] for row in books.log(invoice)] == ["synced", "failed"]


def test_months_are_those_of_the_payment_in_utc(books: Books) -> None:
    last_of_september = NOON.replace(month=9, day=30, hour=23, minute=59)
    september = books.paid("DPY-1", paid_at=last_of_september)
    books.paid("DPY-2", paid_at=last_of_september + timedelta(minutes=1))

    assert books.sync(months=[last_of_september.date().replace(day=1)]) == SyncCounts(inserted=1)
    assert books.state(september)["sync_status"] == "synced"
    assert books.sync() == SyncCounts(inserted=1)


def test_preparing_the_cfos_database_again_changes_nothing(books: Books) -> None:
    books.paid("DPY-1")
    books.sync()
    before = books.transactions()
    prepare_cfo_database(books.cfo)
    assert books.transactions() == before
    assert before[0]["amount"] == Decimal("100.00")
