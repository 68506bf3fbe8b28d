"""Tables of the CFO's own in the forms that they have in real life: ours works or refuses, theirs goes on as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest

from ledger_pipelines.destinations.cfo.table import UnfitTableError, find_table, lag_of_ids
from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines_tests.cfo_sync.building import Books, Row
from ledger_pipelines_tests.cfo_sync.servers import CfoServer
from ledger_pipelines_tests.conftest import SHARED_DATA

_SEED = """CREATE TABLE transactions (id SERIAL PRIMARY KEY, Date TIMESTAMP, Description TEXT, Amount DECIMAL(15, 2),
    classified_entity VARCHAR(255), Business_Unit VARCHAR(255), source_file VARCHAR(255), transaction_type VARCHAR(50),
    confidence DECIMAL(3, 2), classification_reason TEXT, Origin TEXT, Destination TEXT, Identifier TEXT,
    Currency VARCHAR(10), created_at TIMESTAMP DEFAULT now())"""
_AGENT = """CREATE TABLE transactions (id BIGSERIAL PRIMARY KEY, tenant_id VARCHAR(100) DEFAULT 'delta' NOT NULL,
    date DATE, description TEXT, amount DOUBLE PRECISION, currency VARCHAR(10), usd_equivalent DECIMAL(15, 2),
    classified_entity TEXT, business_unit TEXT, justification TEXT, confidence DECIMAL(3, 2), classification_reason TEXT,
    origin TEXT, destination TEXT, identifier TEXT, source_file TEXT, transaction_type TEXT)"""
_TEXT_KEY = """CREATE TABLE transactions (transaction_id TEXT PRIMARY KEY, date DATE, description TEXT,
    amount DECIMAL(15, 2), currency VARCHAR(10), usd_equivalent DECIMAL(15, 2), classified_entity TEXT,
    justification TEXT, confidence DECIMAL(3, 2), classification_reason TEXT, origin TEXT, destination TEXT,
    identifier TEXT, source_file TEXT, tenant_id VARCHAR(100) DEFAULT 'delta' NOT NULL)"""
_CAPITALS = """CREATE TABLE "Transactions" ("Id" SERIAL PRIMARY KEY, "Date" TIMESTAMPTZ, "Description" TEXT,
    "Amount" NUMERIC(18, 2), "Classified_Entity" TEXT, "Business_Unit" TEXT, "Source_File" TEXT, "Transaction_Type" TEXT,
    "Confidence" NUMERIC(4, 2), "Classification_Reason" TEXT, "Origin" TEXT, "Destination" TEXT, "Identifier" TEXT,
    "Currency" VARCHAR(20))"""
_TRIGGER = """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.business_unit := upper(NEW.business_unit); RETURN NEW; END $$;
    CREATE TRIGGER stamps BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION stamp()"""


@dataclass(frozen=True)
class Form:
    """A table of the CFO's: what makes it, how they load two rows of a bank's file, and how a row is read."""

    make: tuple[str, ...]
    load: str
    read: str = (
        "SELECT id, identifier, amount::numeric(18, 2) AS amount, currency, business_unit FROM transactions"
    )

    def load_bank(self, books: Books) -> None:
        """Their own import: rows of one file, without an identifier worth the name."""
        books.theirs(self.load)


_LOAD = """INSERT INTO transactions (date, description, amount, identifier, source_file)
           SELECT now(), 'Card payment', n, 'nan', 'bank_2025_10.csv' FROM generate_series(1, 2) n"""
_LOAD_CAPITALS = """INSERT INTO "Transactions" ("Date", "Description", "Amount", "Identifier", "Source_File")
           SELECT now(), 'Card payment', n, 'nan', 'bank_2025_10.csv' FROM generate_series(1, 2) n"""
_READ_CAPITALS = """SELECT "Id" AS id, "Identifier" AS identifier, "Amount" AS amount, "Currency" AS currency,
                           "Business_Unit" AS business_unit FROM "Transactions" """
FORMS = {
    "the seed's": Form((_SEED,), _LOAD),
    "DeltaCFOAgent's": Form((_AGENT,), _LOAD),
    "quoted capitals": Form((_CAPITALS,), _LOAD_CAPITALS, _READ_CAPITALS),
    "with a trigger": Form((_SEED, _TRIGGER), _LOAD),
}


def made(books: Books, *statements: str) -> None:
    """The CFO's table, made by themselves in place of ours."""
    books.theirs("DROP TABLE transactions")
    for statement in statements:
        books.theirs(statement)


def described(books: Books) -> list[Row]:
    """All that there is of the CFO's table beside its rows: columns, indexes, triggers."""
    return books.theirs(
        """SELECT attname AS name, format_type(atttypid, atttypmod) AS made FROM pg_attribute
           WHERE attrelid = (SELECT oid FROM pg_class WHERE lower(relname) = 'transactions' AND relkind = 'r')
           UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE lower(tablename) = 'transactions'
           UNION ALL SELECT tgname, '' FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"""
    )


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_real_table_takes_paid_invoices_once_and_its_own_rows_as_before(books: Books, form: Form) -> None:
    made(books, *form.make)
    form.load_bank(books)
    assert prepare_cfo_database(books.cfo) == []
    form.load_bank(books)
    invoices = [
        books.paid("DPY-1"),
        books.paid("DPY-2", "43250.00", crypto_currency="BTC", crypto_amount="0.5"),
    ]

    assert books.sync() == SyncCounts(inserted=2)
    form.load_bank(books)
    books.ours("DELETE FROM crypto_invoice_cfo_sync")
    books.ours("UPDATE crypto_invoices SET status = 'paid'")
    assert books.sync() == SyncCounts(linked=2)

    ours = [row for row in books.theirs(form.read + " ORDER BY 1") if row["identifier"] != "nan"]
    assert [(row["identifier"], str(row["amount"]), row["currency"]) for row in ours] == [
        ("DPY-1", "100.00", "USD"),
        ("DPY-2", "43250.00", "USD"),
    ]
    assert [row["business_unit"].title() for row in ours] == ["Paraguay Mining"] * 2
    assert [books.state(one)["cfo_transaction_id"] for one in invoices] == [row["id"] for row in ours]
    assert len(books.theirs(form.read)) == 8


def test_a_table_whose_key_is_a_text_is_refused_before_anything_is_touched(books: Books) -> None:
    made(books, _TEXT_KEY)
    load = _LOAD.replace("(date,", "(transaction_id, date,").replace(
        "SELECT now()", "SELECT gen_random_uuid(), now()"
    )
    books.theirs(load)
    before = described(books)
    with pytest.raises(UnfitTableError) as refused:
        prepare_cfo_database(books.cfo)
    assert "it lacks id (a whole number that is its key), business_unit, transaction_type" in str(
        refused.value
    )
    assert "was left as it was" in str(refused.value)
    invoice = books.paid("DPY-1")
    assert books.sync().failed == 1
    assert "it lacks id" in books.state(invoice)["sync_error"]
    books.theirs(load)
    assert described(books) == before
    assert books.count() == 4


@pytest.mark.skipif(not (SHARED_DATA / "hostile").is_dir(), reason="the shared small inputs are not there")
def test_the_reported_tables_are_refused_or_named_as_reported(books: Books) -> None:
    made(books, (SHARED_DATA / "hostile" / "02_cfo_table_transaction_id.sql").read_text())
    with pytest.raises(UnfitTableError, match="it lacks id"):
        prepare_cfo_database(books.cfo)
    made(books, _SEED, (SHARED_DATA / "hostile" / "04_cfo_sequence_behind.sql").read_text())
    invoice = books.paid("DPY-1")
    assert books.sync().failed == 1
    assert "The id sequence transactions_id_seq" in books.state(invoice)["sync_error"]


def lagging(books: Books) -> None:
    """Rows that were loaded with their ids: the sequence does not know of them."""
    books.theirs(
        """INSERT INTO transactions (id, date, description, amount, source_file)
           SELECT g, now(), 'bank row', g, 'bank.csv' FROM generate_series(1, 1000) g"""
    )


def triggered(books: Books) -> None:
    books.theirs(_TRIGGER)
    lagging(books)


@pytest.mark.parametrize("lag", [lagging, triggered])
def test_a_sequence_that_lags_behind_is_named_and_what_to_do_helps(
    books: Books, lag: Callable[[Books], None]
) -> None:
    lag(books)
    with books.cfo.connect() as theirs:
        table = find_table(theirs)
        assert table is not None
        told = lag_of_ids(theirs, table)
    invoice = books.paid("DPY-1")
    assert books.sync() == SyncCounts(failed=1)
    error = books.state(invoice)["sync_error"]
    assert told == error
    assert "they go up to 1,000" in error
    assert books.count() == 1000

    books.theirs("SELECT setval('transactions_id_seq', 1000)")
    assert books.sync(force=True) == SyncCounts(inserted=1)
    with books.cfo.connect() as theirs:
        table = find_table(theirs)
        assert table is not None
        assert lag_of_ids(theirs, table) is None


def test_keys_over_all_rows_that_earlier_versions_made_are_replaced(books: Books) -> None:
    books.theirs("DROP INDEX transactions_source_file, transactions_identifier")
    for name in ("source_file", "identifier"):
        books.theirs(f"CREATE UNIQUE INDEX transactions_{name} ON transactions ({name})")
    books.theirs(_LOAD.replace("(1, 2)", "(1, 1)"))
    assert prepare_cfo_database(books.cfo) == []
    for _ in range(2):
        books.theirs(_LOAD)
    for column, value in (("source_file", "crypto_invoice_DPY-1"), ("identifier", "DPY-1")):
        insert = f"""INSERT INTO transactions (date, description, amount, source_file, {column})
                     SELECT now(), 'twice', 1, 'crypto_invoice_' || n, '{value}' FROM generate_series(1, 2) n"""
        insert = insert.replace("source_file, source_file", "source_file").replace(
            "'crypto_invoice_' || n, 'c", "'c"
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            books.theirs(insert)


def test_a_key_of_the_cfos_own_over_all_rows_is_left_to_them(books: Books) -> None:
    books.theirs("DROP INDEX transactions_identifier")
    books.theirs("ALTER TABLE transactions ADD CONSTRAINT transactions_identifier UNIQUE (identifier)")
    before = described(books)
    prepare_cfo_database(books.cfo)
    assert described(books) == before


def test_without_the_right_to_make_a_key_it_is_exactly_once_all_the_same(
    books: Books, cfo_server: CfoServer
) -> None:
    made(books, _SEED)
    writer = f"writer_{uuid4().hex}"
    cfo_server.execute(f"CREATE ROLE {writer} LOGIN")
    books.theirs(f"GRANT SELECT, INSERT ON transactions TO {writer}")
    books.theirs(f"GRANT USAGE ON SEQUENCE transactions_id_seq TO {writer}")
    before = described(books)
    limited = Database(books.cfo.url.replace("postgres@", f"{writer}@"), None, "CFO_DATABASE_URL")
    assert prepare_cfo_database(limited) == []
    assert described(books) == before
    theirs = Books(books.ledger, limited)
    books.many_paid(20, "DPY-")
    assert theirs.sync(batch=7) == SyncCounts(inserted=20)
    books.ours("DELETE FROM crypto_invoice_cfo_sync")
    books.ours("UPDATE crypto_invoices SET status = 'paid'")
    assert theirs.sync(batch=7) == SyncCounts(linked=20)
    assert books.count() == 20
    books.theirs(f"DROP OWNED BY {writer}")


def test_an_old_key_that_only_its_owner_may_drop_is_named(books: Books, cfo_server: CfoServer) -> None:
    books.theirs("DROP INDEX transactions_identifier")
    books.theirs("CREATE UNIQUE INDEX transactions_identifier ON transactions (identifier)")
    writer = f"writer_{uuid4().hex}"
    cfo_server.execute(f"CREATE ROLE {writer} LOGIN")
    books.theirs(f"GRANT SELECT, INSERT ON transactions TO {writer}")
    limited = Database(books.cfo.url.replace("postgres@", f"{writer}@"), None, "CFO_DATABASE_URL")
    (note,) = prepare_cfo_database(limited)
    assert note.startswith(
        "The index transactions_identifier, which an earlier version of the ledger made, lets no two"
    )
    books.theirs(f"DROP OWNED BY {writer}")


def test_of_several_rows_that_the_cfo_entered_that_of_the_amount_is_linked(books: Books) -> None:
    for amount in (7, 100, 100):
        books.theirs(
            "INSERT INTO transactions (date, description, amount, identifier) VALUES (now(), 'by hand', %s, 'DPY-1')",
            amount,
        )
    invoice = books.paid("DPY-1")
    assert books.sync() == SyncCounts(linked=1)
    assert books.state(invoice)["cfo_transaction_id"] == 2


def test_a_number_that_other_systems_write_for_none_links_to_nothing(books: Books) -> None:
    books.theirs(_LOAD)
    books.paid("nan")
    assert books.sync() == SyncCounts(inserted=1)


def test_columns_that_differ_in_case_alone_are_named(books: Books) -> None:
    made(books, _SEED.replace("Currency VARCHAR(10)", '"Currency" VARCHAR(10), "CURRENCY" VARCHAR(10)'))
    with pytest.raises(UnfitTableError, match="its CURRENCY and Currency differ in case alone"):
        prepare_cfo_database(books.cfo)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ALTER TABLE transactions DROP CONSTRAINT transactions_pkey", "its id has no key"),
        (
            "ALTER TABLE transactions ALTER amount TYPE boolean USING true",
            "its amount is boolean, and must be",
        ),
        (
            "ALTER TABLE transactions ALTER description TYPE jsonb USING NULL",
            "its description is jsonb, and must be",
        ),
        ("ALTER TABLE transactions DROP COLUMN currency", "it lacks currency"),
    ],
)
def test_a_table_that_cannot_take_invoices_says_what_is_missing(
    books: Books, change: str, reason: str
) -> None:
    books.theirs(change)
    before = described(books)
    with pytest.raises(UnfitTableError, match=reason):
        prepare_cfo_database(books.cfo)
    assert described(books) == before
