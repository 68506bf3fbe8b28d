"""What happens at a school, before any system's form: people, what they bought, which courses they sat.

Here: the facts, in plain values. Not here: how Holded, 4Geeks or Notion write them down (their own modules).
Amounts are integers; prices have four decimals, all other amounts two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

#: From a price with four decimals times a percentage to an amount with two.
_TO_CENTS = 10_000


@dataclass(frozen=True, slots=True)
class Channel:
    """One of Holded's sales channels. `form` is how its account number is sent: number, text or accNum."""

    id: str
    name: str
    account: int
    form: str = "number"


@dataclass(frozen=True, slots=True)
class Program:
    """A syllabus of 4Geeks, and for how many weeks its cohorts run."""

    id: int
    slug: str
    name: str
    weeks: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """A group that sits a program together. One that never ends has no `ending`."""

    slug: str
    name: str
    program: Program
    kickoff: date
    ending: date | None


@dataclass(frozen=True, slots=True)
class Line:
    """A product on a document. `price` is in ten-thousandths; `discount`, `tax` and `retention` are in percent."""

    channel: Channel
    price: int
    units: int = 1
    discount: int = 0
    tax: int = 0
    retention: int = 0

    @property
    def net(self) -> int:
        """The amount before tax in cents, rounded half-up once."""
        return (self.price * self.units * (100 - self.discount) + _TO_CENTS // 2) // _TO_CENTS

    @property
    def tax_amount(self) -> int:
        """The tax in cents, rounded half-up."""
        return (self.net * self.tax + 50) // 100

    @property
    def withheld(self) -> int:
        """What the client pays to the tax office instead, in cents, rounded half-up."""
        return (self.net * self.retention + 50) // 100


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice, or a credit note when `kind` says so.

    `payments` are (days after the document, percent of its total), fewer than none for what was paid back; by the news
    the one at the place `taken_out` is there no more. `corrects` is the place of the invoice that a credit note was
    made from, among the person's documents. A `late` one comes to light with the news.
    """

    day: date
    lines: tuple[Line, ...]
    kind: str = "invoice"
    currency: str = "eur"
    draft: bool = False
    cancelled: bool = False
    payments: tuple[tuple[int, int], ...] = ()
    corrects: int | None = None
    late: bool = False
    taken_out: int | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A membership of a cohort. `former` is its state until noon of the last day, `later` that of the news.

    `brought_by` is the macro cohort that put the student into this one of its micro cohorts.
    """

    cohort: Cohort
    status: str | None
    created: datetime
    changed: datetime
    former: Enrolment | None = None
    later: Enrolment | None = None
    brought_by: Cohort | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A person's page in Notion. `lacks` names the properties that it does not have at all."""

    status: str | None
    created: datetime
    edited: datetime
    email: str | None
    drop: date | None = None
    certificated: date | None = None
    archived: bool = False
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom one or more of the school's systems know.

    `billed_as` is the e-mail on Holded's contact, None when there is no contact, and "0" for documents that
    name no contact. `profile` is the status of the student at 4Geeks, None when there is none.
    """

    first: str
    last: str
    email: str
    since: datetime
    billed_as: str | None = None
    profile: str | None = "ACTIVE"
    documents: tuple[Document, ...] = ()
    enrolments: tuple[Enrolment, ...] = ()
    page: Page | None = None
    named: bool = False

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


def moment(day: date, hour: int = 10, *, seconds: int = 0) -> datetime:
    """An hour of a day, in UTC."""
    return datetime.combine(day, time(hour), tzinfo=UTC) + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Days given by how many months they lie before the last month of history."""

    until: date

    def day(self, months_ago: int, day: int) -> date:
        """The `day` (1 to 28) of the month that lies so many months before the last one."""
        number = self.until.year * 12 + self.until.month - 1 - months_ago
        return date(number // 12, number % 12 + 1, day)

    @property
    def noon(self) -> datetime:
        """Noon of the last day: what 4Geeks has cached is as old as this."""
        return moment(self.until, 12)
