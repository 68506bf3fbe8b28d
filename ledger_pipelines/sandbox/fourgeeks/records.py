"""4Geeks' records: students and cohort memberships as they go over the wire (wire/fourgeeks.md)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from ledger_pipelines.sandbox.fourgeeks.access import FOURGEEKS_ACADEMY
from ledger_pipelines.sandbox.hivematrix.world import Record
from ledger_pipelines.sandbox.school.model import Cohort, Enrolment, Person

_ACADEMY = {"id": FOURGEEKS_ACADEMY, "name": "Madrid", "slug": "madrid-spain"}
#: Of this many ids, one has its moments without a fraction of a second.
_WHOLE = 4


def _written(moment: datetime, place: int) -> str:
    """A moment with six decimals or none; the decimals say nothing."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}Z" if place % _WHOLE == 0 else f"{text}.{(place * 7_919 + 1) % 1_000_000:06d}Z"


def student_record(person: Person, profile_id: int, user_id: int) -> Record:
    """A student's profile. One who is invited has no user yet."""
    invited = person.profile == "INVITED"
    user = {
        "id": user_id,
        "first_name": person.first,
        "last_name": person.last,
        "email": person.email,
        "last_login": None,
    }
    return {
        "id": profile_id,
        "first_name": person.first,
        "last_name": person.last,
        "user": None if invited else user,
        "academy": _ACADEMY,
        "role": {"id": "student", "name": "Student", "slug": "student"},
        "created_at": _written(person.since, profile_id),
        "email": person.email,
        "phone": "" if profile_id % 3 else None,
        "status": person.profile,
    }


def membership_record(
    enrolment: Enrolment,
    *,
    membership_id: int,
    user: Record,
    cohort_id: int,
    until: date,
    macro_id: int | None = None,
) -> Record:
    """A student's membership of a cohort; `macro_id` is that of the macro cohort that brought it."""
    macro = enrolment.brought_by
    return {
        "id": membership_id,
        "user": user,
        "cohort": cohort_record(enrolment.cohort, cohort_id, until),
        "role": "STUDENT",
        "finantial_status": (None, "FULLY_PAID", "UP_TO_DATE")[membership_id % 3],
        "educational_status": enrolment.status,
        "watching": False,
        "created_at": _written(enrolment.created, membership_id),
        "updated_at": _written(enrolment.changed, membership_id + 1),
        "source_macro_cohort": None
        if macro is None
        else {"id": macro_id, "slug": macro.slug, "name": macro.name},
    }


def teacher_record(cohort: Cohort, *, membership_id: int, cohort_id: int, until: date) -> Record:
    """A teacher's membership, which is none of a student: for those who forget `roles=STUDENT`."""
    number = 1 + cohort_id % 5
    user = user_record(number, "Teacher", f"Number {number}", f"teacher{number}@school.example")
    created = datetime.combine(cohort.kickoff - timedelta(days=30), time(9))
    record = membership_record(
        Enrolment(cohort, None, created, created),
        membership_id=membership_id,
        user=user,
        cohort_id=cohort_id,
        until=until,
    )
    return record | {"role": "TEACHER", "finantial_status": None}


def user_record(user_id: int, first: str, last: str, email: str) -> Record:
    """A user as a membership shows it."""
    login = None if user_id % 6 else "2025-09-17T16:52:08.171695Z"
    return {"id": user_id, "first_name": first, "last_name": last, "email": email, "last_login": login}


def cohort_record(cohort: Cohort, cohort_id: int, until: date) -> Record:
    """A cohort with the version of the syllabus that it follows; dates are moments in UTC."""
    if cohort.kickoff > until:
        stage = "PREWORK"
    else:
        stage = "ENDED" if cohort.ending is not None and cohort.ending < until else "STARTED"
    program = cohort.program
    return {
        "id": cohort_id,
        "slug": cohort.slug,
        "name": cohort.name,
        "kickoff_date": f"{cohort.kickoff}T20:00:00Z",
        "ending_date": None if cohort.ending is None else f"{cohort.ending}T20:00:00Z",
        "stage": stage,
        "available_as_saas": cohort.ending is None,
        "micro_cohorts": [],
        "syllabus_version": {
            "id": program.id * 10 + 1,
            "version": 1,
            "slug": program.slug,
            "name": program.name,
            "syllabus": program.id,
        },
    }
