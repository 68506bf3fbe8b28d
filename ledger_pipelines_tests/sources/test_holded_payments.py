"""The payments of Holded's documents over real HTTP: their ids, days and amounts, and what cannot be read of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.sources.holded.client import Documents, HoldedClient
from ledger_pipelines.sources.holded.models import INVOICE_PAYMENTS
from ledger_pipelines_tests.sources.conftest import FakeTime
from ledger_pipelines_tests.sources.school_records import IDES, document
from ledger_pipelines_tests.sources.school_servers import KEY, HoldedLike, running

MARCH, APRIL = date(2024, 3, 1), date(2024, 4, 1)
INVOICE_PATH, CREDIT_PATH = "/documents/invoice", "/documents/creditnote"
#: 2024-04-01 00:00 in Madrid, which is March in UTC.
APRIL_FIRST = 1711922400


@pytest.fixture
def holded() -> Iterator[HoldedLike]:
    with running(HoldedLike()) as server:
        server.lists = {INVOICE_PATH: [], CREDIT_PATH: []}
        yield server


@pytest.fixture
def client(holded: HoldedLike, fake_time: FakeTime) -> Iterator[HoldedClient]:
    with HoldedClient(holded.url, KEY, clock=fake_time.clock, timeout=5) as client:
        yield client


def paid(*payments: Any, total: Any = None, **more: Any) -> dict[str, Any]:
    """An invoice with these payments, which says that their sum was paid."""
    amounts = (Decimal(str(one["amount"])) for one in payments if isinstance(one, dict) and "amount" in one)
    said = float(sum(amounts)) if total is None else total
    return document(2, paymentsDetail=list(payments), paymentsTotal=said, **more)


def payment(amount: Any = 290, when: Any = IDES, **more: Any) -> dict[str, Any]:
    return {"id": "p1", "amount": amount, "date": when} | more


def read(holded: HoldedLike, client: HoldedClient, *invoices: dict[str, Any]) -> Documents:
    holded.lists[INVOICE_PATH] = list(invoices)
    return client.documents(MARCH, APRIL)


def test_a_payment_is_a_row_with_its_own_day_and_what_its_document_says_of_the_client(
    holded: HoldedLike, client: HoldedClient
) -> None:
    holded.lists[CREDIT_PATH] = [
        document(9, docNumber="CN1", paymentsTotal=40, paymentsDetail=[payment(40, id="p9")])
    ]
    found = read(holded, client, document(1), paid(payment(100.5), payment(190, APRIL_FIRST, id="p2")))
    assert (found.problems, found.unread_payments) == ([], frozenset())
    assert found.payments.schema.equals(INVOICE_PAYMENTS)
    first, second, refund = found.payments.to_pylist()
    assert first == {
        "id": "inv00002/p1",
        "document_id": "inv00002",
        "document_type": "invoice",
        "document_number": "F00002",
        "contact_id": "c1",
        "contact_name": "Mapple Inc",
        "date": date(2024, 3, 15),
        "amount": Decimal("100.50"),
        "currency": "EUR",
    }
    assert (second["id"], second["date"], second["amount"]) == ("inv00002/p2", APRIL, Decimal("190.00"))
    # What is paid of a credit note is paid back: the document has it as positive.
    assert (refund["document_type"], refund["amount"]) == ("creditnote", Decimal("40.00"))


@pytest.mark.parametrize(
    ("payments", "ids", "amounts"),
    [
        ([payment(10), payment(20)], ["p1", "p1#2"], ["10.00", "20.00"]),
        ([payment(10), payment(20), payment(30)], ["p1", "p1#2", "p1#3"], ["10.00", "20.00", "30.00"]),
        ([payment(10, id=None), payment(20, id="")], ["1", "2"], ["10.00", "20.00"]),
        ([payment(10, id=7), payment(20, id={"a": 1}), payment(30, id=" x ")], ["7", "2", "x"], None),
        ([payment(10, id="a\nb"), payment(20, id="a" * 300)], ["1", "2"], None),
        ([payment(10, id=2), payment(20, id=None)], ["2", "2#2"], ["10.00", "20.00"]),
        ([payment(300), payment(-100, id="p2")], ["p1", "p2"], ["300.00", "-100.00"]),
        ([payment(0)], ["p1"], ["0.00"]),
        ([payment("12.50"), payment("", id="p2")], ["p1", "p2"], ["12.50", "0.00"]),
        ([payment(0.1 + 0.2)], ["p1"], ["0.30"]),
    ],
)
def test_each_payment_has_an_id_of_its_own_and_the_amount_with_its_sign(
    payments: list[Any], ids: list[str], amounts: list[str] | None, holded: HoldedLike, client: HoldedClient
) -> None:
    total = sum(Decimal(str(one["amount"] or 0)) for one in payments)
    found = read(holded, client, paid(*payments, total=float(total)))
    assert found.problems == []
    assert found.payments["id"].to_pylist() == [f"inv00002/{one}" for one in ids]
    if amounts is not None:
        assert found.payments["amount"].to_pylist() == [Decimal(one) for one in amounts]


def test_one_that_is_told_twice_counts_once_and_two_documents_may_name_one_payment(
    holded: HoldedLike, client: HoldedClient
) -> None:
    other = document(3, paymentsDetail=[payment(5)], paymentsTotal=5)
    found = read(holded, client, paid(payment(10), payment(10), total=10), other)
    assert found.payments.select(["id", "amount"]).to_pylist() == [
        {"id": "inv00002/p1", "amount": Decimal("10.00")},
        {"id": "inv00003/p1", "amount": Decimal("5.00")},
    ]
    assert found.problems == []


@pytest.mark.parametrize("nothing", [[], None, ""])
def test_a_document_may_have_no_payments(nothing: object, holded: HoldedLike, client: HoldedClient) -> None:
    found = read(holded, client, document(2, paymentsDetail=nothing, paymentsTotal=""))
    assert (found.payments.num_rows, found.problems, found.unread_payments) == (0, [], frozenset())


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (payment(when="soon"), "a payment of 290.00 EUR with the date 'soon', which is not a date"),
        (payment(when=0), "a payment of 290.00 EUR with no date"),
        (payment(when=None), "a payment of 290.00 EUR with no date"),
        (
            payment(when=32_503_000_000),
            "a payment of 290.00 EUR with the date 2999-12-24, which is more than ten years from its document's",
        ),
        (payment("a lot"), "a payment on 2024-03-15 with the amount 'a lot', which is not a number"),
        (payment(None), "a payment on 2024-03-15 with no amount"),
        (payment(True), "a payment on 2024-03-15 with the amount True, which is not a number"),
        (payment(10**12), "a payment on 2024-03-15 with the amount 1000000000000, which is too large"),
        (payment("?", "?"), "a payment with the amount '?', which is not a number and the date '?', which is not a date"),
        ("cash", "the payment 'cash', which is none"),
        ([payment()], "the payment […], which is none"),
    ],
)  # fmt: skip
def test_a_payment_that_cannot_be_read_is_told_with_its_amount_and_costs_no_other(
    broken: Any, told: str, holded: HoldedLike, client: HoldedClient
) -> None:
    found = read(holded, client, paid(broken, payment(71.79, id="p2"), total=361.79))
    assert (found.invoices.num_rows, found.unread_payments) == (1, {"inv00002"})
    assert found.payments.select(["id", "amount"]).to_pylist() == [
        {"id": "inv00002/p2", "amount": Decimal("71.79")}
    ]
    [problem] = found.problems
    assert problem.message == f"Invoice F00002 has {told}, so that it does not count."
    own = "p1" if isinstance(broken, dict) else "1"
    assert (problem.operation, problem.entity_type, problem.external_id, problem.is_blocking) == (
        "invoices",
        "payment",
        f"inv00002/{own}",
        True,
    )


@pytest.mark.parametrize("broken", [{"0": payment()}, "290", 290, True])
def test_payments_that_are_no_list_are_told(broken: object, holded: HoldedLike, client: HoldedClient) -> None:
    found = read(holded, client, document(2, paymentsDetail=broken, paymentsTotal=290))
    assert (found.payments.num_rows, found.unread_payments) == (0, {"inv00002"})
    [problem] = found.problems
    assert problem.message.endswith(", which is not a list, so that its payments do not count.")


@pytest.mark.parametrize(
    ("details", "total", "refunds", "told"),
    [
        ([payment(290)], 300, 0, ("290.00", "300.00", "10.00")),
        ([payment(300)], 290, 0, ("300.00", "290.00", "-10.00")),
        ([], 290, 0, ("0.00", "290.00", "290.00")),
        (None, 290, "", ("0.00", "290.00", "290.00")),
        # A refund that stands in no payment has no day, and no month.
        ([payment(300)], 200, 100, ("300.00", "200.00", "-100.00")),
        ([payment(300), payment(-100, id="p2")], 200, 100, None),
        # Or what was paid may be told without what was paid back.
        ([payment(300), payment(-100, id="p2")], 300, 100, None),
        ([payment(300), payment(-100, id="p2")], 300, -100, None),
        ([payment(290)], 290, None, None),
    ],
)
def test_payments_that_are_not_what_was_paid_are_told_with_both_amounts(
    details: Any,
    total: int,
    refunds: Any,
    told: tuple[str, str, str] | None,
    holded: HoldedLike,
    client: HoldedClient,
) -> None:
    odd = document(2, paymentsDetail=details, paymentsTotal=total, paymentsRefunds=refunds)
    found = read(holded, client, odd)
    said = [problem for problem in found.problems if problem.entity_type == "payment"]
    assert found.payments.num_rows == len(details or [])
    if told is None:
        assert (said, found.unread_payments) == ([], frozenset())
        return
    [problem] = said
    assert (problem.external_id, found.unread_payments) == ("inv00002/paid", {"inv00002"})
    assert not problem.is_blocking, "it names no payment that could be booked"
    assert problem.message == (
        "Invoice F00002 has payments of {} EUR and says that {} EUR were paid, so that {} EUR do not count.".format(
            *told
        )
    )


def test_the_payments_of_a_draft_are_there(holded: HoldedLike, client: HoldedClient) -> None:
    found = read(holded, client, paid(payment(290), docNumber=None))
    assert found.payments.select(["document_number", "amount"]).to_pylist() == [
        {"document_number": None, "amount": Decimal("290.00")}
    ]


def test_a_payment_of_a_currency_without_cents_has_none(holded: HoldedLike, client: HoldedClient) -> None:
    found = read(holded, client, paid(payment("33333.5"), total="33333.5", currency="jpy"))
    assert (found.payments["amount"].to_pylist(), found.problems) == ([Decimal("33334.00")], [])
