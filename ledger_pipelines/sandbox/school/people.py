"""The school's students beside the named cases: who they are, what they bought and how their courses went.

Documents lie in the two years that end with the last day of history, as Codex's tickets do. There are exactly
as many students and documents as the settings say; how they are divided is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.directory import slug
from ledger_pipelines.sandbox.hivematrix.names import COUNTRIES
from ledger_pipelines.sandbox.school.model import (
    Cohort,
    Document,
    Enrolment,
    Line,
    Page,
    Person,
    Program,
    moment,
)
from ledger_pipelines.sandbox.school.programs import (
    AI_ENGINEERING,
    EVENTS,
    MERCHANDISE,
    PRICES,
    PROGRAM_OF,
    PROGRAMS,
    ROOMS,
    SERVICES,
    monthly_cohort,
)

_SHARES = (0.34, 0.2, 0.16, 0.12, 0.1, 0.08)
#: How a course that is over went, and one that still runs; each with its share.
_OVER = (("GRADUATED", 0.76), ("DROPPED", 0.08), ("NOT_COMPLETING", 0.05), ("POSTPONED", 0.05))
_OVER_RARE = (("SUSPENDED", 0.02), (None, 0.02), ("ACTIVE", 0.02))
_RUNNING = (("ACTIVE", 0.84), ("POSTPONED", 0.06), ("DROPPED", 0.05), (None, 0.03), ("SUSPENDED", 0.02))
_NOTION = {
    "ACTIVE": "Active",
    "POSTPONED": "Postponed",
    "GRADUATED": "Graduated",
    "NOT_COMPLETING": "Not Completing",
    "DROPPED": "Dropped",
    "SUSPENDED": "Suspended",
}
_COUNTRY = COUNTRIES[4]
#: Every program, in the order of `SERVICES`, has a cohort that never ends, for those who learn by themselves.
_ENDLESS = tuple(
    Cohort(f"{program.slug}-self-paced", f"{program.name} self-paced", program, date(2021, 1, 4), None)
    for program in PROGRAMS
)


def draw_people(config: SandboxConfig) -> Iterator[Person]:
    """The students in turn, then the people who bought no service and are no students."""
    rng = np.random.default_rng([config.seed, 4])
    counts = _divide(rng, config.students, config.invoices)
    draws = rng.random((config.students, 16)).tolist()
    services = rng.choice(len(SERVICES), config.students, p=_SHARES).tolist()
    cohorts = _Cohorts()
    walk_ins = config.invoices - sum(counts)
    for number in range(config.students):
        student = _Student(number, draws[number], services[number], config, cohorts)
        yield student.person(counts[number])
    for number, draw in enumerate(rng.random((walk_ins, 4)).tolist()):
        yield _walk_in(number, draw, config)


def _divide(rng: np.random.Generator, students: int, invoices: int) -> list[int]:
    """How many documents each student has: one if there are enough, and instalments for some.

    One document in twenty is left for people who are no students.
    """
    if students == 0:
        return []
    documents = invoices - invoices // 20
    counts = np.zeros(students, dtype=int)
    counts[: min(students, documents)] = 1
    rest = max(documents - students, 0)
    weights = rng.gamma(0.6, 1.0, students) + 1e-3
    return [int(count) for count in counts + rng.multinomial(rest, weights / weights.sum())]


class _Cohorts:
    """The monthly cohorts, each made once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, date], Cohort] = {}

    def after(self, program: Program, day: date, months: int = 1) -> Cohort:
        """The cohort that starts in the month so many months after that of `day`."""
        number = day.year * 12 + day.month - 1 + months
        month = date(number // 12, number % 12 + 1, 1)
        if (program.id, month) not in self._known:
            self._known[program.id, month] = monthly_cohort(program, month)
        return self._known[program.id, month]


class _Student:
    """One student being drawn; `draws` are sixteen numbers from 0 to 1."""

    def __init__(
        self, number: int, draws: list[float], service: int, config: SandboxConfig, cohorts: _Cohorts
    ) -> None:
        self._number = number
        self._draws = draws
        self._service = service
        self._until, self._days = config.until, config.history_days
        self._cohorts = cohorts

    def person(self, documents: int) -> Person:
        """The student with so many documents."""
        draws = self._draws
        step, begins = self._rhythm(documents)
        first = _COUNTRY.first_names[int(draws[0] * len(_COUNTRY.first_names))]
        last = _COUNTRY.last_names[int(draws[1] * len(_COUNTRY.last_names))]
        email = f"{_slug(first)}.{_slug(last)}{self._number}@students.example"
        enrolments = self._enrolments(begins)
        profile = "INVITED" if not enrolments else "ACTIVE"
        return Person(
            first,
            last,
            email,
            moment(begins, 8, seconds=int(draws[2] * 3_600)),
            billed_as=_as_billed(email, draws[3]),
            profile=profile,
            documents=self._documents(documents, begins, step),
            enrolments=enrolments,
            page=self._page(email, enrolments, begins),
        )

    def _rhythm(self, documents: int) -> tuple[int, date]:
        """The days from one document to the next, and the first one's day: none is after the last day."""
        first = self._until - timedelta(days=self._days - 1)
        step = min(30, (self._days - 1) // documents) if documents else 30
        latest = self._days - 1 - step * max(documents - 1, 0)
        return step, first + timedelta(days=int(self._draws[5] * (latest + 1)))

    def _documents(self, count: int, begins: date, step: int) -> tuple[Document, ...]:
        channel = SERVICES[self._service]
        discount = (0, 0, 0, 5, 10, 15)[int(self._draws[6] * 6)]
        tax = 21 if self._draws[7] < 0.5 and channel is not AI_ENGINEERING else 0
        price = PRICES[self._service] * 100 // max(count, 1)
        credited = count > 2 and self._draws[8] < 0.15
        documents = []
        for place in range(count):
            line = Line(channel, price, discount=discount, tax=tax)
            lines = (
                (line, Line(MERCHANDISE, 350_000, tax=4)) if self._draws[9] < 0.1 and not place else (line,)
            )
            document = Document(
                begins + timedelta(days=step * place),
                lines,
                currency="usd" if channel is AI_ENGINEERING else "eur",
                payments=self._payments(place),
            )
            documents.append(document)
        if count > 1 and self._draws[10] < 0.05:
            draft = self._draws[11] < 0.5
            documents[-1] = replace(documents[-1], payments=(), draft=draft, cancelled=not draft)
        elif credited:
            note = Line(channel, price * 2 // 5, discount=discount, tax=tax)
            documents[-1] = replace(documents[-1], kind="creditnote", lines=(note,), corrects=0, payments=())
        return tuple(documents)

    def _payments(self, place: int) -> tuple[tuple[int, int], ...]:
        draw = (self._draws[11] + place * 0.381_966) % 1
        if draw < 0.06:
            return ()
        days = int(draw * 40)
        if draw < 0.9:
            return ((days, 100),)
        if draw < 0.96:
            return ((days, 40), (days + 30, 35))
        return ((days, 40), (days + 30, 60)) if draw < 0.985 else ((days, 100), (days + 20, -20))

    def _enrolments(self, begins: date) -> tuple[Enrolment, ...]:
        """One membership, or two where somebody came back; none for one student in thirty."""
        draws = self._draws
        if draws[12] < 0.033:
            return ()
        program = PROGRAM_OF[SERVICES[self._service]]
        cohort = self._cohorts.after(program, begins)
        created = moment(begins, 11, seconds=int(draws[2] * 7_200))
        course = self._course(cohort, created)
        if course.status == "POSTPONED" and draws[13] < 0.5:
            again = self._cohorts.after(program, course.changed.date(), 2)
            if again.kickoff <= self._until:
                return course, self._course(again, course.changed + timedelta(days=20))
        if draws[12] > 0.985:
            return course, Enrolment(_ENDLESS[self._service], "ACTIVE", created, created)
        return (course,)

    def _course(self, cohort: Cohort, created: datetime) -> Enrolment:
        ending = cohort.ending or self._until
        over = ending < self._until
        status = _chosen((*_OVER, *_OVER_RARE) if over else _RUNNING, self._draws[14])
        if cohort.kickoff > self._until or created.date() > self._until:
            # Nobody can leave what has not begun.
            status = "ACTIVE"
        created = min(created, moment(self._until, 9))
        if status in ("ACTIVE", None):
            return Enrolment(cohort, status, created, created)
        days = (ending - cohort.kickoff).days
        after = days + 2 if status in ("GRADUATED", "NOT_COMPLETING") else int(days * self._draws[15] * 0.9)
        day = min(cohort.kickoff + timedelta(days=after), self._until)
        return Enrolment(cohort, status, created, max(moment(day, 10), created))

    def _page(self, email: str, enrolments: tuple[Enrolment, ...], begins: date) -> Page | None:
        draw = self._draws[13]
        if draw > 0.9:
            return None
        last = enrolments[-1] if enrolments else None
        created = moment(begins, 9, seconds=int(draw * 480) * 60)
        status = last.status if last else None
        edited = max(created, last.changed.replace(second=0, microsecond=0)) if last else created
        drop = last.changed.date() if last and status in ("DROPPED", "SUSPENDED") else None
        certificated = last.changed.date() if last and status in ("GRADUATED", "NOT_COMPLETING") else None
        lacks = ("Drop Date",) if draw < 0.05 and drop is None else ()
        return Page(
            _NOTION[status] if status else None,
            created,
            edited,
            f" {email.upper()}" if draw > 0.85 else email,
            drop,
            certificated,
            lacks=lacks,
        )


_SLUGS: dict[str, str] = {name: slug(name) for name in (*_COUNTRY.first_names, *_COUNTRY.last_names)}


def _slug(name: str) -> str:
    return _SLUGS[name]


def _as_billed(email: str, draw: float) -> str:
    """As Holded has the e-mail: one in ten in capitals or with a space, one in fifty not at all."""
    if draw < 0.02:
        return ""
    return email.title() if draw < 0.07 else f"{email} " if draw < 0.12 else email


def _chosen(choices: tuple[tuple[str | None, float], ...], draw: float) -> str | None:
    for status, share in choices:
        draw -= share
        if draw < 0:
            return status
    return choices[0][0]


def _walk_in(number: int, draws: list[float], config: SandboxConfig) -> Person:
    """Somebody who bought no service: a company with a contact, or nobody whom Holded knows."""
    place = _COUNTRY.places[int(draws[0] * len(_COUNTRY.places))]
    trade = _COUNTRY.trades[int(draws[1] * len(_COUNTRY.trades))]
    channel = (MERCHANDISE, ROOMS, EVENTS)[int(draws[2] * 3)]
    day = config.until - timedelta(days=int(draws[3] * config.history_days))
    email = f"office{number}@companies.example"
    retention = 15 if number % 5 == 2 else 0
    price = 150_000 + int(draws[0] * 400) * 10_000
    line = Line(channel, price, units=1 + number % 3, tax=21, retention=retention)
    return Person(
        trade,
        place,
        email,
        moment(day, 8),
        billed_as="0" if number % 3 == 0 else email,
        profile=None,
        documents=(Document(day, (line,), payments=((0, 100),)),),
    )
