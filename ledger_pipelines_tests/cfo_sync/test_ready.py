"""What `get_invoices_ready_for_sync` gives: exactly what the rule says, the oldest paid first, each once."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from ledger_pipelines.store.cfo.sync import CLAIMED, claim_invoices
from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines.workflows.payments import PaymentReport, report_payment
from ledger_pipelines_tests.cfo_sync.building import NOON, Books

OCTOBER, NOVEMBER = date(2025, 10, 1), date(2025, 11, 1)
MOMENT = timedelta(microseconds=1)


def keep_state(books: Books, invoice: int, sync_status: str, **values: object) -> None:
    """The invoice's row of crypto_invoice_cfo_sync, as an earlier sync left it."""
    row: dict[str, object] = {"invoice_id": invoice, "sync_status": sync_status, "claimed_at": NOON}
    if sync_status == "pending":
        row["claim"] = "00000000-0000-0000-0000-000000000001"
    if sync_status in {"retry", "failed"}:
        row["sync_error"] = "the CFO's database was down"
    if sync_status == "synced":
        row |= {"cfo_transaction_id": 1_000, "sync_timestamp": NOON}
        books.theirs(
            """INSERT INTO transactions (id, date, description, amount, source_file)
               VALUES (1000, now(), 'handed over', 1, %s)""",
            f"crypto_invoice_{books.ours('SELECT * FROM crypto_invoices WHERE id = %s', invoice)[0]['invoice_number']}",
        )
    row |= values
    places = ", ".join(["%s"] * len(row))
    books.ours(f"INSERT INTO crypto_invoice_cfo_sync ({', '.join(row)}) VALUES ({places})", *row.values())


STATES: list[tuple[str, dict[str, object], bool]] = [
    ("pending", {"claimed_at": NOON - timedelta(minutes=5)}, False),
    ("pending", {"claimed_at": NOON - timedelta(minutes=5) - MOMENT}, True),
    ("pending", {"claimed_at": NOON - timedelta(minutes=6), "retry_count": 3}, True),
    ("retry", {"next_attempt_at": NOON, "retry_count": 1}, True),
    ("retry", {"next_attempt_at": NOON, "retry_count": 3}, True),
    ("retry", {"next_attempt_at": NOON + MOMENT, "retry_count": 1}, False),
    ("failed", {"retry_count": 0}, True),
    ("failed", {"retry_count": 2}, True),
    ("failed", {"retry_count": 3}, False),
    ("failed", {"retry_count": 0, "retryable": False}, False),
    ("synced", {}, False),
]
STATUSES = {
    "draft": False,
    "sent": False,
    "partially_paid": False,
    "partial": False,
    "expired": False,
    "overdue": False,
    "cancelled": False,
    "paid": True,
    "overpaid": True,
    "complete": False,
}


def test_a_paid_invoice_is_ready_by_how_its_sync_stands(books: Books) -> None:
    expected = []
    for place, (sync_status, values, is_ready) in enumerate(STATES):
        invoice = books.paid(f"DPY-{place}")
        keep_state(books, invoice, sync_status, **values)
        expected += [invoice] * is_ready

    assert books.ready(NOON) == expected
    assert books.sync().inserted == len(expected)
    logged = books.ours("SELECT invoice_id FROM crypto_cfo_sync_log ORDER BY invoice_id")
    assert [row["invoice_id"] for row in logged] == expected


def test_of_those_that_no_sync_has_taken_up_the_paid_and_overpaid_are_ready(books: Books) -> None:
    ids = {status: books.paid(f"DPY-{status}", status=status) for status in STATUSES}
    expected = [ids[status] for status, is_ready in STATUSES.items() if is_ready]
    assert books.ready() == expected
    assert books.sync(force=True).inserted == len(expected)


def test_an_invoice_of_two_payments_is_ready_once(books: Books) -> None:
    invoice = books.paid("DPY-1", "100.00", status="sent", paid_at=None)
    for payment, amount in (("0x1", "60"), ("0x2", "40")):
        told = PaymentReport(payment, "USDT", "TRC20", Decimal(amount), 20)
        report_payment(books.ledger, "DPY-1", told, at=NOON)
    assert books.ready() == [invoice]


def test_the_oldest_paid_comes_first_of_both_origins(books: Books) -> None:
    late = books.paid("DPY-1", paid_at=NOON)
    early = books.paid("DPY-2", paid_at=NOON - timedelta(days=5))
    same_a = books.paid("DPY-3", paid_at=NOON - timedelta(days=4))
    same_b = books.paid("DPY-4", paid_at=NOON - timedelta(days=4))
    keep_state(books, late, "retry", next_attempt_at=NOON, retry_count=1)
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "F1"})  # paid on the 20th
    books.sync(invoice_ids=[])
    (holded,) = books.ours("SELECT invoice_id FROM holded_paid_invoices")

    assert books.ready() == [early, same_a, same_b, holded["invoice_id"], late]


@pytest.mark.parametrize(
    ("sync_status", "values"),
    [
        ("retry", {"next_attempt_at": NOON, "retry_count": 1}),
        ("pending", {"claimed_at": NOON - timedelta(minutes=6)}),
        ("failed", {"retry_count": 1}),
    ],
)
def test_what_another_sync_is_claiming_is_not_claimed_nor_waited_for(
    books: Books, sync_status: str, values: dict[str, object]
) -> None:
    invoices = [books.paid(f"DPY-{number}") for number in range(3)]
    for invoice in invoices[:2]:
        keep_state(books, invoice, sync_status, **values)
    with books.ledger.connect() as first, books.ledger.connect() as second:
        second.execute("SET statement_timeout = '10s'")
        with first.transaction():
            taken = claim_invoices(first, at=NOON, limit=10, invoice_ids=invoices[:2])
            left = claim_invoices(second, at=NOON, limit=10)
        rest = claim_invoices(second, at=NOON, limit=10)
    assert taken.invoices["invoice_id"].to_pylist() == invoices[:2]
    assert left.invoices["invoice_id"].to_pylist() == invoices[2:]
    assert rest.invoices.num_rows == 0


def test_ids_come_from_the_ledger_only(books: Books) -> None:
    """One from elsewhere could be that of a Holded invoice, and the two would be taken for one."""
    with pytest.raises(psycopg.errors.GeneratedAlways):
        books.paid("DPY-1", id=7)


def test_a_claim_with_a_limit_takes_the_oldest_and_the_next_the_rest(books: Books) -> None:
    newest = books.paid("DPY-1", paid_at=NOON)
    oldest = [books.paid(f"DPY-{n}", paid_at=NOON - timedelta(days=n)) for n in (3, 2)]
    with books.ledger.connect() as connection:
        first, second, third = (claim_invoices(connection, at=NOON, limit=2) for _ in range(3))
    assert first.invoices["invoice_id"].to_pylist() == sorted(oldest)
    assert second.invoices["invoice_id"].to_pylist() == [newest]
    assert third.invoices == CLAIMED.empty_table()


def test_what_cannot_be_recorded_fails_the_sync_with_its_reason(books: Books) -> None:
    books.paid("DPY-1")
    books.ours("ALTER TABLE crypto_invoice_cfo_sync ADD CONSTRAINT unready CHECK (sync_status <> 'synced')")
    with pytest.raises(psycopg.errors.CheckViolation, match="unready"):
        books.sync()
    assert books.count() == 1

    books.ours("ALTER TABLE crypto_invoice_cfo_sync DROP CONSTRAINT unready")
    books.watch.forward(minutes=5, seconds=1)
    assert books.sync() == SyncCounts(linked=1)


def test_paid_holded_invoices_are_handed_over_the_same_way(books: Books) -> None:
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "F250123"})

    assert books.sync().inserted == 1

    (transaction,) = books.transactions()
    expected = {
        "date": datetime(2025, 10, 20, tzinfo=NOON.tzinfo),
        "description": "Invoice F250123 - GM Data Centers - 2025-10",
        "amount": Decimal("1210.00"),
        "business_unit": "Paraguay Colocation",
        "source_file": "holded_invoice_F250123",
        "classification_reason": "Holded invoice payment from GM Data Centers",
        "origin": "Holded",
        "identifier": "F250123",
        "currency": "EUR",
        "subcategory": "Colocation Revenue",
    }
    assert {name: transaction[name] for name in expected} == expected
    (synced,) = books.ours("SELECT * FROM v_crypto_invoices_synced")
    assert (synced["origin"], synced["cfo_transaction_id"]) == ("holded", transaction["id"])
    assert books.sync().inserted == 0
    assert books.count() == 1


def test_what_holded_does_not_call_a_paid_invoice_is_not_handed_over(books: Books) -> None:
    changes: list[dict[str, object]] = [
        {"is_paid": False},
        {"is_draft": True},
        {"is_cancelled": True},
        {"is_removed": True},
        {"document_type": "creditnote"},
        {"total": Decimal("0.00")},
        {},
    ]
    documents = [{"id": f"h{n}", "document_number": f"F{n}"} | change for n, change in enumerate(changes)]
    books.paid_in_holded(OCTOBER, *documents)

    assert books.sync().inserted == 1
    assert [row["identifier"] for row in books.transactions()] == ["F6"]
    assert books.ready() == []


def test_of_a_holded_invoice_the_latest_month_is_what_is_known(books: Books) -> None:
    unpaid = {"is_paid": False, "last_payment_on": None}
    books.paid_in_holded(
        OCTOBER, {"id": "h1", "document_number": "F1", **unpaid}, {"id": "h2", "document_number": "F2"}
    )
    paid_later = {"date": OCTOBER, "last_payment_on": date(2025, 11, 3)}
    books.paid_in_holded(
        NOVEMBER,
        {"id": "h1", "document_number": "F1", **paid_later},
        {"id": "h2", "document_number": "F2", "date": OCTOBER, "is_removed": True},
    )

    assert books.sync().inserted == 1
    assert [(row["identifier"], row["date"].date()) for row in books.transactions()] == [
        ("F1", date(2025, 11, 3))
    ]


def test_a_holded_invoice_read_again_is_the_same_invoice(books: Books) -> None:
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "F1"})
    books.sync()
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "F1", "description": "read again"})
    assert books.sync().inserted == 0
    assert books.ours("SELECT count(*) FROM holded_paid_invoices") == [{"count": 1}]


def test_a_holded_invoice_without_a_number_fails_with_its_reason(books: Books) -> None:
    books.paid_in_holded(
        OCTOBER, {"id": "h1", "document_number": None}, {"id": "h2", "document_number": "F2"}
    )

    counts = books.sync()

    assert (counts.inserted, counts.failed) == (1, 1)
    (failed,) = books.ours(
        "SELECT retryable, sync_error FROM crypto_invoice_cfo_sync WHERE sync_status = 'failed'"
    )
    assert failed["retryable"] is False
    assert "has no number" in failed["sync_error"]


def test_both_kinds_are_numbered_together(books: Books) -> None:
    books.paid("DPY-1")
    books.paid_in_holded(OCTOBER, {"id": "h1", "document_number": "F1"})
    assert books.sync().inserted == 2
    books.paid("DPY-2")
    assert books.sync().inserted == 1
    ids = books.ours("SELECT invoice_id FROM v_paid_invoices")
    assert len({row["invoice_id"] for row in ids}) == 3
