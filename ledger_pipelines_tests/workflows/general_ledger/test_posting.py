"""Posting months from the database: drafts follow their documents, and what is posted is corrected in an open month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.store.copy import table_schema
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
from ledger_pipelines.store.months import Change, ensure_months, replace_month
from ledger_pipelines.store.periods import close_months, closed_months, reopen_month
from ledger_pipelines.store.snapshots import record_snapshot
from ledger_pipelines.workflows.general_ledger.posting import Posted, post
from ledger_pipelines.workflows.step import Step
from ledger_pipelines_tests.general_ledger.books import invoice, payment

JAN, FEB, MAR = (date(2025, month, 1) for month in (1, 2, 3))


class Books:
    """A ledger whose tables a test fills month by month, and posts."""

    def __init__(self, database: Database, connection: psycopg.Connection) -> None:
        self._database, self._connection = database, connection
        # Contracts are accrued: what belongs to them is deferred.
        ensure_months(connection, ["monthly_accruals"], [JAN])
        taken_at = datetime(2025, 2, 1, tzinfo=UTC)
        record_snapshot(connection, "monthly_accruals", [JAN], taken_at=taken_at, is_complete=True)

    def put(self, table: str, month: date, *rows: Mapping[str, Any]) -> None:
        """Makes these the month's rows of the table; what is not said of a row is empty, zero or false."""
        schema = table_schema(self._connection, table)
        whole = [{field.name: _nothing(field) for field in schema} | {**row, "month": month} for row in rows]
        kept = [{name: row[name] for name in schema.names} for row in whole]
        replace_month(self._connection, table, [month], pa.Table.from_pylist(kept, schema))

    def post(self, *months: date) -> Posted:
        with recorded_execution(self._database, "journal", {}) as execution:
            step = Step(
                connection=self._connection,
                execution=execution,
                months=list(months),
                closed=closed_months(self._connection),
                asked=list(months),
                run_id="test",
            )
            return post(step, months)

    def close(self, *months: date) -> None:
        close_months(self._connection, months, person="Ada")

    def reopen(self, month: date) -> None:
        reopen_month(self._connection, month, person="Ada", reason="late invoice")

    def journal(self) -> list[str]:
        """Every entry, as a bookkeeper writes it: month, status, what it is, and its lines."""
        rows = self._connection.execute(
            """SELECT e.month, e.status, e.id, e.reverses,
                      string_agg(CASE WHEN l.debit IS NULL THEN 'Cr ' || l.account || ' ' || round(l.credit, 2)
                                      ELSE 'Dr ' || l.account || ' ' || round(l.debit, 2) END, ', ' ORDER BY l.line)
               FROM journal_entries e JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id
               GROUP BY e.month, e.status, e.id, e.reverses, e.revision, e.source_id
               ORDER BY e.month, e.source_id, e.revision"""
        ).fetchall()
        return [
            f"{month:%Y-%m} {status} {entry}{f' reverses {reverses}' if reverses else ''}: {lines}"
            for month, status, entry, reverses, lines in rows
        ]

    def balances(self) -> dict[str, Decimal]:
        rows = self._connection.execute(
            "SELECT account, coalesce(sum(debit), 0) - coalesce(sum(credit), 0) FROM journal_lines GROUP BY 1"
        ).fetchall()
        return {account: balance for account, balance in rows if balance}


def _nothing(field: Any) -> Any:
    if field.nullable:
        return None
    nothing: Mapping[Any, Any] = {
        pa.string(): "",
        pa.bool_(): False,
        pa.date32(): JAN,
        pa.int32(): 0,
        pa.int64(): 0,
    }
    return nothing.get(field.type, Decimal(0))


@pytest.fixture
def books(database: Database, connection: psycopg.Connection) -> Books:
    return Books(database, connection)


def document(
    document_id: str, subtotal: str, tax: str = "0", day: date = date(2025, 1, 10), **more: Any
) -> dict[str, Any]:
    row = invoice(document_id, subtotal, tax, day=day, **more)
    return row | {"payments_total": Decimal(0), "payments_pending": row["total"], "is_paid": False}


def contract(row: Mapping[str, Any], amount: str) -> dict[str, Any]:
    return {
        "contact_id": "c1",
        "service_id": "s",
        "currency": row["currency"],
        "document_id": row["id"],
        "contract_date": row["date"],
        "amount": Decimal(amount),
        "document_type": row["document_type"],
        "document_date": row["date"],
    }


def test_a_month_is_posted_when_it_is_closed_and_drafts_follow_their_documents(books: Books) -> None:
    one, two = document("a", "1000", "210"), document("b", "500")
    books.put("invoices", JAN, one, two)
    books.put("contracts", JAN, contract(one, "1000"))
    assert books.post(JAN).changes["journal_entries"] == {JAN: Change(added=2)}
    assert books.post(JAN).changes["journal_entries"] == {JAN: Change(unchanged=2)}
    books.put("invoices", JAN, one, document("b", "600"))
    assert books.post(JAN).changes["journal_entries"] == {JAN: Change(added=1, removed=1, unchanged=1)}
    books.close(JAN)
    assert books.journal() == [
        "2025-01 posted holded/a: Dr 1500 1210.00, Cr 2965 1000.00, Cr 2700 210.00",
        "2025-01 posted holded/b: Dr 1500 600.00, Cr 3000 600.00",
    ]
    assert books.post(JAN).differing == {JAN: []}


def test_news_of_a_closed_month_reverses_what_is_posted_and_posts_what_is_so_now(books: Books) -> None:
    """The invoice of January was 1000 and is 800; the other one is gone; a third one was never known."""
    one = document("a", "1000")
    books.put("invoices", JAN, one, document("b", "500"))
    books.put("contracts", JAN, contract(one, "1000"))
    books.post(JAN)
    books.close(JAN)
    changed = document("a", "800")
    books.put(
        "invoices",
        FEB,
        changed,
        document("b", "500", is_removed=True),
        document("c", "70", day=date(2025, 1, 30)),
    )
    books.put("contracts", FEB, contract(changed, "-200"))
    february = [
        "2025-02 draft holded/a#1 reverses holded/a: Cr 1500 1000.00, Dr 2965 1000.00",
        "2025-02 draft holded/a#2: Dr 1500 800.00, Cr 2965 800.00",
        "2025-02 draft holded/b#1 reverses holded/b: Cr 1500 500.00, Dr 3000 500.00",
        "2025-02 draft holded/c: Dr 1500 70.00, Cr 3000 70.00",
    ]
    for _ in range(2):
        books.post(JAN, FEB)
        assert books.journal()[2:] == february
    books.close(FEB)
    assert books.balances() == {"1500": Decimal(870), "2965": Decimal(-800), "3000": Decimal(-70)}
    assert books.post(JAN, FEB, MAR).differing == {JAN: [], FEB: []}, "each says what was posted of it"
    assert len(books.journal()) == 6


def test_a_payment_taken_out_of_holded_is_reversed_in_the_first_open_month(books: Books) -> None:
    one = document("a", "1000")
    books.put("invoices", JAN, one)
    books.put("invoice_payments", JAN, payment("a/p", one, "1000", date(2025, 1, 20)))
    books.post(JAN)
    books.close(JAN)
    books.put("invoice_payments", FEB, payment("a/p", one, "1000", date(2025, 1, 20), is_removed=True))
    books.post(FEB)
    assert (
        books.journal()[-1]
        == "2025-02 draft holded/a/p#1 reverses holded/a/p: Cr 1920 1000.00, Dr 1500 1000.00"
    )
    books.put("invoice_payments", FEB)
    books.post(FEB)
    assert len(books.journal()) == 2


def test_reopening_does_not_unpost_and_what_the_month_says_now_is_corrected_in_it(books: Books) -> None:
    books.put("invoices", JAN, document("a", "100"), document("b", "200"), document("c", "300"))
    books.post(JAN)
    books.close(JAN)
    books.reopen(JAN)
    assert books.post(JAN).changes["journal_entries"] == {JAN: Change()}
    books.put("invoices", JAN, document("a", "100"), document("b", "250"), document("d", "5"))
    books.post(JAN)
    corrected = [
        "2025-01 posted holded/a: Dr 1500 100.00, Cr 3000 100.00",
        "2025-01 posted holded/b: Dr 1500 200.00, Cr 3000 200.00",
        "2025-01 draft holded/b#1 reverses holded/b: Cr 1500 200.00, Dr 3000 200.00",
        "2025-01 draft holded/b#2: Dr 1500 250.00, Cr 3000 250.00",
        "2025-01 posted holded/c: Dr 1500 300.00, Cr 3000 300.00",
        "2025-01 draft holded/c#1 reverses holded/c: Cr 1500 300.00, Dr 3000 300.00",
        "2025-01 draft holded/d: Dr 1500 5.00, Cr 3000 5.00",
    ]
    assert books.journal() == corrected
    books.close(JAN)
    assert books.balances() == {"1500": Decimal(355), "3000": Decimal(-355)}


def test_a_reversal_whose_reason_is_gone_in_a_reopened_month_is_reversed(books: Books) -> None:
    """January's invoice seemed gone when February was closed, and is there after all."""
    books.put("invoices", JAN, document("a", "100"))
    books.post(JAN)
    books.close(JAN)
    books.put("invoices", FEB, document("a", "100", is_removed=True))
    books.post(FEB)
    books.close(FEB)
    assert books.balances() == {}
    books.reopen(FEB)
    books.put("invoices", FEB)
    books.post(FEB)
    assert (
        books.journal()[-1] == "2025-02 draft holded/a#2 reverses holded/a#1: Dr 1500 100.00, Cr 3000 100.00"
    )
    books.close(FEB)
    assert books.balances() == {"1500": Decimal(100), "3000": Decimal(-100)}
    books.post(MAR)
    books.put("invoices", MAR, document("a", "130"))
    books.post(MAR)
    assert books.journal()[-2:] == [
        "2025-03 draft holded/a#3 reverses holded/a: Cr 1500 100.00, Dr 3000 100.00",
        "2025-03 draft holded/a#4: Dr 1500 130.00, Cr 3000 130.00",
    ]


def test_news_that_is_none_in_a_reopened_month_leaves_what_was_there_before(books: Books) -> None:
    """February changed January's invoice from 100 to 80; reopened, it says nothing of it: 100 it is."""
    books.put("invoices", JAN, document("a", "100"))
    books.post(JAN)
    books.close(JAN)
    books.put("invoices", FEB, document("a", "80"))
    books.post(FEB)
    books.close(FEB)
    books.reopen(FEB)
    books.put("invoices", FEB)
    for _ in range(2):
        books.post(FEB)
        assert books.balances() == {"1500": Decimal(100), "3000": Decimal(-100)}
    books.close(FEB)
    books.post(FEB, MAR)
    assert books.balances() == {"1500": Decimal(100), "3000": Decimal(-100)}


def test_a_reopened_month_does_not_reverse_again_what_a_later_closed_one_reversed(books: Books) -> None:
    """January's payment was taken out in February, which is closed: January, reopened, holds it still."""
    one = document("a", "1000")
    books.put("invoices", JAN, one)
    books.put("invoice_payments", JAN, payment("a/p", one, "1000", date(2025, 1, 20)))
    books.post(JAN)
    books.close(JAN)
    books.put("invoice_payments", FEB, payment("a/p", one, "1000", date(2025, 1, 20), is_removed=True))
    books.post(FEB)
    books.close(FEB)
    books.reopen(JAN)
    books.post(JAN)
    assert books.balances() == {"1500": Decimal(1000), "3000": Decimal(-1000)}


def _crypto(connection: psycopg.Connection, status: str = "paid") -> None:
    connection.execute("INSERT INTO crypto_clients (id, name) VALUES (1, 'Alps Blockchain')")
    connection.execute(
        """INSERT INTO crypto_invoices (invoice_number, client_id, amount_usd, crypto_currency, crypto_amount, status,
               due_date, paid_at, created_at)
           VALUES ('C-1', 1, 100.00, 'USDT', 100.00, %s, '2025-02-10', '2025-02-03', '2025-01-15')""",
        [status],
    )
    for transaction, amount, day in (("x1", 60, 20), ("x2", 40, 25)):
        connection.execute(
            """INSERT INTO crypto_payment_transactions (invoice_id, transaction_hash, currency, amount, confirmations,
                   needed, confirmed_at)
               SELECT id, %s, 'USDT', %s, 20, 20, %s FROM crypto_invoices""",
            [transaction, amount, datetime(2025, 1, day, tzinfo=UTC)],
        )


def test_crypto_invoices_and_their_payments_and_what_changes_after_their_month_was_closed(
    books: Books, connection: psycopg.Connection
) -> None:
    _crypto(connection)
    books.post(JAN)
    assert books.journal() == [
        "2025-01 draft crypto/C-1: Dr 1500 100.00, Cr 3000 100.00",
        "2025-01 draft crypto/x1: Dr 1920 60.00, Cr 1500 60.00",
        "2025-01 draft crypto/x2: Dr 1920 40.00, Cr 1500 40.00",
    ]
    books.close(JAN)
    assert books.post(JAN, FEB).differing == {JAN: []}
    assert len(books.journal()) == 3
    connection.execute("UPDATE crypto_payment_transactions SET lost_at = now() WHERE transaction_hash = 'x2'")
    connection.execute("UPDATE crypto_invoices SET status = 'partial'")
    books.post(FEB)
    assert books.journal()[3:] == [
        "2025-02 draft crypto/x2#1 reverses crypto/x2: Cr 1920 40.00, Dr 1500 40.00"
    ]


def test_months_in_any_order_alone_or_in_a_range_give_the_same_journal(books: Books) -> None:
    def fill() -> None:
        for month in (JAN, FEB, MAR):
            row = document(f"i{month.month}", "100", "21", day=month.replace(day=12))
            books.put("invoices", month, row)
            books.put("contracts", month, contract(row, "60"))
            books.put(
                "invoice_payments", month, payment(f"p{month.month}", row, "121", month.replace(day=20))
            )

    fill()
    books.post(JAN, FEB, MAR)
    expected = books.journal()
    assert len(expected) == 6
    for orders in ((MAR,), (JAN,), (FEB,)), ((FEB, MAR), (JAN,)):
        for month in (JAN, FEB, MAR):
            for table in ("invoices", "contracts", "invoice_payments"):
                books.put(table, month)
        books.post(JAN, FEB, MAR)
        assert books.journal() == []
        fill()
        for months in orders:
            books.post(*months)
        assert books.journal() == expected


def test_a_document_that_moved_to_a_later_month_counts_there_alone(books: Books) -> None:
    """February still holds the row that it had before the invoice's date was changed to March."""
    books.put("invoices", FEB, document("a", "100", day=date(2025, 2, 27)))
    books.put("invoices", MAR, document("a", "100", day=date(2025, 3, 3)))
    for months in ((FEB, MAR), (FEB,), (MAR,)):
        books.post(*months)
        assert books.journal() == ["2025-03 draft holded/a: Dr 1500 100.00, Cr 3000 100.00"]


def test_without_accruals_nothing_is_deferred_for_nothing_would_recognise_it(
    books: Books, connection: psycopg.Connection
) -> None:
    connection.execute("DELETE FROM month_snapshots")
    one = document("a", "1000", "210")
    books.put("invoices", JAN, one)
    books.put("contracts", JAN, contract(one, "1000"))
    books.post(JAN)
    assert books.journal() == ["2025-01 draft holded/a: Dr 1500 1210.00, Cr 3000 1000.00, Cr 2700 210.00"]


def test_companies_and_contacts_are_parties(books: Books, connection: psycopg.Connection) -> None:
    contacts: Sequence[dict[str, Any]] = [
        {"id": "c1", "name": "Ann", "code": "ESB12345678"},
        {"id": "c2", "name": "Bob", "code": "0"},
    ]
    books.put("holded_contacts", JAN, *contacts)
    books.put(
        "invoices",
        JAN,
        document("a", "100"),
        document("b", "100", contact_id="c2"),
        document("d", "1", contact_id="c9"),
    )
    books.post(JAN)
    rows = connection.execute(
        "SELECT entry_id, party FROM journal_lines WHERE account = '1500' ORDER BY 1"
    ).fetchall()
    assert rows == [
        ("holded/a", "customer:ESB12345678"),
        ("holded/b", "customer:holded:c2"),
        ("holded/d", "customer:holded:c9"),
    ]
