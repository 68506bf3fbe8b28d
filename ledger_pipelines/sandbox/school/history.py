"""The school's history: the named cases and the drawn students, written down as each system would.

The same settings give the same bytes. Numbers run on by day, so that documents are numbered as a school
numbers them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.fourgeeks import records as fourgeeks
from ledger_pipelines.sandbox.hivematrix.world import Record, serialised
from ledger_pipelines.sandbox.holded import records as holded
from ledger_pipelines.sandbox.notion import records as notion
from ledger_pipelines.sandbox.school.cases import CASES
from ledger_pipelines.sandbox.school.model import Cohort, Document, Enrolment, Person, Timeline, moment
from ledger_pipelines.sandbox.school.people import draw_people
from ledger_pipelines.sandbox.school.programs import CHANNELS
from ledger_pipelines.sandbox.school.records import (
    ContactRow,
    DocumentRow,
    MembershipRow,
    PageRow,
    School,
    StudentRow,
)

#: What distinguishes contacts from documents in Holded's identifiers.
_CONTACT, _DOCUMENT = 1, 2
#: Users from here on are students; the first few are teachers.
_FIRST_USER, _FIRST_PROFILE = 1_000, 500
_FOUNDED = 1_600_000_000
_SUPPLIERS = 4


def school_history(config: SandboxConfig) -> School:
    """The school that `config` describes: the cases of `CASES`, then students and documents as drawn."""
    timeline = Timeline(config.until)
    cases = [person for case in CASES.values() for person in case.people(timeline)]
    history = _History(config, timeline)
    people = [*cases, *draw_people(config)]
    history.write_channels()
    history.write_contacts(people)
    history.write_documents(people)
    history.write_students(people)
    history.write_pages(people)
    return history.school


class _History:
    """The school while it is written."""

    def __init__(self, config: SandboxConfig, timeline: Timeline) -> None:
        self.school = School(documents={"invoice": [], "creditnote": []})
        self._until = config.until
        self._seed = config.seed
        self._noon = timeline.noon
        self._contacts: dict[int, tuple[str, str]] = {}
        self._cohorts: dict[Cohort, int] = {}

    def write_channels(self) -> None:
        """Holded's sales channels, services and others."""
        for place, channel in enumerate(CHANNELS):
            row = serialised(holded.channel_record(channel, place))
            self.school.channels.append(ContactRow(channel.id, False, row))

    def write_contacts(self, people: list[Person]) -> None:
        """A contact for everybody who is billed by one, and a few suppliers."""
        for place, person in enumerate(people):
            if person.billed_as is None:
                continue
            if person.billed_as == "0":
                self._contacts[place] = ("0", "")
                continue
            contact_id = holded.object_id(_CONTACT, place, _FOUNDED + place)
            self._contacts[place] = (contact_id, person.name)
            row = serialised(holded.contact_record(person, contact_id, place))
            self.school.contacts.append(ContactRow(contact_id, person.named, row))
        for place in range(len(people), len(people) + _SUPPLIERS):
            contact_id = holded.object_id(_CONTACT, place, _FOUNDED + place)
            row = serialised(holded.supplier_record(contact_id, place))
            self.school.contacts.append(ContactRow(contact_id, False, row))

    def write_documents(self, people: list[Person]) -> None:
        """Every document, numbered by day; those that are late stand at the end and wait for the news."""
        every = [
            (document.late, document.day, owner, at)
            for owner, person in enumerate(people)
            for at, document in enumerate(person.documents)
        ]
        every.sort()
        numbers: Counter[tuple[str, int]] = Counter()
        ids: dict[tuple[int, int], str] = {}
        for place, (late, day, owner, at) in enumerate(every):
            document = people[owner].documents[at]
            ids[owner, at] = holded.object_id(_DOCUMENT, place, holded.local_midnight(day) + 28_800)
            source = None if document.corrects is None else ids[owner, document.corrects]
            numbers[document.kind, day.year] += 1
            prefix = "F" if document.kind == "invoice" else "CN"
            text = f"{prefix}{day.year % 100}{numbers[document.kind, day.year]:05d}"
            record_of = partial(
                holded.document_record,
                document,
                document_id=ids[owner, at],
                number_text=text,
                contact=self._contacts[owner],
                source_id=source,
                place=place,
                until=self._until,
            )
            self._add_document(document, record_of, is_late=late, named=people[owner].named, place=place)

    def _add_document(
        self, document: Document, record_of: Callable[..., Record], *, is_late: bool, named: bool, place: int
    ) -> None:
        """Adds the document as it is served, and as it is once the news is published."""
        record, rows = record_of(), self.school.documents[document.kind]
        if not named:
            record = holded.as_some_have_it(record, document, place)
        row = _document_row(record, named=named)
        if is_late:
            self.school.news.append(partial(rows.append, row))
        else:
            rows.append(row)
        if document.taken_out is not None:
            later = _document_row(record_of(is_news_published=True), named=named)
            self.school.news.append(partial(_replace, rows, later))

    def write_students(self, people: list[Person]) -> None:
        """4Geeks' students, their memberships, and each cohort's teacher."""
        membership_id = 40_000
        for place, person in enumerate(people):
            if person.profile is None:
                continue
            user_id = _FIRST_USER + place
            cohorts: set[str] = set()
            for enrolment in person.enrolments:
                membership_id += 1
                self._add_membership(person, enrolment, membership_id, user_id)
                cohorts |= self._keys(enrolment.cohort)
            self._add_student(person, _FIRST_PROFILE + place, user_id, frozenset(cohorts))
        for cohort, cohort_id in list(self._cohorts.items()):
            membership_id += 1
            self._add_teacher(cohort, cohort_id, membership_id)

    def _keys(self, cohort: Cohort) -> frozenset[str]:
        """What a cohort may be asked for by."""
        number = self._cohorts.setdefault(cohort, 1_001 + len(self._cohorts))
        return frozenset((cohort.slug, str(number)))

    def _add_student(self, person: Person, profile_id: int, user_id: int, cohorts: frozenset[str]) -> None:
        record = fourgeeks.student_record(person, profile_id, user_id)
        row = StudentRow(
            profile_id,
            person.name,
            person.email,
            str(person.profile),
            person.since,
            cohorts,
            person.named,
            serialised(record),
        )
        self.school.students.append(row)
        if person.since <= self._noon:
            self.school.cached.students.append(row)

    def _add_membership(self, person: Person, enrolment: Enrolment, membership_id: int, user_id: int) -> None:
        row = self._membership(person, enrolment, membership_id, user_id)
        school = self.school
        school.memberships.append(row)
        if enrolment.former is not None:
            school.cached.memberships.append(
                self._membership(person, enrolment.former, membership_id, user_id)
            )
        elif enrolment.created <= self._noon:
            school.cached.memberships.append(row)
        if enrolment.later is not None:
            later = self._membership(person, enrolment.later, membership_id, user_id)
            school.news.append(partial(school.memberships.__setitem__, len(school.memberships) - 1, later))

    def _membership(
        self, person: Person, enrolment: Enrolment, membership_id: int, user_id: int
    ) -> MembershipRow:
        keys, macro = self._keys(enrolment.cohort), enrolment.brought_by
        if macro is not None:
            self._keys(macro)
        record = fourgeeks.membership_record(
            enrolment,
            macro_id=None if macro is None else self._cohorts[macro],
            membership_id=membership_id,
            user=fourgeeks.user_record(user_id, person.first, person.last, person.email),
            cohort_id=self._cohorts[enrolment.cohort],
            until=self._until,
        )
        return MembershipRow(
            membership_id,
            user_id,
            keys,
            "STUDENT",
            enrolment.status,
            enrolment.created,
            enrolment.changed,
            person.named,
            serialised(record),
        )

    def _add_teacher(self, cohort: Cohort, cohort_id: int, membership_id: int) -> None:
        record = fourgeeks.teacher_record(
            cohort, membership_id=membership_id, cohort_id=cohort_id, until=self._until
        )
        created = moment(cohort.kickoff)
        row = MembershipRow(
            membership_id,
            record["user"]["id"],
            self._keys(cohort),
            "TEACHER",
            None,
            created,
            created,
            True,
            serialised(record),
        )
        self.school.memberships.append(row)
        self.school.cached.memberships.append(row)

    def write_pages(self, people: list[Person]) -> None:
        """Notion's pages."""
        self.school.pages.extend(self._pages(people))

    def _pages(self, people: list[Person]) -> Iterator[PageRow]:
        for place, person in enumerate(people):
            page = person.page
            if page is None:
                continue
            identifier = notion.page_id(self._seed, place)
            row = serialised(notion.page_record(person, page, identifier))
            yield PageRow(identifier, person.name, page.email, page.created, page.edited, person.named, row)


def _replace(rows: list[DocumentRow], row: DocumentRow) -> None:
    """Puts a document in the place of the one with its id."""
    at = next(at for at, other in enumerate(rows) if other.id == row.id)
    rows[at] = row


def _document_row(record: Record, *, named: bool) -> DocumentRow:
    paid = 2 if record["paymentsTotal"] else 0
    if record["paymentsPending"] < 0.01:
        paid = 1
    return DocumentRow(record["id"], record["date"], record["contact"], paid, named, serialised(record))
