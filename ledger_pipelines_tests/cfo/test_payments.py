"""When a crypto invoice is paid, partly paid or overpaid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger_pipelines.cfo.payments import (
    STATUSES,
    InvoiceState,
    Payment,
    invoice_state,
    required_confirmations,
    tolerance,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines_tests.cfo.building import NOON, payment
from ledger_pipelines_tests.cfo.reference import state_by_hand

MOVING = [status for status in STATUSES if status not in ("complete", "cancelled")]


def usdt(*payments: Payment, status: str = "sent", amount: str = "100") -> InvoiceState:
    """The state of an invoice in USDT with these payments."""
    return invoice_state(status, Decimal(amount), "USDT", payments)


@pytest.mark.parametrize(
    ("currency", "network", "confirmations"),
    [
        ("BTC", None, 3),
        ("BTC", "Bitcoin", 3),
        ("USDT", "TRC20", 20),
        ("USDT", "ERC20", 12),
        ("USDT", "BEP20", 15),
        ("TAO", None, 12),
        ("ETH", None, 6),
        ("USDC", "ERC20", 6),
        ("USDT", None, 6),
        ("USDT", "Polygon", 6),
        (" usdt ", "trc20", 20),
    ],
)
def test_confirmations_by_currency_and_network(
    currency: str, network: str | None, confirmations: int
) -> None:
    assert required_confirmations(currency, network) == confirmations


@pytest.mark.parametrize("currency", ["USDT", "USDC", "DAI", "BUSD", " usdt "])
def test_a_stable_coin_may_be_a_thousandth_off(currency: str) -> None:
    assert tolerance(currency) == Decimal("0.001")


@pytest.mark.parametrize("currency", ["BTC", "TAO", "ETH", "EUR"])
def test_other_currencies_may_be_five_thousandths_off(currency: str) -> None:
    assert tolerance(currency) == Decimal("0.005")


def test_the_worked_case_is_paid_with_the_second_payments_confirmation() -> None:
    """100.00 USDT over TRC20 in 60 and 40: not paid until both have 20 confirmations."""
    needed = required_confirmations("USDT", "TRC20")
    first = payment("0xa", "60", of=20, needed=needed)
    waiting = payment("0xb", "40", of=19, needed=needed)
    assert usdt(first, waiting) == InvoiceState("partially_paid", None, Decimal(60), Decimal(100))
    second = payment("0xb", "40", of=20, needed=needed, minute=7)
    paid = InvoiceState("paid", NOON + timedelta(minutes=7), Decimal(100), Decimal(100))
    assert usdt(first, second) == paid
    assert usdt(first, second, second, first, waiting) == paid
    assert usdt(first, second, status="complete").status == "complete"


@pytest.mark.parametrize(
    ("currency", "amount", "status"),
    [
        ("USDT", "99.899999", "partial"),
        ("USDT", "99.9", "paid"),
        ("USDT", "100.1", "paid"),
        ("USDT", "100.100001", "overpaid"),
        ("TAO", "99.499999", "partial"),
        ("TAO", "99.5", "paid"),
        ("TAO", "100.5", "paid"),
        ("TAO", "100.500001", "overpaid"),
    ],
)
def test_the_bounds_of_the_tolerance_are_within_it(currency: str, amount: str, status: str) -> None:
    state = invoice_state("sent", Decimal(100), currency, [payment("0xa", amount)])
    assert state.status == status
    assert state.paid_at == (None if status == "partial" else NOON)


def test_money_that_is_seen_but_not_certain_makes_partially_paid() -> None:
    assert usdt(payment("0xa", "100", of=0)).status == "partially_paid"
    assert usdt(payment("0xa", "60"), payment("0xb", "1", of=0)).status == "partially_paid"
    assert usdt(payment("0xa", "60")).status == "partial"


def test_what_waits_beyond_a_paid_invoice_does_not_make_it_overpaid_until_it_is_certain() -> None:
    full = payment("0xa", "100")
    assert usdt(full, payment("0xb", "50", of=3)) == InvoiceState("paid", NOON, Decimal(100), Decimal(150))
    more = usdt(full, payment("0xb", "50", minute=9), status="paid")
    assert more == InvoiceState("overpaid", NOON, Decimal(150), Decimal(150))


def test_paid_at_is_the_confirmation_that_completed_the_amount_not_the_last_one() -> None:
    state = usdt(
        payment("0xc", "30", minute=30), payment("0xa", "60", minute=10), payment("0xb", "40", minute=20)
    )
    assert (state.status, state.paid_at) == ("overpaid", NOON + timedelta(minutes=20))


def test_a_payment_told_twice_counts_once_as_it_was_told_with_the_most_confirmations() -> None:
    early, late = payment("0xa", "100", of=2), payment("0xa", "100", of=21, minute=4)
    for told in ([early, late], [late, early], [late, late, early]):
        assert usdt(*told) == InvoiceState("paid", NOON + timedelta(minutes=4), Decimal(100), Decimal(100))


def test_a_confirmation_told_at_two_times_was_at_the_earlier() -> None:
    early, late = payment("0xa", "100", minute=1), payment("0xa", "100", minute=2)
    for told in ([early, late], [late, early]):
        assert usdt(*told).paid_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize("status", ["complete", "cancelled"])
def test_a_complete_or_cancelled_invoice_keeps_its_status(status: str) -> None:
    assert usdt(payment("0xa", "1"), status=status).status == status
    assert usdt(payment("0xa", "100"), status=status).status == status
    assert usdt(payment("0xa", "900"), status=status).status == status


def test_a_complete_invoice_is_still_paid_when_it_was_and_a_cancelled_one_never() -> None:
    full = payment("0xa", "100")
    assert usdt(full, status="complete").paid_at == NOON
    assert usdt(payment("0xa", "1"), status="complete").paid_at is None
    assert usdt(full, status="cancelled").paid_at is None


@pytest.mark.parametrize("status", MOVING)
def test_payments_move_any_other_invoice_a_draft_and_an_expired_one_too(status: str) -> None:
    assert usdt(payment("0xa", "100"), status=status).status == "paid"
    assert usdt(payment("0xa", "99"), status=status).status == "partial"


@pytest.mark.parametrize("status", STATUSES)
def test_an_invoice_without_payments_stays_as_it_is(status: str) -> None:
    assert usdt(status=status) == InvoiceState(status, None, Decimal(0), Decimal(0))


def test_eighteen_decimals_are_not_rounded() -> None:
    """A large amount short of its tolerance by the last decimal that a token has."""
    least = Decimal("99900000000000000000")
    short = Decimal("99899999999999999999.999999999999999999")
    for amount, status in ((least, "paid"), (short, "partial")):
        state = usdt(payment("0xa", str(amount)), amount="100000000000000000000")
        assert (state.status, state.received) == (status, amount)


def test_what_is_no_status_and_what_is_no_payment_is_refused() -> None:
    with pytest.raises(LedgerError, match="'settled' is not a status of an invoice"):
        usdt(status="settled")
    for amount in ("0", "-5", "NaN", "Infinity"):
        with pytest.raises(LedgerError, match="only amounts above zero are payments"):
            payment("0xa", amount)
    with pytest.raises(LedgerError, match="has 19 of 20 confirmations"):
        Payment("0xa", Decimal(1), 19, 20, NOON)
    with pytest.raises(LedgerError, match="has 20 of 20 confirmations and was confirmed at None"):
        Payment("0xa", Decimal(1), 20, 20, None)


_PAYMENTS = st.lists(
    st.builds(
        payment,
        st.sampled_from(["0xa", "0xb", "0xc", "0xd"]),
        st.sampled_from(["60", "40", "99.9", "0.1", "0.2", "100", "0.000000000000000001"]),
        of=st.sampled_from([0, 19, 20, 25]),
        minute=st.integers(0, 3),
    ),
    max_size=6,
)


@given(_PAYMENTS.flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_of_payments_does_not_matter(orders: tuple[list[Payment], list[Payment]]) -> None:
    told, otherwise = orders
    assert usdt(*told) == usdt(*otherwise)
    assert usdt(*told, *otherwise) == usdt(*told)


@given(_PAYMENTS, st.sampled_from(STATUSES), st.sampled_from(["USDT", "BTC"]))
@example([], "sent", "USDT")
def test_the_state_is_what_the_rule_reckoned_by_hand_gives(
    told: Sequence[Payment], status: str, currency: str
) -> None:
    state = invoice_state(status, Decimal(100), currency, told)
    assert (state.status, state.paid_at) == state_by_hand(status, Decimal(100), currency, told)
