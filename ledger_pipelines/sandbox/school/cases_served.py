"""Cases of clients who sit, or sat, a course: what recognises their contracts (rules/accruals.md, rules 3 to 7).

Each takes its days from the end of history, so that a rule is seen in the same months before it.
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
from ledger_pipelines.sandbox.school.model import Timeline, moment
from ledger_pipelines.sandbox.school.programs import DATA_SCIENCE, FULL_STACK, PROGRAMS, ROBOTICS

_FULL_STACK, _DATA_SCIENCE = PROGRAMS[:2]


@case
def active(t: Timeline) -> People:
    """Paid 6000 at once and sits a course of 60 sessions that runs on beyond the last month."""
    start = t.day(2, 1)
    course = enrolment("active", _FULL_STACK, start, start + FULL_COURSE)
    return (
        client("active", invoice(FULL_STACK, 6000, start), enrolments=(course,), page=page("Active", start)),
    )


@case
def graduated(t: Timeline) -> People:
    """Sat the whole course and graduated two days after its end."""
    start = t.day(9, 1)
    over = start + FULL_COURSE + timedelta(days=2)
    course = enrolment("graduated", _FULL_STACK, start, start + FULL_COURSE, status="GRADUATED", changed=over)
    notion = page("Graduated", start, certificated=over)
    return (client("graduated", invoice(FULL_STACK, 6000, start), enrolments=(course,), page=notion),)


@case
def ended_early(t: Timeline) -> People:
    """Graduated from a course that would have gone on for two months more: the rest is recognised at once."""
    start = t.day(6, 1)
    course = enrolment(
        "ended_early", _FULL_STACK, start, start + FULL_COURSE, status="GRADUATED", changed=t.day(4, 10)
    )
    notion = page("Certificated", start, certificated=t.day(4, 10))
    return (client("ended_early", invoice(FULL_STACK, 6000, start), enrolments=(course,), page=notion),)


@case
def not_completing(t: Timeline) -> People:
    """Sat the course to its end without completing it, which ends it all the same."""
    start = t.day(8, 1)
    over = start + FULL_COURSE
    course = enrolment("not_completing", _FULL_STACK, start, over, status="NOT_COMPLETING", changed=over)
    notion = page("Not Completing", start, certificated=over)
    return (client("not_completing", invoice(FULL_STACK, 6000, start), enrolments=(course,), page=notion),)


@case
def dropped(t: Timeline) -> People:
    """Dropped out in the third month: all that was left is recognised in it."""
    start = t.day(6, 1)
    course = enrolment(
        "dropped", _FULL_STACK, start, start + FULL_COURSE, status="DROPPED", changed=t.day(4, 10)
    )
    notion = page("Dropped", start, drop=t.day(4, 10))
    return (client("dropped", invoice(FULL_STACK, 6000, start), enrolments=(course,), page=notion),)


@case
def suspended(t: Timeline) -> People:
    """Was suspended by the school, which counts as dropped."""
    start = t.day(7, 1)
    course = enrolment(
        "suspended", _DATA_SCIENCE, start, start + FULL_COURSE, status="SUSPENDED", changed=t.day(5, 20)
    )
    notion = page("Suspended", start, drop=t.day(5, 20))
    return (client("suspended", invoice(DATA_SCIENCE, 6000, start), enrolments=(course,), page=notion),)


@case
def dropped_on_the_last_day(t: Timeline) -> People:
    """Dropped out on the last afternoon of history, which an answer that 4Geeks has cached does not know."""
    start, name = t.day(1, 1), "dropped_on_the_last_day"
    before = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    course = replace(before, status="DROPPED", changed=moment(t.until, 17), former=before)
    return (client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,)),)


@case
def dropped_back_dated(t: Timeline) -> People:
    """Is active until the news tells of a drop three months before the last one, closed by then."""
    start, name = t.day(6, 1), "dropped_back_dated"
    before = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    later = replace(before, status="DROPPED", changed=moment(t.day(3, 20)))
    course = replace(before, later=later)
    return (client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,)),)


@case
def dropped_then_active(t: Timeline) -> People:
    """Dropped out, and by the news is active after all: a contract booked as cancelled that a person must judge."""
    start, name = t.day(7, 1), "dropped_then_active"
    before = enrolment(
        name, _FULL_STACK, start, start + timedelta(days=300), status="DROPPED", changed=t.day(5, 10)
    )
    course = replace(before, later=replace(before, status="ACTIVE", changed=moment(t.until, 9)))
    return (client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,)),)


@case
def postponed(t: Timeline) -> People:
    """Postponed and never came back: after more than three months the rest is recognised."""
    start = t.day(9, 1)
    course = enrolment(
        "postponed", _FULL_STACK, start, start + timedelta(days=150), status="POSTPONED", changed=t.day(8, 15)
    )
    documents = invoice(FULL_STACK, 4800, t.day(10, 1))
    return (client("postponed", documents, enrolments=(course,), page=page("Postponed", t.day(10, 1))),)


@case
def postponed_lately(t: Timeline) -> People:
    """Postponed last month and may still come back: the contract is paused."""
    start, name = t.day(3, 1), "postponed_lately"
    course = enrolment(
        name, _FULL_STACK, start, start + FULL_COURSE, status="POSTPONED", changed=t.day(1, 15)
    )
    return (
        client(
            name,
            invoice(FULL_STACK, 6000, start),
            enrolments=(course,),
            page=page("Postponed", start),
        ),
    )


@case
def postponed_and_resumed(t: Timeline) -> People:
    """Postponed after two weeks and resumed in a second cohort, which delivers what the first one left."""
    start, again, name = t.day(9, 1), t.day(7, 4), "postponed_and_resumed"
    courses = (
        enrolment(name, _FULL_STACK, start, start + FULL_COURSE, status="POSTPONED", changed=t.day(9, 15)),
        enrolment(name, _FULL_STACK, again, again + FULL_COURSE),
    )
    return (
        client(
            name,
            invoice(FULL_STACK, 6000, start),
            enrolments=courses,
            page=page("Active", start),
        ),
    )


@case
def short_course(t: Timeline) -> People:
    """Paid 1200 for a course of four weeks: a fifth is recognised, and the rest stalls with nothing to release it."""
    start, name = t.day(5, 1), "short_course"
    course = enrolment(name, _FULL_STACK, start, start + timedelta(days=27))
    return (client(name, invoice(FULL_STACK, 1200, start), enrolments=(course,)),)


@case
def without_status(t: Timeline) -> People:
    """Has a membership without a status, which counts as active."""
    start, name = t.day(3, 1), "without_status"
    course = enrolment(name, _DATA_SCIENCE, start, start + FULL_COURSE, status=None)
    return (client(name, invoice(DATA_SCIENCE, 3000, start), enrolments=(course,)),)


@case
def unknown_status(t: Timeline) -> People:
    """Has a membership with a status that nobody knows: it counts as active, and is an integration error."""
    start, name = t.day(3, 1), "unknown_status"
    course = enrolment(
        name, _DATA_SCIENCE, start, start + FULL_COURSE, status="SABBATICAL", changed=t.day(2, 5)
    )
    return (client(name, invoice(DATA_SCIENCE, 3000, start), enrolments=(course,)),)


@case
def never_ending(t: Timeline) -> People:
    """Has a membership of a cohort that never ends, which is an integration error and no service period."""
    start, name = t.day(4, 1), "never_ending"
    course = enrolment(name, _FULL_STACK, start, None)
    return (client(name, invoice(FULL_STACK, 2400, start), enrolments=(course,), page=page("Active", start)),)


@case
def ends_before_it_starts(t: Timeline) -> People:
    """Has a membership of a cohort whose end is before its start, which is an integration error."""
    start, name = t.day(4, 1), "ends_before_it_starts"
    course = enrolment(name, _FULL_STACK, start, start - timedelta(days=30))
    return (client(name, invoice(FULL_STACK, 2400, start), enrolments=(course,), page=page("Active", start)),)


@case
def instalments(t: Timeline) -> People:
    """Pays 6000 in six monthly invoices of 1000 while the course runs."""
    start, name = t.day(6, 1), "instalments"
    documents = [invoice(FULL_STACK, 1000, t.day(6 - number, 1)) for number in range(6)]
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, *documents, enrolments=(course,), page=page("Active", start)),)


@case
def late_invoice(t: Timeline) -> People:
    """Was invoiced 3000, and by the news 600 more, dated into a month that is closed by then."""
    start, name = t.day(4, 1), "late_invoice"
    documents = (
        invoice(FULL_STACK, 3000, start),
        invoice(FULL_STACK, 600, t.day(3, 28), late=True),
        credit_note(FULL_STACK, 150, t.day(2, 28), late=True, corrects=0),
    )
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, *documents, enrolments=(course,)),)


@case
def credited_in_part(t: Timeline) -> People:
    """Was credited 1000 of 6000 two months after the invoice: the contract is 5000 from then on."""
    start, name = t.day(6, 1), "credited_in_part"
    documents = (
        invoice(FULL_STACK, 6000, start),
        credit_note(FULL_STACK, 1000, t.day(4, 12), corrects=0),
    )
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, *documents, enrolments=(course,)),)


@case
def credited_in_full(t: Timeline) -> People:
    """Was credited the whole 6000 after a month and dropped out: what was recognised is taken back."""
    start, name = t.day(6, 1), "credited_in_full"
    documents = (
        invoice(FULL_STACK, 6000, start),
        credit_note(FULL_STACK, 6000, t.day(5, 3), corrects=0),
    )
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE, status="DROPPED", changed=t.day(5, 2))
    return (client(name, *documents, enrolments=(course,)),)


@case
def two_services(t: Timeline) -> People:
    """Bought two services and sits a cohort of each: every period belongs to the service of its program."""
    start, second, name = t.day(7, 1), t.day(3, 1), "two_services"
    documents = (invoice(FULL_STACK, 6000, start), invoice(DATA_SCIENCE, 4000, second))
    courses = (
        enrolment(name, _FULL_STACK, start, start + FULL_COURSE),
        enrolment(name, _DATA_SCIENCE, second, second + FULL_COURSE),
    )
    return (client(name, *documents, enrolments=courses, page=page("Active", start)),)


@case
def two_services_neither_fits(t: Timeline) -> People:
    """Bought two services and sits a program that is neither: the period is left to a person."""
    start, name = t.day(5, 1), "two_services_neither_fits"
    documents = (invoice(FULL_STACK, 6000, start), invoice(DATA_SCIENCE, 4000, start))
    course = enrolment(name, ROBOTICS, start, start + FULL_COURSE)
    return (client(name, *documents, enrolments=(course,), page=page("Active", start)),)


@case
def other_program(t: Timeline) -> People:
    """Bought one service and sits a program of another name: the only contract takes the period."""
    start, name = t.day(5, 1), "other_program"
    course = enrolment(name, ROBOTICS, start, start + FULL_COURSE)
    return (client(name, invoice(FULL_STACK, 6000, start), enrolments=(course,)),)


@case
def two_currencies(t: Timeline) -> People:
    """Paid for one service partly in euros and partly in dollars: two contracts that share the course."""
    start, name = t.day(4, 1), "two_currencies"
    documents = (invoice(FULL_STACK, 3000, start), invoice(FULL_STACK, 1500, start, currency="usd"))
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    return (client(name, *documents, enrolments=(course,)),)


@case
def macro_cohort(t: Timeline) -> People:
    """Sits a macro cohort that put them into two micro cohorts, each ending on its own: one course alone."""
    start, middle, name = t.day(4, 1), t.day(4, 1) + timedelta(days=70), "macro_cohort"
    course = enrolment(name, _FULL_STACK, start, start + FULL_COURSE)
    first = enrolment(f"{name}_first", _FULL_STACK, start, middle, status="GRADUATED", changed=middle)
    second = enrolment(f"{name}_second", _FULL_STACK, middle, start + FULL_COURSE)
    parts = tuple(replace(part, brought_by=course.cohort) for part in (first, second))
    return (client(name, invoice(FULL_STACK, 6000, start), enrolments=(course, *parts)),)
