"""What 4Geeks' records look like on the wire, and the frames that they become (wire/fourgeeks.md).

Here: wire models, schemas, and what each kind of record is called. Not here: how they are asked for, which is
`fourgeeks`'s, and what a membership means for a contract, which is a rule's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Required

import pyarrow as pa
from pydantic import AfterValidator, ConfigDict, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.records.frames import Entity, frame_schema
from ledger_pipelines.sources.records.wire_types import (
    Id,
    Instant,
    OptionalEmail,
    OptionalInstant,
    OptionalText,
    utc_instant,
)

_STRICT = ConfigDict(strict=True)
_BARE_DATE = len("2024-01-31")


def _moment(value: object) -> datetime | None:
    """A timestamp; of a bare date its noon in UTC, which is that day in every zone of the Americas, Europe and Asia."""
    if value is None or value == "":
        return None
    moment = utc_instant(value)
    return moment + timedelta(hours=12) if len(str(value)) == _BARE_DATE else moment


def _is_given(value: object) -> bool:
    """Whether something stands there: an object, an id, a slug."""
    return bool(value)


OptionalMoment = Annotated[datetime | None, PlainValidator(_moment)]


@with_config(_STRICT)
class UserWire(TypedDict, total=False):
    """A user, within another record."""

    id: Required[Id]
    email: OptionalEmail


@with_config(_STRICT)
class StudentWire(TypedDict, total=False):
    """A student's profile. Its user is null while the student is invited; `id` is the profile's."""

    id: Required[Id]
    user: UserWire | None
    email: OptionalEmail
    first_name: OptionalText
    last_name: OptionalText
    status: OptionalText
    created_at: Required[Instant]


def _student_row(student: StudentWire) -> dict[str, Any]:
    """A student with the profile's e-mail, else the user's."""
    user = student.get("user")
    if user is None:
        return {**student, "user_id": None}
    return {**student, "user_id": user["id"], "email": student.get("email") or user.get("email")}


@with_config(_STRICT)
class SyllabusWire(TypedDict, total=False):
    """What a cohort is taught: the program."""

    slug: OptionalText
    name: OptionalText


@with_config(_STRICT)
class CohortWire(TypedDict, total=False):
    """A cohort. One that never ends has no `ending_date`; which day a time is depends on the school's zone."""

    id: Required[Id]
    slug: OptionalText
    name: OptionalText
    kickoff_date: OptionalMoment
    ending_date: OptionalMoment
    syllabus_version: SyllabusWire | None


@with_config(_STRICT)
class MembershipWire(TypedDict, total=False):
    """A student's membership of a cohort. `educational_status` stays as it was sent.

    `source_macro_cohort` is the cohort that put the student into this one of its micro cohorts.
    """

    id: Required[Id]
    user: UserWire | None
    cohort: Required[CohortWire]
    educational_status: OptionalText
    source_macro_cohort: Annotated[bool, PlainValidator(_is_given)]
    created_at: OptionalInstant
    updated_at: Required[Instant]


def _membership_row(membership: MembershipWire) -> dict[str, Any]:
    """A membership with what its user and its cohort say of it."""
    cohort = membership["cohort"]
    user: Mapping[str, Any] = membership.get("user") or {}
    program: Mapping[str, Any] = cohort.get("syllabus_version") or {}
    return {
        **membership,
        "user_id": user.get("id"),
        "email": user.get("email"),
        "cohort_id": cohort["id"],
        "cohort_slug": cohort.get("slug"),
        "cohort_name": cohort.get("name"),
        "program_slug": program.get("slug"),
        "program_name": program.get("name"),
        "kickoff_at": cohort.get("kickoff_date"),
        "ending_at": cohort.get("ending_date"),
        "is_of_micro_cohort": membership.get("source_macro_cohort", False),
    }


_TEXT, _INT, _INSTANT = pa.string(), pa.int64(), pa.timestamp("us", "UTC")

STUDENTS = frame_schema(
    id_=_INT,
    user_id=_INT,
    email=_TEXT,
    first_name=_TEXT,
    last_name=_TEXT,
    status=_TEXT,
    created_at_=_INSTANT,
)
MEMBERSHIPS = frame_schema(
    id_=_INT,
    user_id=_INT,
    email=_TEXT,
    cohort_id_=_INT,
    cohort_slug=_TEXT,
    cohort_name=_TEXT,
    program_slug=_TEXT,
    program_name=_TEXT,
    kickoff_at=_INSTANT,
    ending_at=_INSTANT,
    educational_status=_TEXT,
    is_of_micro_cohort_=pa.bool_(),
    created_at=_INSTANT,
    updated_at_=_INSTANT,
)


def _describe(kind: str) -> Callable[[Mapping[str, Any], str | None], tuple[str | None, str]]:
    def describe(record: Mapping[str, Any], _: str | None) -> tuple[str | None, str]:
        found = record.get("id")
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found), f"{kind} {found}"
        return None, f"A {kind.lower()}"

    return describe


STUDENT = Entity(
    "students",
    "student",
    TypeAdapter(list[Annotated[StudentWire, AfterValidator(_student_row)]]),
    STUDENTS,
    ("id",),
    _describe("Student"),
    operation="crm-clients",
)

MEMBERSHIP = Entity(
    "memberships",
    "membership",
    TypeAdapter(list[Annotated[MembershipWire, AfterValidator(_membership_row)]]),
    MEMBERSHIPS,
    ("id",),
    _describe("Membership"),
    prefer="updated_at",
    operation="service-periods",
)
