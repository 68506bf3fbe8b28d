"""What Freshservice's records look like on the wire, and the frames that they become (wire/freshservice.md).

Here: wire models, schemas, and what each kind of record is called. Not here: how they are asked for (`client`), and
in which month an entry's hours are billed, which is a rule's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Required

import pyarrow as pa
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.records.frames import Entity, frame_schema
from ledger_pipelines.sources.records.wire_types import (
    Id,
    Instant,
    LenientInstant,
    LenientText,
    OptionalText,
    key_of,
)

_STRICT = ConfigDict(strict=True)
#: Nobody works 100,000 hours on one thing.
_TIME_SPENT = re.compile(r"(?P<hours>\d{1,5}):(?P<minutes>[0-5]\d)", re.ASCII)
_STATUSES = {2: "open", 3: "pending", 4: "resolved", 5: "closed"}
_PRIORITIES = {1: "low", 2: "medium", 3: "high", 4: "urgent"}


def time_spent_seconds(value: object) -> int:
    """`HH:MM` as whole seconds. Raises ValueError for anything else."""
    found = _TIME_SPENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("is no time as HH:MM")
    return int(found["hours"]) * 3_600 + int(found["minutes"]) * 60


def _word(words: Mapping[int, str]) -> Callable[[object], str | None]:
    """What a number stands for; one of the account's own is itself. It bears on nothing."""

    def validate(value: object) -> str | None:
        if type(value) is int:
            return words.get(value, str(value))
        return value if isinstance(value, str) else None

    return validate


def account_of(fields: object) -> str | None:
    """The custom field `account_number`, as text or as a number; None where there is none."""
    given = fields.get("account_number") if isinstance(fields, Mapping) else None
    if given is None or given == "":
        return None
    if type(given) is int:
        return str(given)
    found = key_of(given)
    if found is None:
        raise ValueError("has an account_number that is none")
    return found


@with_config(_STRICT)
class DepartmentWire(TypedDict, total=False):
    """A department: the company that a ticket is of, by its name or by the custom field `account_number`."""

    id: Required[Id]
    name: OptionalText
    account_number: Annotated[str | None, PlainValidator(account_of), Field(validation_alias="custom_fields")]


@with_config(_STRICT)
class TicketWire(TypedDict, total=False):
    """A ticket as the list shows it."""

    id: Required[Id]
    subject: LenientText
    department_id: Id | None
    status: Annotated[str | None, PlainValidator(_word(_STATUSES))]
    priority: Annotated[str | None, PlainValidator(_word(_PRIORITIES))]
    created_at: LenientInstant
    updated_at: Required[Instant]


@with_config(_STRICT)
class TimeEntryWire(TypedDict, total=False):
    """Time that somebody spent on a ticket. What a running timer has so far is not final."""

    id: Required[Id]
    executed_at: Required[Instant]
    created_at: LenientInstant
    seconds: Required[
        Annotated[int, PlainValidator(time_spent_seconds), Field(validation_alias="time_spent")]
    ]
    is_billable: Required[Annotated[bool, Field(validation_alias="billable")]]
    is_running: Annotated[bool | None, Field(validation_alias="timer_running")]


def _entry_row(entry: TimeEntryWire) -> dict[str, Any]:
    """An entry; without a timer's state it is not running."""
    return {**entry, "is_running": bool(entry.get("is_running"))}


_TEXT, _ID, _FLAG, _INSTANT = pa.string(), pa.int64(), pa.bool_(), pa.timestamp("us", "UTC")

DEPARTMENTS = frame_schema(id_=_ID, name=_TEXT, account_number=_TEXT)
TICKETS = frame_schema(
    id_=_ID,
    subject=_TEXT,
    department_id=_ID,
    status=_TEXT,
    priority=_TEXT,
    created_at=_INSTANT,
    updated_at_=_INSTANT,
)
#: `ticket_number` is the ticket's id: Codex knows the ticket by it.
TIME_ENTRIES = frame_schema(
    id_=_ID,
    ticket_number_=_TEXT,
    executed_at_=_INSTANT,
    created_at=_INSTANT,
    seconds_=_ID,
    is_billable_=_FLAG,
    is_running_=_FLAG,
)


def _described(noun: str) -> Callable[[Mapping[str, Any], str | None], tuple[str | None, str]]:
    def describe(record: Mapping[str, Any], owner: str | None) -> tuple[str | None, str]:
        found = record.get("id")
        of_ticket = f" of ticket {owner}" if owner else ""
        if type(found) is not int:
            return None, f"A {noun}{of_ticket}"
        return str(found), f"{noun.capitalize()} {found}{of_ticket}"

    return describe


def _lost(record: Mapping[str, Any]) -> str | None:
    """What is not billed without an entry: its hours as they are written, unless it is not billable."""
    if record.get("billable") is False:
        return None
    spent = record.get("time_spent")
    is_time = isinstance(spent, str) and _TIME_SPENT.fullmatch(spent.strip())
    return f"{spent} hours of it are not billed" if is_time else "its hours are not billed"


OPERATION = "time_entries"

DEPARTMENT = Entity(
    "departments",
    "department",
    TypeAdapter(list[DepartmentWire]),
    DEPARTMENTS,
    ("id",),
    _described("department"),
    operation=OPERATION,
    model=DepartmentWire,
)
TICKET = Entity(
    "tickets",
    "ticket",
    TypeAdapter(list[TicketWire]),
    TICKETS,
    ("id",),
    _described("ticket"),
    prefer="updated_at",
    operation=OPERATION,
    model=TicketWire,
    lost=lambda _: "its time entries are not read",
)
TIME_ENTRY = Entity(
    "time entries",
    "time entry",
    TypeAdapter(list[Annotated[TimeEntryWire, AfterValidator(_entry_row)]]),
    TIME_ENTRIES,
    ("id",),
    _described("time entry"),
    owner_column="ticket_number",
    operation=OPERATION,
    model=TimeEntryWire,
    lost=_lost,
)
