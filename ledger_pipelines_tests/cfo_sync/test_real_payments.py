"""Payments of real chains (shared/data/hostile/12_payments.json): networks, outputs, re-organisations, strays."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.cfo.troubles import due_troubles, misfit_payments, settle_payment
from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines.workflows.payments import PaymentReport, report_payment
from ledger_pipelines_tests.cfo_sync.building import NOON, Books, Row


def invoiced(books: Books, number: str, amount: str = "0.5", currency: str = "BTC", **values: object) -> int:
    """An invoice that was sent, of so much crypto."""
    told = {
        "crypto_currency": currency,
        "crypto_network": None if currency == "BTC" else "TRC20",
        "paid_at": None,
    }
    return books.paid(
        number, "43250.00", **{"crypto_amount": Decimal(amount), "status": "sent", **told, **values}
    )


def tell(
    books: Books,
    number: str,
    payment: str,
    amount: str,
    *,
    of: int = 25,
    output: str | None = None,
    network: str | None = None,
    currency: str = "BTC",
    at: datetime = NOON,
) -> str:
    """Tells of a payment; the invoice's status afterwards."""
    told = PaymentReport(payment, currency, network, Decimal(amount), of, output)
    return report_payment(books.ledger, number, told, at=at).status


def invoice(books: Books, number: str) -> Row:
    return books.ours("SELECT * FROM crypto_invoices WHERE invoice_number = %s", number)[0]


def troubles(books: Books) -> list[tuple[str, str]]:
    """Kind and subject of the alerts that are called for."""
    with books.ledger.connect() as connection:
        return [(alert.kind, alert.subject) for alert in due_troubles(connection)]


def test_one_batch_withdrawal_pays_two_invoices(books: Books) -> None:
    invoiced(books, "B-1")
    invoiced(books, "B-2", "0.25")
    assert tell(books, "B-1", "a1", "0.5", output="0") == "paid"
    assert tell(books, "B-2", "a1", "0.25", output="1") == "paid"
    assert tell(books, "B-2", "a1", "0.25", output="1") == "paid"
    assert books.sync() == SyncCounts(inserted=2)


def test_two_outputs_of_one_transaction_pay_one_invoice(books: Books) -> None:
    invoiced(books, "B-3", "0.75")
    assert tell(books, "B-3", "b2", "0.5", output="0") == "partial"
    for _ in range(2):
        assert tell(books, "B-3", "b2", "0.25", output="1") == "paid"
    assert invoice(books, "B-3")["received"] == Decimal("0.75")


def test_told_first_without_its_output_and_then_with_it_is_one_payment(books: Books) -> None:
    invoiced(books, "B-3", "0.75")
    assert tell(books, "B-3", "b2", "0.5") == "partial"
    assert tell(books, "B-3", "b2", "0.5", output="0") == "partial"
    assert tell(books, "B-3", "b2", "0.5") == "partial"
    assert tell(books, "B-3", "b2", "0.25", output="1") == "paid"
    assert len(books.ours("SELECT id FROM crypto_payment_transactions")) == 2


def test_what_cannot_be_told_apart_is_refused_with_what_to_tell(books: Books) -> None:
    invoiced(books, "B-1")
    invoiced(books, "B-2")
    tell(books, "B-1", "a1", "0.5")
    for number, output, amount in (("B-2", None, "0.5"), ("B-1", None, "0.25"), ("B-1", "1", "0.25")):
        with pytest.raises(LedgerError, match="tell the output of each"):
            tell(books, number, "a1", amount, output=output)
    tell(books, "B-1", "a1", "0.5", output="0")
    with pytest.raises(LedgerError, match="of another invoice or with another amount"):
        tell(books, "B-2", "a1", "0.5", output="0")
    with pytest.raises(LedgerError, match="tell the output of each"):
        tell(books, "B-2", "a1", "0.5")
    assert invoice(books, "B-2")["status"] == "sent"


@pytest.mark.parametrize("network", ["TRC20", "TRC-20", "Tron(TRC20)", "TRX", "TRON", "USDT-TRC20"])
@pytest.mark.parametrize("own", ["TRC20", "Tron (TRC-20)"])
def test_any_spelling_of_the_network_waits_for_its_confirmations(
    books: Books, network: str, own: str
) -> None:
    invoiced(books, "N-1", "100", "USDT", crypto_network=own)
    told = {"network": network, "currency": "USDT"}
    assert tell(books, "N-1", "c3", "100", of=6, **told) == "partially_paid"  # type: ignore[arg-type]
    assert tell(books, "N-1", "c3", "100", of=20, **told) == "paid"  # type: ignore[arg-type]
    assert troubles(books) == []


def test_a_deposit_on_another_network_is_kept_does_not_count_and_alerts(books: Books) -> None:
    invoiced(books, "N-1", "100", "USDT")
    assert tell(books, "N-1", "c3", "100", network="ERC-20", currency="USDT") == "sent"
    assert (books.sync(), books.ready()) == (SyncCounts(), [])
    assert troubles(books) == [("wrong_network", "c3")]
    with books.ledger.connect() as connection:
        (misfit,) = misfit_payments(connection)
    assert (misfit.amount, misfit.currency, misfit.network) == (100, "USDT", "ERC20")
    assert (
        misfit.message == "came on ERC20, and invoice N-1 of Alps Blockchain is on TRC20: it does not count"
    )
    assert tell(books, "N-1", "d4", "100", network="TRX", currency="USDT") == "paid"
    assert troubles(books) == [("wrong_network", "c3")]


def test_a_network_that_nobody_knows_is_refused_with_the_known(books: Books) -> None:
    invoiced(books, "N-1", "100", "USDT")
    with pytest.raises(LedgerError, match="'Omni' is no known network: name one of BTC, ERC20"):
        tell(books, "N-1", "c3", "100", network="Omni", currency="USDT")
    books.ours("UPDATE crypto_invoices SET crypto_network = 'Omni'")
    with pytest.raises(LedgerError, match="Invoice N-1 is on a network that nobody knows"):
        tell(books, "N-1", "c3", "100", network="TRC20", currency="USDT")


def test_an_invoice_that_is_not_handed_over_falls_back_when_its_chain_does(books: Books) -> None:
    invoiced(books, "R-1")
    assert tell(books, "R-1", "e5", "0.5", of=3) == "paid"
    assert tell(books, "R-1", "e5", "0.5", of=0) == "partially_paid"
    assert (invoice(books, "R-1")["paid_at"], invoice(books, "R-1")["received"]) == (None, None)
    assert (books.ready(), books.sync(), troubles(books)) == ([], SyncCounts(), [])
    later = NOON + timedelta(hours=1)
    assert tell(books, "R-1", "e5", "0.5", of=3, at=later) == "paid"
    assert invoice(books, "R-1")["paid_at"] == later


def test_an_overpaid_invoice_whose_surplus_vanishes_is_paid(books: Books) -> None:
    invoiced(books, "R-1")
    tell(books, "R-1", "e5", "0.5")
    assert tell(books, "R-1", "f6", "0.1") == "overpaid"
    assert tell(books, "R-1", "f6", "0.1", of=0) == "paid"


def test_one_that_is_handed_over_stays_and_alerts_until_the_chain_has_it_again(books: Books) -> None:
    number = invoiced(books, "R-1")
    tell(books, "R-1", "e5", "0.5", of=3)
    books.sync()
    assert tell(books, "R-1", "e5", "0.5", of=0) == "complete"
    assert troubles(books) == [("lost_payment", "e5")]
    assert books.state(number)["sync_status"] == "synced"
    assert tell(books, "R-1", "e5", "0.5", of=4) == "complete"
    assert troubles(books) == []


def test_one_that_a_sync_is_handing_over_at_this_moment_stays_too(books: Books) -> None:
    number = invoiced(books, "R-1")
    tell(books, "R-1", "e5", "0.5", of=3)
    books.ours(
        """INSERT INTO crypto_invoice_cfo_sync (invoice_id, sync_status, claim, claimed_at)
           VALUES (%s, 'pending', gen_random_uuid(), now())""",
        number,
    )
    assert tell(books, "R-1", "e5", "0.5", of=0) == "paid"
    assert troubles(books) == [("lost_payment", "e5")]


def test_what_a_person_said_is_paid_does_not_fall_back(books: Books) -> None:
    books.paid("R-1", crypto_currency="BTC", crypto_network=None)
    tell(books, "R-1", "e5", "0.1", of=3)
    assert tell(books, "R-1", "e5", "0.1", of=0) == "paid"
    assert invoice(books, "R-1")["paid_at"] is not None


def test_money_for_a_cancelled_invoice_is_kept_and_alerts(books: Books) -> None:
    invoiced(books, "X-1")
    books.ours("UPDATE crypto_invoices SET status = 'cancelled'")
    assert tell(books, "X-1", "a7", "0.5") == "cancelled"
    assert troubles(books) == [("unexpected_payment", "a7")]


def test_a_second_full_payment_of_a_complete_invoice_alerts_and_the_first_does_not(books: Books) -> None:
    invoiced(books, "X-1")
    tell(books, "X-1", "a7", "0.5")
    tell(books, "X-1", "c9", "0.1", of=1)
    books.sync()
    assert tell(books, "X-1", "a7", "0.5", of=90) == "complete"
    assert troubles(books) == []
    assert tell(books, "X-1", "b8", "0.5") == "complete"
    # What was seen when it was handed over, and certain only afterwards.
    assert tell(books, "X-1", "c9", "0.1", of=3) == "complete"
    assert troubles(books) == [("unexpected_payment", "b8"), ("unexpected_payment", "c9")]
    assert books.sync() == SyncCounts()


def test_what_a_person_did_about_it_ends_the_alert(books: Books) -> None:
    invoiced(books, "X-1", status="cancelled")
    tell(books, "X-1", "a7", "0.5", output="3")
    with books.ledger.connect() as connection:
        with pytest.raises(LedgerError, match="zz is no payment that fits nothing"):
            settle_payment(connection, "zz", "sent back", NOON)
        with pytest.raises(LedgerError, match="Say what was done"):
            settle_payment(connection, "a7:3", " ", NOON)
        settle_payment(connection, "a7:3", "sent back on the 3rd", NOON)
    assert troubles(books) == []
    tell(books, "X-1", "a7", "0.5", output="3")
    assert troubles(books) == []


def test_what_was_paid_stands_beside_the_amount_in_its_own_currency(books: Books) -> None:
    """shared/data/school/CFOg.json: an invoice of 43,250.00 USD paid with 0.5 BTC, and a Holded document in EUR."""
    invoiced(books, "DPY-1")
    tell(books, "DPY-1", "a1", "0.5001")
    books.paid_in_holded(NOON.date().replace(day=1), {"id": "h1", "document_number": "F000003"})
    books.sync()
    crypto, holded = books.transactions()
    assert (crypto["amount"], crypto["currency"]) == (Decimal("43250.00"), "USD")
    assert crypto["classification_reason"] == "Crypto invoice payment from Alps Blockchain (0.5001 BTC)"
    assert (holded["amount"], holded["currency"]) == (Decimal("1210.00"), "EUR")
    assert holded["classification_reason"] == "Holded invoice payment from GM Data Centers"
