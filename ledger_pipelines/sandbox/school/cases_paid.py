"""Cases of clients who pay in their own ways (rules/general_ledger.md): in parts, too much, too early, and back.

They rent rooms and buy books: no service, so that no contract and no accrual depends on how they pay.
"""

from __future__ import annotations

from datetime import date

from ledger_pipelines.sandbox.school.case import People, case, client
from ledger_pipelines.sandbox.school.model import Document, Line, Timeline
from ledger_pipelines.sandbox.school.programs import EVENTS, MERCHANDISE, ROOMS


def _rent(
    day: date, *payments: tuple[int, int], amount: int = 1000, taken_out: int | None = None
) -> Document:
    """A room for `amount` euros and 21 percent of tax."""
    lines = (Line(ROOMS, amount * 10_000, tax=21),)
    return Document(day, lines, payments=payments, taken_out=taken_out)


@case
def paid_in_two_months(t: Timeline) -> People:
    """Pays 40 percent of 1210.00 in the invoice's month and 60 percent in the next: paid."""
    return (client("paid_in_two_months", _rent(t.day(4, 8), (3, 40), (34, 60)), profile=None),)


@case
def overpaid(t: Timeline) -> People:
    """Has paid 1331.00 of 1210.00: 121.00 are the client's."""
    return (client("overpaid", _rent(t.day(4, 10), (5, 100), (9, 10)), profile=None),)


@case
def paid_in_advance(t: Timeline) -> People:
    """Pays in the month before the one that the invoice is dated in."""
    return (client("paid_in_advance", _rent(t.day(3, 4), (-12, 100)), profile=None),)


@case
def refunded(t: Timeline) -> People:
    """Has paid 1210.00 and was paid 363.00 back in the month after, without a credit note: 363.00 are owed again."""
    return (client("refunded", _rent(t.day(4, 12), (2, 100), (30, -30)), profile=None),)


@case
def withheld(t: Timeline) -> People:
    """Withholds 15 percent of 1000.00 for the tax office: 1060.00 of 1210.00 are to be paid, and are."""
    lines = (Line(EVENTS, 10_000_000, tax=21, retention=15),)
    return (client("withheld", Document(t.day(3, 15), lines, payments=((20, 100),)), profile=None),)


@case
def credited_and_paid_back(t: Timeline) -> People:
    """Has paid for books, was credited some of them, and got their price back a month later."""
    books = Document(t.day(4, 6), (Line(MERCHANDISE, 350_000, units=10, tax=4),), payments=((1, 100),))
    returned = Document(
        t.day(3, 9),
        (Line(MERCHANDISE, 350_000, units=4, tax=4),),
        kind="creditnote",
        payments=((28, 100),),
        corrects=0,
    )
    return (client("credited_and_paid_back", books, returned, profile=None),)


@case
def payment_taken_out(t: Timeline) -> People:
    """Has paid, until the news takes the payment out again: the bank had returned it, in a month that is closed."""
    return (client("payment_taken_out", _rent(t.day(4, 20), (6, 100), taken_out=0), profile=None),)
