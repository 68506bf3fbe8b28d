"""Records of the school's systems that break the wire: they come with status 200, and cannot be read.

Each still says which record it is. Named cases stay whole, so that a rule can be seen beside them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Protocol

import orjson

from ledger_pipelines.sandbox.hivematrix.malformed import Malformation, Malformed
from ledger_pipelines.sandbox.hivematrix.world import Record, serialised
from ledger_pipelines.sandbox.school.programs import DISCONTINUED
from ledger_pipelines.sandbox.school.records import School

#: The share of malformed records, for a fault rate of one.
_SHARE = 1 / 20
#: The school's systems, as the sandbox's addresses name them.
SYSTEMS = ("holded", "4geeks", "notion")


class _Row(Protocol):
    """A record as it is served."""

    named: bool
    row: bytes


@dataclass(frozen=True, slots=True)
class _Break:
    """What is done to a record, and in which words that is listed."""

    why: str
    spoil: Callable[[Record], None]


def _set(key: str, value: object, why: str) -> _Break:
    return _Break(why, lambda record: record.__setitem__(key, value))


def _spoil_price(record: Record) -> None:
    record["products"][0]["price"] = "call us"


def _spoil_kickoff(record: Record) -> None:
    record["cohort"]["kickoff_date"] = "soon"


def _spoil_drop_date(record: Record) -> None:
    record["properties"]["Drop Date"] = {"id": "dR%5Dp", "type": "date", "date": {"start": "someday"}}


_CHANNEL = (_set("accountNum", ["70500099"], "accountNum is neither a number nor text"),)
_CONTACT = (_set("email", {"address": "unknown"}, "email is not text"),)
_INVOICE = (
    _set("date", "soon", "date is not a number"),
    _Break("price of a product is not a number", _spoil_price),
    _set("products", None, "products is null"),
    _set("total", "a lot", "total is not a number"),
)
_CREDIT_NOTE = (_set("date", None, "date is null"),)
_STUDENT = (_set("created_at", "yesterday", "created_at is not a moment"),)
_MEMBERSHIP = (
    _set("cohort", None, "cohort is null"),
    _set("updated_at", "soon", "updated_at is not a moment"),
    _Break("kickoff_date of the cohort is not a moment", _spoil_kickoff),
)
_PAGE = (
    _Break("last_edited_time is missing", lambda record: record.pop("last_edited_time")),
    _set("properties", None, "properties is null"),
    _Break("start of Drop Date is not a date", _spoil_drop_date),
)


def malform_school(school: School, *, faults: float, seed: int) -> dict[str, Malformation]:
    """Breaks `faults / 20` of the records of each kind in place, and at least one in each way.

    Answers what is broken in each of `SYSTEMS`. A school of named cases only stays whole, but for the sales
    channel that nobody has bought from for years.
    """
    malformed = {system: Malformation() for system in SYSTEMS}
    if faults <= 0:
        return malformed
    draw = random.Random(f"{seed}/school/malformed")
    channels = [row for row in school.channels if row.id == DISCONTINUED.id]
    plan: tuple[tuple[str, str, Sequence[_Row], tuple[_Break, ...]], ...] = (
        ("holded", "sales_channel", channels, _CHANNEL),
        ("holded", "contact", school.contacts, _CONTACT),
        ("holded", "invoice", school.documents["invoice"], _INVOICE),
        ("holded", "creditnote", school.documents["creditnote"], _CREDIT_NOTE),
        ("4geeks", "student", school.students, _STUDENT),
        ("4geeks", "membership", school.memberships, _MEMBERSHIP),
        ("notion", "page", school.pages, _PAGE),
    )
    for system, entity, rows, breaks in plan:
        whole = [row for row in rows if not row.named]
        count = min(max(len(breaks), round(faults * _SHARE * len(whole))), len(whole))
        for row, spoil in zip(draw.sample(whole, count), cycle(breaks), strict=False):
            _break(row, entity, spoil, malformed[system])
    return malformed


def _break(row: _Row, entity: str, spoil: _Break, malformation: Malformation) -> None:
    whole = row.row
    record = orjson.loads(whole)
    spoil.spoil(record)
    row.row = serialised(record)

    def mend() -> None:
        row.row = whole

    malformation.add(Malformed(entity, None, str(record["id"]), spoil.why, None, record), mend)
