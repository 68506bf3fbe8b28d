"""Cases where a system knows less than another: no period, no match, no contact; and documents' own oddities.

See rules/accruals.md, rules 1 and 2.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ledger_pipelines.sandbox.school.case import (
    FULL_COURSE,
    People,
    case,
    client,
    credit_note,
    enrolment,
    invoice,
    page,
)
from ledger_pipelines.sandbox.school.model import Document, Line, Timeline
from ledger_pipelines.sandbox.school.programs import EVENTS, FULL_STACK, MERCHANDISE, PROGRAMS, ROOMS

_FULL_STACK = PROGRAMS[0]


@case
def resigned(t: Timeline) -> People:
    """Bought, never enrolled, and is not in Notion: recognised whole once fifteen days have passed."""
    return (client("resigned", invoice(FULL_STACK, 1000, t.day(5, 20))),)


@case
def bought_lately(t: Timeline) -> People:
    """Bought five days before the end of history and has not enrolled: nothing is recognised yet."""
    return (client("bought_lately", invoice(FULL_STACK, 1000, t.until - timedelta(days=5))),)


@case
def negative_contract(t: Timeline) -> People:
    """Has a credit note of 500 and no invoice: the contract is negative and recognised in its own month."""
    return (client("negative_contract", credit_note(FULL_STACK, 500, t.day(4, 10))),)


@case
def notion_active(t: Timeline) -> People:
    """Has no period, but Notion says active: nothing is recognised, and somebody is told after fifteen days."""
    notion = page("Active", t.day(5, 6))
    return (client("notion_active", invoice(FULL_STACK, 2000, t.day(5, 6)), page=notion),)


@case
def notion_ended(t: Timeline) -> People:
    """Has no period, but a certificate by Notion: recognised whole on its date."""
    notion = page("Graduated", t.day(7, 6), certificated=t.day(4, 15))
    return (client("notion_ended", invoice(FULL_STACK, 2000, t.day(7, 6)), page=notion),)


@case
def notion_dropped(t: Timeline) -> People:
    """Has no period, but dropped out by Notion: recognised whole on the drop date."""
    notion = page("Dropped", t.day(7, 6), drop=t.day(5, 9))
    return (client("notion_dropped", invoice(FULL_STACK, 2000, t.day(7, 6)), page=notion),)


@case
def notion_ended_without_date(t: Timeline) -> People:
    """Has no period and ended by Notion, which does not say when: nothing is recognised, and somebody is told."""
    notion = page("Ended", t.day(7, 6))
    return (client("notion_ended_without_date", invoice(FULL_STACK, 2000, t.day(7, 6)), page=notion),)


@case
def notion_archived(t: Timeline) -> People:
    """Has a page in Notion that was thrown away, which counts as none: they resigned."""
    notion = page("Active", t.day(6, 6), archived=True)
    return (client("notion_archived", invoice(FULL_STACK, 800, t.day(6, 6)), page=notion),)


@case
def notion_client(t: Timeline) -> People:
    """Was invoiced and is in Notion, but 4Geeks has never heard of them."""
    notion = page("Active", t.day(4, 6))
    return (client("notion_client", invoice(FULL_STACK, 900, t.day(4, 6)), page=notion, profile=None),)


@case
def notion_only(t: Timeline) -> People:
    """Is in Notion alone: no contact, no student, no contract."""
    return (client("notion_only", page=page("Active", t.day(4, 6)), profile=None, billed_as=None),)


@case
def mismatched_email(t: Timeline) -> People:
    """Is billed under another e-mail than the one they study with: their course cannot be found."""
    start, name = t.day(4, 1), "mismatched_email"
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    private = "somebody.else@private.example"
    return (client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,), billed_as=private),)


@case
def email_in_capitals(t: Timeline) -> People:
    """Is billed under the same e-mail in capitals with spaces around it, which is a match."""
    start, name = t.day(4, 1), "email_in_capitals"
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    notion = page("Active", start, email="Email.In.Capitals@Cases.Example ")
    billed = "  EMAIL.IN.CAPITALS@CASES.EXAMPLE "
    return (
        client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,), page=notion, billed_as=billed),
    )


@case
def contact_without_email(t: Timeline) -> People:
    """Is a contact without an e-mail, who studies: no course can be found for the contract."""
    start, name = t.day(4, 1), "contact_without_email"
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, invoice(FULL_STACK, 700, start), enrolments=(course,), billed_as=" "),)


@case
def nobody(t: Timeline) -> People:
    """Is an invoice that names no contact: its contact is "0"."""
    return (client("nobody", invoice(FULL_STACK, 300, t.day(5, 14)), profile=None, billed_as="0"),)


@case
def invited(t: Timeline) -> People:
    """Was invited to 4Geeks and has not accepted: a student without a user, and without a membership."""
    return (client("invited", invoice(FULL_STACK, 1000, t.day(2, 4)), profile="INVITED"),)


@case
def siblings(t: Timeline) -> People:
    """Are two contacts of Holded with one e-mail and one student: both take the course."""
    start = t.day(5, 1)
    course = enrolment("siblings", _FULL_STACK, start, start + FULL_COURSE)
    one = client("siblings", invoice(FULL_STACK, 6000, start), enrolments=(course,))
    other = client("siblings", invoice(FULL_STACK, 1200, t.day(5, 8)), profile=None)
    return one, replace(other, last="The Second")


@case
def registered_twice(t: Timeline) -> People:
    """Are two students of 4Geeks with one e-mail: the newer one is meant, and has the course."""
    start, name = t.day(5, 1), "registered_twice"
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    newer = client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,))
    older = client(name, billed_as=None, since=t.day(12, 2))
    return newer, older


@case
def drafts_and_cancelled(t: Timeline) -> People:
    """Has one invoice that counts, a draft and a cancelled one that do not."""
    start, name = t.day(5, 1), "drafts_and_cancelled"
    documents = (
        invoice(FULL_STACK, 1000, start),
        invoice(FULL_STACK, 2000, t.day(4, 1), draft=True, payments=()),
        invoice(FULL_STACK, 4000, t.day(3, 1), cancelled=True, payments=()),
    )
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, *documents, enrolments=(course,)),)


@case
def discount_and_tax(t: Timeline) -> People:
    """Bought three units at 2333.3333 with 10 percent off and 21 percent tax, and a book: 6300.00 is the contract."""
    start, name = t.day(5, 1), "discount_and_tax"
    lines = (
        Line(FULL_STACK, 23_333_333, units=3, discount=10, tax=21),
        Line(MERCHANDISE, 350_000, tax=4),
    )
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, Document(start, lines, payments=((2, 100),)), enrolments=(course,)),)


@case
def paid_in_part(t: Timeline) -> People:
    """Has paid a quarter and a half of an invoice: a quarter is still owed."""
    start, name = t.day(5, 1), "paid_in_part"
    document = invoice(FULL_STACK, 6000, start, payments=((3, 25), (40, 50)))
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, document, enrolments=(course,)),)


@case
def no_service(t: Timeline) -> People:
    """Bought a book, a room for a day and a ticket: no service, so no contract."""
    lines = (Line(MERCHANDISE, 350_000, tax=4), Line(ROOMS, 2_500_000, tax=21), Line(EVENTS, 150_000))
    document = Document(t.day(3, 9), lines, payments=((0, 100),))
    return (client("no_service", document, profile=None),)
