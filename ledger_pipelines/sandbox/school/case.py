"""How the school's named cases are written: a function for each, whose first sentence describes it.

Here: the register and the words that cases are written with. Not here: the cases (`school_cases`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from ledger_pipelines.sandbox.school.model import (
    Channel,
    Document,
    Enrolment,
    Line,
    Page,
    Person,
    Program,
    Timeline,
    moment,
)
from ledger_pipelines.sandbox.school.programs import own_cohort

#: The days of a course of 60 sessions, three a week, its last day not counted.
FULL_COURSE = timedelta(days=139)

People = tuple[Person, ...]
_Build = Callable[[Timeline], People]
_SAMPLE = Timeline(date(2025, 12, 31))


@dataclass(frozen=True, slots=True)
class Case:
    """Somebody with whom one rule can be seen.

    `description` is one sentence. `emails` are the addresses by which the systems know the case's people,
    whatever the dates of the history. With `news`, `POST /sandbox/news` tells more about them.
    """

    name: str
    description: str
    emails: tuple[str, ...]
    people: _Build
    news: bool


#: Every case by its name, in the order in which they are written.
CASES: dict[str, Case] = {}


def case(build: _Build) -> _Build:
    """Registers a function as the case of its name."""
    name = build.__name__
    sample = build(_SAMPLE)
    emails: dict[str, None] = {}
    for person in sample:
        billed = (person.billed_as or "").strip().casefold()
        emails |= dict.fromkeys(email for email in (billed, person.email) if "@" in email)
    news = any(
        document.late or document.taken_out is not None for person in sample for document in person.documents
    ) or any(enrolment.later for person in sample for enrolment in person.enrolments)
    CASES[name] = Case(name, " ".join((build.__doc__ or "").split()), tuple(emails), build, news)
    return build


def client(
    name: str,
    *documents: Document,
    enrolments: tuple[Enrolment, ...] = (),
    page: Page | None = None,
    profile: str | None = "ACTIVE",
    billed_as: str | None = "",
    since: date | None = None,
) -> Person:
    """A person whose e-mail tells the case; `billed_as` is that e-mail unless it says otherwise."""
    first, _, last = name.replace("_", " ").title().partition(" ")
    email = f"{name.replace('_', '.')}@cases.example"
    days = [document.day for document in documents] + [enrolment.created.date() for enrolment in enrolments]
    if since is None and page is not None:
        days.append(page.created.date())
    joined = since or min(days)
    if page is not None and page.email == "":
        page = replace(page, email=email)
    return Person(
        first,
        last or "Case",
        email,
        moment(joined, 8),
        billed_as=email if billed_as == "" else billed_as,
        profile=profile,
        documents=documents,
        enrolments=enrolments,
        page=page,
        named=True,
    )


def invoice(
    channel: Channel,
    amount: int,
    day: date,
    *,
    currency: str = "eur",
    draft: bool = False,
    cancelled: bool = False,
    payments: tuple[tuple[int, int], ...] = ((2, 100),),
    late: bool = False,
) -> Document:
    """One line of `amount` whole units of currency, untaxed and paid at once."""
    lines = (Line(channel, amount * 10_000),)
    return Document(
        day, lines, currency=currency, draft=draft, cancelled=cancelled, payments=payments, late=late
    )


def credit_note(
    channel: Channel, amount: int, day: date, *, corrects: int | None = None, late: bool = False
) -> Document:
    """One line of `amount` whole units, which the document shows as positive."""
    return replace(invoice(channel, amount, day, late=late), kind="creditnote", corrects=corrects)


def enrolment(
    name: str,
    program: Program,
    kickoff: date,
    ending: date | None,
    *,
    status: str | None = "ACTIVE",
    changed: date | datetime | None = None,
) -> Enrolment:
    """A membership of a cohort of the case's own, made five days before it starts."""
    created = moment(kickoff - timedelta(days=5), 9)
    last = changed if isinstance(changed, datetime) else moment(changed) if changed else created
    return Enrolment(own_cohort(name, program, kickoff, ending), status, created, last)


def page(
    status: str | None,
    created: date,
    *,
    drop: date | None = None,
    certificated: date | None = None,
    email: str | None = "",
    archived: bool = False,
) -> Page:
    """A page of Notion under the client's own e-mail unless another is given."""
    edited = max(day for day in (created, drop, certificated) if day)
    return Page(status, moment(created, 9), moment(edited, 15), email, drop, certificated, archived)
