"""`ledger cfo verify`: every difference is said, and what can be mended is, in rows that came from here alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import StringIO

import pytest
from rich.console import Console

from ledger_pipelines.cli.cfo import verify_now as command
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.cfo.verification import Difference, repair, verify
from ledger_pipelines_tests.cfo_sync.building import NOON, Books

OCTOBER = date(2025, 10, 1)


def found(books: Books) -> list[Difference]:
    return verify(books.ledger, books.cfo)


def mend(books: Books) -> list[Difference]:
    """What is left after a repair."""
    repair(books.ledger, books.cfo, clock=books.watch)
    return found(books)


def test_where_all_is_as_it_should_be_nothing_differs(books: Books) -> None:
    books.theirs(
        """INSERT INTO transactions (date, description, amount, identifier, source_file)
           SELECT now(), 'bank', n, 'nan', 'bank.csv' FROM generate_series(1, 2) n"""
    )
    books.paid("DPY-1")
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "F1"})
    books.sync()
    before = books.transactions()
    assert (found(books), mend(books), books.transactions()) == ([], [], before)


def test_rows_with_the_old_currency_are_named_and_corrected_also_in_a_closed_month(books: Books) -> None:
    invoice = books.paid("DPY-1", "43250.00", crypto_currency="BTC", crypto_amount="0.5")
    books.sync()
    books.theirs(
        "UPDATE transactions SET currency = 'BTC', classification_reason = 'Crypto invoice payment from Alps Blockchain'"
    )
    with books.ledger.connect() as connection:
        close_months(connection, [OCTOBER], person="an accountant")
    reason = "Crypto invoice payment from Alps Blockchain"
    assert [(one.invoice, one.message, one.is_mendable) for one in found(books)] == [
        ("DPY-1", "its currency is 'BTC' there, and should be 'USD'", True),
        ("DPY-1", f"its classification_reason is '{reason}' there, and should be '{reason} (0.5 BTC)'", True),
    ]
    assert mend(books) == []
    (row,) = books.transactions()
    assert (row["currency"], row["classification_reason"]) == ("USD", f"{reason} (0.5 BTC)")
    assert books.log(invoice)[-1]["request_payload"] == {
        "amount": "43250.00",
        "currency": "USD",
        "classification_reason": f"{reason} (0.5 BTC)",
    }


def test_a_row_that_the_cfo_entered_is_named_and_left_alone(books: Books) -> None:
    books.theirs(
        """INSERT INTO transactions (date, description, amount, currency, identifier)
           VALUES (now(), 'by hand', 99, 'BTC', 'DPY-1')"""
    )
    books.paid("DPY-1")
    books.sync()
    before = books.transactions()
    (difference,) = found(books)
    assert difference.message.startswith(
        "its amount is '99.00' there, and should be '100.00'; the CFO entered it"
    )
    assert mend(books) == [difference]
    assert books.transactions() == before


def test_what_is_gone_shared_or_another_s_is_said_and_mended(books: Books) -> None:
    gone, other, shared, owner = (books.paid(f"DPY-{place}") for place in range(4))
    books.sync()
    books.theirs("DELETE FROM transactions WHERE identifier = 'DPY-0'")
    books.theirs(
        "UPDATE transactions SET identifier = 'X', source_file = 'bank.csv' WHERE identifier = 'DPY-1'"
    )
    books.ours(
        "UPDATE crypto_invoice_cfo_sync SET cfo_transaction_id = 4 WHERE invoice_id = %s",
        shared,
    )
    told = {(one.invoice, one.message) for one in found(books)}
    assert {
        ("DPY-0", "its transaction is gone"),
        ("DPY-1", "its transaction is another's now"),
        ("DPY-3", "it shares its transaction with another invoice"),
    } <= told
    assert mend(books) == []
    ids = [books.state(one)["cfo_transaction_id"] for one in (gone, other, shared, owner)]
    assert len(set(ids)) == 4


def test_what_waits_and_what_is_nobody_s_is_said(books: Books) -> None:
    books.paid("DPY-1")
    books.paid("DPY-2", crypto_currency=" ")
    books.theirs("DROP INDEX transactions_source_file, transactions_identifier")
    for number in ("DPY-9", "DPY-1", "DPY-1"):
        books.theirs(
            """INSERT INTO transactions (date, description, amount, currency, source_file, classification_reason)
               VALUES (now(), 'twice', 100, 'USD', 'crypto_invoice_' || %s,
                       'Crypto invoice payment from Alps Blockchain (100 USDT)')""",
            number,
        )
    left = mend(books)
    assert [(one.invoice, one.transaction, one.is_mendable) for one in left] == [
        ("crypto_invoice_DPY-9", 1, False),
        ("crypto_invoice_DPY-1", 3, False),
        ("DPY-2", None, False),
    ]
    assert "that no handed-over invoice is" in left[0].message
    assert "that came from here twice: delete one of the two" in left[1].message
    assert "100.00 USD paid 2025-10-22 and not handed over: It cannot be handed to the CFO" in left[2].message


def test_the_command_says_each_difference_and_whether_any_is_left(environment: Books) -> None:
    books = environment
    books.paid("DPY-1", paid_at=NOON)
    out = StringIO()
    console = Console(file=out, width=200)
    now = datetime.now(UTC)
    assert not command(books.ledger, mend=False, now=now, console=console)
    assert "1 difference found" in out.getvalue()
    assert "DPY-1" in out.getvalue()
    assert command(books.ledger, mend=True, now=now, console=console)
    assert "hold every paid invoice, once and as it is." in out.getvalue()
    assert books.count() == 1
    assert command(books.ledger, mend=False, now=now, console=console)


def test_a_table_that_cannot_be_compared_is_told(books: Books) -> None:
    books.theirs("ALTER TABLE transactions DROP COLUMN amount")
    with pytest.raises(LedgerError, match="it lacks amount"):
        found(books)
