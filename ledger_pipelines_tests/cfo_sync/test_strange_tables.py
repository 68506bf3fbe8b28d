"""A CFO whose table and database are their own: other keys, ids, columns, encodings and limits than ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from ledger_pipelines.destinations.cfo.transactions import hand_over, prepare_cfo_database
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.cfo.sync import SyncCounts, correct_months
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.cfo_sync.servers import CfoServer, cut_connections

OCTOBER = date(2025, 10, 1)


def failed_reason(books: Books, invoice: int) -> str:
    """Why the invoice has failed for good."""
    state = books.state(invoice)
    assert (state["sync_status"], state["retryable"]) == ("failed", False)
    return str(state["sync_error"])


def test_an_index_with_our_name_that_is_no_key_is_left_and_ours_gets_another_name(books: Books) -> None:
    books.theirs("DROP INDEX transactions_source_file")
    books.theirs("CREATE INDEX transactions_source_file ON transactions (source_file)")
    assert prepare_cfo_database(books.cfo) == []
    assert set(indexes(books)) == {
        "transactions_pkey",
        "transactions_source_file",
        "ledger_transactions_source_file",
        "transactions_identifier",
    }


def indexes(books: Books) -> dict[str, str]:
    """The indexes of the CFO's table, by name, as PostgreSQL would make them."""
    rows = books.theirs("SELECT indexname, indexdef FROM pg_indexes WHERE lower(tablename) = 'transactions'")
    return {row["indexname"]: row["indexdef"] for row in rows}


def test_a_key_of_the_cfos_own_is_as_good_as_ours(books: Books) -> None:
    books.theirs("ALTER INDEX transactions_source_file RENAME TO one_file_once")
    prepare_cfo_database(books.cfo)
    assert books.theirs("SELECT to_regclass('transactions_source_file') AS ours")[0]["ours"] is None


def test_a_file_of_many_rows_that_the_cfo_loads_otherwise_is_no_hindrance(books: Books) -> None:
    books.theirs("DROP INDEX transactions_source_file, transactions_identifier")
    books.theirs(
        """INSERT INTO transactions (date, description, amount, source_file)
           SELECT now(), 'Card payment', n, 'bank_2025_10.csv' FROM generate_series(1, 3) n"""
    )
    prepare_cfo_database(books.cfo)
    prepare_cfo_database(books.cfo)
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)
    with pytest.raises(psycopg.errors.UniqueViolation):
        books.theirs(
            """INSERT INTO transactions (date, description, amount, source_file)
               VALUES (now(), 'twice', 1, 'crypto_invoice_DPY-1')"""
        )


def test_a_key_over_some_other_rows_is_none(books: Books) -> None:
    books.theirs("DROP INDEX transactions_source_file")
    books.theirs(
        "CREATE UNIQUE INDEX transactions_source_file ON transactions (source_file) "
        "WHERE starts_with(source_file, 'crypto_invoice_')"
    )
    prepare_cfo_database(books.cfo)
    assert "ledger_transactions_source_file" in indexes(books)


def test_two_hand_overs_of_one_file_are_told_with_what_to_do_and_hold_nothing_back(books: Books) -> None:
    books.theirs("DROP INDEX transactions_source_file")
    books.theirs(
        """INSERT INTO transactions (date, description, amount, source_file)
           SELECT now(), 'twice', 1, 'crypto_invoice_DPY-0' FROM generate_series(1, 2)"""
    )
    (note,) = prepare_cfo_database(books.cfo)
    assert "(crypto_invoice_DPY-0) is duplicated" in note
    assert note.endswith("`ledger cfo verify` says which; delete one of them.")
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ("CREATE VIEW transactions AS SELECT * FROM kept", "a view"),
        ("CREATE SEQUENCE transactions", "a sequence"),
    ],
)
def test_what_is_no_table_is_told_in_one_sentence(books: Books, other: str, kind: str) -> None:
    books.theirs("ALTER TABLE transactions RENAME TO kept")
    books.theirs("DROP INDEX transactions_source_file, transactions_identifier")
    books.theirs(other)
    with pytest.raises(LedgerError, match=f"was left as it was: it is {kind}, and must be a table"):
        prepare_cfo_database(books.cfo)


def big_ids(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ALTER id TYPE bigint")
    books.theirs("ALTER TABLE transactions ALTER id SET START 3000000000 RESTART")


def test_ids_beyond_the_integers_are_kept(books: Books) -> None:
    big_ids(books)
    invoice = books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)
    assert books.state(invoice)["cfo_transaction_id"] == 3_000_000_000
    assert books.log(invoice)[0]["cfo_transaction_id"] == 3_000_000_000
    assert books.sync() == SyncCounts()


def uuids(books: Books) -> None:
    books.theirs(
        "ALTER TABLE transactions DROP COLUMN id, ADD COLUMN id uuid PRIMARY KEY DEFAULT gen_random_uuid()"
    )


def needs_more(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ADD COLUMN booked_by text NOT NULL")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(uuids, "its id is uuid, and must be a whole number"), (needs_more, "it needs booked_by")],
)
def test_what_no_invoice_can_fit_fails_all_of_them_at_once_with_the_reason(
    books: Books, spoil: Callable[[Books], None], reason: str
) -> None:
    invoices = [books.paid("DPY-1"), books.paid("DPY-2")]
    spoil(books)

    assert books.sync() == SyncCounts(failed=2)

    assert all(reason in failed_reason(books, invoice) for invoice in invoices)
    assert books.count() == 0


def test_a_needed_column_that_a_trigger_fills_is_no_hindrance(books: Books) -> None:
    needs_more(books)
    books.theirs(
        "CREATE FUNCTION book() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.booked_by := current_user; RETURN NEW; END'"
    )
    books.theirs("CREATE TRIGGER books BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION book()")
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)


def test_a_database_in_another_encoding_keeps_the_names_as_they_are(
    books: Books, cfo_server: CfoServer
) -> None:
    name = f"latin_{uuid4().hex}"
    cfo_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    latin = Books(books.ledger, Database(_renamed(books.cfo.url, name), None, "CFO_DATABASE_URL"))
    prepare_cfo_database(latin.cfo)
    readable = books.paid("ÑANDÚ-1", client="Café São")
    unwritable = books.paid("DPY-🙂")

    assert latin.sync() == SyncCounts(inserted=1, failed=1)

    (transaction,) = latin.transactions()
    assert (transaction["identifier"], transaction["description"]) == (
        "ÑANDÚ-1",
        "Invoice ÑANDÚ-1 - Café São - 2025-10 hosting",
    )
    assert books.state(readable)["sync_status"] == "synced"
    assert "LATIN1" in failed_reason(books, unwritable)
    cfo_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _renamed(url: str, name: str) -> str:
    head, tail = url.split("/cfo_", 1)
    return f"{head}/{name}{tail[tail.index('?') :]}"


def test_a_ledger_that_writes_dates_another_way_is_read_all_the_same(books: Books) -> None:
    (name,) = books.ours("SELECT current_database() AS name")
    books.ours(f"ALTER DATABASE {name['name']} SET datestyle = 'SQL, DMY'")
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)


def test_a_table_that_somebody_keeps_locked_is_tried_again_later(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = books.paid("DPY-1")
    monkeypatch.setattr("ledger_pipelines.destinations.cfo.transactions.LOCK_TIMEOUT", "50ms")
    with psycopg.connect(books.cfo.url) as other:
        other.execute("LOCK TABLE transactions IN EXCLUSIVE MODE")
        counts = books.sync()
    assert counts.to_retry == 1
    assert "lock timeout" in books.state(invoice)["sync_error"]


def test_an_invoice_that_somebody_keeps_locked_does_not_hold_back_the_others(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something else enters a row of the same file, and has not committed it yet."""
    monkeypatch.setattr("ledger_pipelines.destinations.cfo.transactions.LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr("ledger_pipelines.workflows.cfo.delivery._BRIEFLY", "50ms")
    books.many_paid(50, "DPY-")
    with psycopg.connect(books.cfo.url) as other:
        other.execute(
            "INSERT INTO transactions (date, description, amount, source_file) "
            "VALUES (now(), 'another sync', 1, 'crypto_invoice_DPY-7')"
        )
        assert books.sync() == SyncCounts(inserted=49, to_retry=1)
    books.watch.forward(minutes=2)
    assert books.sync() == SyncCounts(linked=1)


def test_a_table_that_somebody_keeps_locked_holds_back_all_and_is_not_waited_for_for_ever(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_pipelines.destinations.cfo.transactions.LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr("ledger_pipelines.workflows.cfo.delivery._BRIEFLY", "1ms")
    books.many_paid(1000, "DPY-")
    with psycopg.connect(books.cfo.url) as other:
        other.execute("LOCK TABLE transactions IN EXCLUSIVE MODE")
        counts = books.sync(batch=500)
    assert counts.to_retry == 500
    assert counts.trouble is not None


def test_a_few_invoices_under_a_locked_table_are_trouble(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_pipelines.destinations.cfo.transactions.LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr("ledger_pipelines.workflows.cfo.delivery._BRIEFLY", "1ms")
    books.many_paid(5, "DPY-")
    with psycopg.connect(books.cfo.url) as other:
        other.execute("LOCK TABLE transactions IN EXCLUSIVE MODE")
        counts = books.sync()
    assert counts.to_retry == 5
    assert "are locked" in (counts.trouble or "")


def test_a_locked_table_is_not_prepared_nor_waited_for_for_ever(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_pipelines.destinations.cfo.transactions.LOCK_TIMEOUT", "50ms")
    with psycopg.connect(books.cfo.url) as other:
        other.execute("LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailableError, match="are locked"):
            prepare_cfo_database(books.cfo)


def test_a_connection_that_is_lost_while_preparing_is_no_defect_of_the_table(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(connection: psycopg.Connection) -> None:
        cut_connections(books.cfo)
        connection.execute("SELECT 1")

    monkeypatch.setattr("ledger_pipelines.destinations.cfo.transactions.limit_waiting", cut)
    with pytest.raises(DatabaseUnavailableError, match="out of reach"):
        prepare_cfo_database(books.cfo)


def test_a_key_over_all_rows_that_an_earlier_version_made_is_narrowed(books: Books) -> None:
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)
    books.theirs("DROP INDEX transactions_source_file")
    books.theirs("CREATE UNIQUE INDEX transactions_source_file ON transactions (source_file)")
    prepare_cfo_database(books.cfo)
    books.theirs(
        """INSERT INTO transactions (date, description, amount, source_file)
           SELECT now(), 'Card payment', n, 'bank_2025_10.csv' FROM generate_series(1, 2) n"""
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        books.theirs(
            """INSERT INTO transactions (date, description, amount, source_file)
               VALUES (now(), 'twice', 1, 'crypto_invoice_DPY-1')"""
        )


def test_a_right_that_is_missing_for_every_row_is_not_looked_for_row_by_row(
    books: Books, cfo_server: CfoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_sequence(books)
    writer = f"writer_{uuid4().hex}"
    cfo_server.execute(f"CREATE ROLE {writer} LOGIN")
    books.theirs(f"GRANT SELECT, INSERT ON transactions TO {writer}")
    calls = []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return hand_over(*arguments, **named)

    monkeypatch.setattr("ledger_pipelines.workflows.cfo.delivery.hand_over", counted)
    theirs = Database(books.cfo.url.replace("postgres@", f"{writer}@"), None, "CFO_DATABASE_URL")
    books.many_paid(40, "DPY-")
    assert Books(books.ledger, theirs).sync() == SyncCounts(failed=40)
    assert len(calls) == 1
    books.theirs(f"DROP OWNED BY {writer}")


def test_rows_that_a_policy_refuses_do_not_hold_back_the_others(books: Books, cfo_server: CfoServer) -> None:
    writer = f"writer_{uuid4().hex}"
    cfo_server.execute(f"CREATE ROLE {writer} LOGIN")
    books.theirs(f"GRANT SELECT, INSERT ON transactions TO {writer}")
    books.theirs("ALTER TABLE transactions ENABLE ROW LEVEL SECURITY")
    books.theirs("CREATE POLICY readers ON transactions FOR SELECT USING (true)")
    books.theirs("CREATE POLICY small ON transactions FOR INSERT WITH CHECK (amount < 0.10)")
    theirs = Database(books.cfo.url.replace("postgres@", f"{writer}@"), None, "CFO_DATABASE_URL")
    books.many_paid(10, "DPY-")
    assert Books(books.ledger, theirs).sync() == SyncCounts(inserted=9, failed=1)
    books.theirs(f"REVOKE INSERT ON transactions FROM {writer}")
    books.many_paid(10, "DPZ-")
    assert Books(books.ledger, theirs).sync().failed == 10
    books.theirs(f"DROP OWNED BY {writer}")


def test_a_cfo_that_is_read_only_for_a_while_is_tried_again_later(books: Books) -> None:
    invoice = books.paid("DPY-1")
    (name,) = books.theirs("SELECT current_database() AS name")
    books.theirs(f"ALTER DATABASE {name['name']} SET default_transaction_read_only = on")
    assert books.sync().to_retry == 1
    assert "read-only" in books.state(invoice)["sync_error"]


def test_a_correction_that_the_cfo_does_not_let_us_make_says_what_is_missing(
    books: Books, cfo_server: CfoServer
) -> None:
    books.paid("DPY-1")
    assert books.sync() == SyncCounts(inserted=1)
    reader = f"reader_{uuid4().hex}"
    cfo_server.execute(f"CREATE ROLE {reader} LOGIN")
    books.theirs(f"GRANT SELECT, INSERT ON transactions TO {reader}")
    theirs = Database(books.cfo.url.replace("postgres@", f"{reader}@"), None, "CFO_DATABASE_URL")
    books.ours("UPDATE cfo_entity_mappings SET entity = 'Delta Energía S.A.'")
    with pytest.raises(
        LedgerError, match=r"could not be corrected \(permission denied .*\): the CFO's user must"
    ):
        correct_months(books.ledger, theirs, [OCTOBER], clock=books.watch)
    books.theirs(f"REVOKE ALL ON transactions FROM {reader}")


@pytest.mark.parametrize("entity", ["", " ", "x" * 256])
def test_a_mapping_that_the_cfo_could_not_keep_is_refused(books: Books, entity: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        books.ours("UPDATE cfo_entity_mappings SET entity = %s", entity)


def test_what_could_not_be_recorded_is_told_though_a_later_batch_was(books: Books) -> None:
    """The first batch's record is refused, those of the others would not be: the sync fails all the same."""
    books.many_paid(3, "DPY-")
    (first,) = books.ours("SELECT min(id) AS id FROM crypto_invoices")
    books.ours(f"ALTER TABLE crypto_cfo_sync_log ADD CONSTRAINT unready CHECK (invoice_id <> {first['id']})")
    with pytest.raises(psycopg.errors.CheckViolation, match="unready"):
        books.sync(batch=1)


def integer_dates(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ALTER date TYPE date")


def whole_amounts(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ALTER amount TYPE bigint")


def no_sequence(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ALTER id DROP IDENTITY")
    books.theirs("CREATE SEQUENCE numbers START 70")
    books.theirs("ALTER TABLE transactions ALTER id SET DEFAULT nextval('numbers')")


def always_generated(books: Books) -> None:
    books.theirs("ALTER TABLE transactions ALTER id SET GENERATED ALWAYS")


@pytest.mark.parametrize("change", [integer_dates, whole_amounts, no_sequence, always_generated])
def test_a_table_that_is_made_another_way_takes_the_same(
    books: Books, change: Callable[[Books], None]
) -> None:
    change(books)
    invoices = [books.paid("DPY-1"), books.paid("DPY-2")]
    assert books.sync() == SyncCounts(inserted=2)
    rows = books.theirs(
        "SELECT id, identifier, date::date::text AS day, amount FROM transactions ORDER BY id"
    )
    assert [(row["identifier"], row["day"], row["amount"]) for row in rows] == [
        ("DPY-1", "2025-10-22", 100),
        ("DPY-2", "2025-10-22", 100),
    ]
    assert [books.state(one)["cfo_transaction_id"] for one in invoices] == [row["id"] for row in rows]


def test_an_id_that_the_cfo_gave_by_hand_is_passed_over(books: Books) -> None:
    """A row with an id of its own, which the sequence does not know: it comes to it later."""
    books.theirs("INSERT INTO transactions (id, date, description, amount) VALUES (1, now(), 'by hand', 1)")
    books.paid("DPY-1")
    books.paid("DPY-2")
    assert books.sync() == SyncCounts(inserted=2)
    assert books.count() == 3
