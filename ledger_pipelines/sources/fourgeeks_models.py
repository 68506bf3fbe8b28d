"""What 4Geeks' records look like on the wire, and the frames that they become (wire/fourgeeks.md).

Here: wire models, schemas, and what each kind of record is called. Not here: how they are asked for, which is
`fourgeeks`'s, and what a membership means for a contract, which is a rule's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Required

import pyarrow as pa
from pydantic import AfterValidator, ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.frames import Entity, frame_schema
from ledger_pipelines.sources.wire_types import (
    Id,
    Instant,
    OptionalEmail,
    OptionalInstant,
    OptionalText,
    OptionalUtcDate,
)

_STRICT = ConfigDict(strict=True)


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
    """A cohort. One that never ends has no `ending_date`."""

    id: Required[Id]
    slug: OptionalText
    name: OptionalText
    kickoff_date: OptionalUtcDate
    ending_date: OptionalUtcDate
    syllabus_version: SyllabusWire | None


@with_config(_STRICT)
class MembershipWire(TypedDict, total=False):
    """A student's membership of a cohort. `educational_status` stays as it was sent."""

    id: Required[Id]
    user: UserWire | None
    cohort: Required[CohortWire]
    educational_status: OptionalText
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
        "kickoff_date": cohort.get("kickoff_date"),
        "ending_date": cohort.get("ending_date"),
    }


_TEXT, _INT, _DATE, _INSTANT = pa.string(), pa.int64(), pa.date32(), pa.timestamp("us", "UTC")

STUDENTS = frame_schema(
    id_=_INT,
    user_id=_INT,
    email=_TEXT,
    first_name=_TEXT,
    last_name=_TEXT,
    status=_TEXT,
    created_at_=_INSTANT,
)
#: Dates are the days in UTC.
MEMBERSHIPS = frame_schema(
    id_=_INT,
    user_id=_INT,
    email=_TEXT,
    cohort_id_=_INT,
    cohort_slug=_TEXT,
    cohort_name=_TEXT,
    program_slug=_TEXT,
    program_name=_TEXT,
    kickoff_date=_DATE,
    ending_date=_DATE,
    educational_status=_TEXT,
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
