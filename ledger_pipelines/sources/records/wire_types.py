"""Field types that wire models share: how outside systems write times, dates, numbers and keys.

Here: from a JSON value to an exact Python value, beside it the mark of how a column of such values is read at once
(`columnar`). The message of each ValueError completes the sentence
"…, which …". Not here: whole records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    Strict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from ledger_pipelines.sources.records import columnar
from ledger_pipelines.sources.records.lenient import LENIENT, Lenient

#: Wide enough for every decimal of a frame; the thread's own context is anybody's to change.
_CONTEXT = Context(prec=60)
_LONGEST_INTEGER_PART = 10
_TERABYTES = re.compile(r"\d{1,10}(?:\.\d{1,2})?", re.ASCII)
#: Characters of a key. Three of four bytes each, as in the key of a sub-ledger's row, fit an index's row.
LONGEST_KEY = 200
#: Years in which something happened: what is beyond them stands for no time at all, as the year 1 does.
_YEARS = range(1970, 2200)
#: Years of a day that is agreed on; some write the last of them for "never".
_YEARS_OF_DAYS = range(1900, 10_000)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def utc_instant(value: object) -> datetime:
    """An ISO 8601 timestamp as an aware datetime in UTC; one without a zone is in UTC already.

    Raises ValueError for anything else, and for a year in which nothing that we read of can have happened.
    """
    instant = _in_utc(value)
    if instant.year not in _YEARS:
        raise ValueError(f"is not between {_YEARS.start} and {_YEARS.stop}")
    return instant


def _in_utc(value: object) -> datetime:
    if type(value) is not str:
        raise ValueError("is not a timestamp")
    try:
        instant = datetime.fromisoformat(value)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a timestamp") from None


def _optional_instant(value: object) -> datetime | None:
    return None if value is None or value == "" else utc_instant(value)


def day_of(text: str) -> date:
    """An ISO 8601 date, or the date of a timestamp as it is written, whatever its zone."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise ValueError("is not a date") from None


def _optional_date(value: object) -> date | None:
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise ValueError("is not a date")
    return _believable(day_of(value))


def _believable(day: date) -> date:
    if day.year not in _YEARS_OF_DAYS:
        raise ValueError(f"is before {_YEARS_OF_DAYS.start}")
    return day


def exact_number(
    places: int, rounding: str, *, digits: int = _LONGEST_INTEGER_PART
) -> Callable[[object], Decimal]:
    """A validator for a JSON number from 0 to below 10^10 (or as many digits), rounded to so many places; never a
    float.
    """
    unit = Decimal(1).scaleb(-places)

    def validate(value: object) -> Decimal:
        if type(value) is int:
            number = Decimal(value)
        elif type(value) is Decimal and value.is_finite():
            number = value
        else:
            raise ValueError("is not a number")
        if number < 0:
            raise ValueError("is negative")
        if number.adjusted() >= digits:
            raise ValueError("is too large")
        return number.quantize(unit, rounding, _CONTEXT)

    return validate


#: Nobody works 100,000 hours, which are eleven years, on one thing.
_HOURS = exact_number(18, ROUND_HALF_EVEN, digits=5)
_RATE = exact_number(4, ROUND_HALF_UP)


def _optional_hours(value: object) -> Decimal:
    return Decimal(0) if value is None else _HOURS(value)


def _optional_rate(value: object) -> Decimal | None:
    return None if value is None else _RATE(value)


def _json_text(value: object) -> str | None:
    """Text as it came; a list or mapping, which is what such a text holds, as JSON text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    raise ValueError("is neither JSON text nor a list or mapping")


def _optional_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    raise ValueError("is not text")


def _optional_email(value: object) -> str | None:
    text = _optional_text(value)
    return None if text is None else _CONTROLS.sub("", text).strip().casefold() or None


def key_of(value: object) -> str | None:
    """The value as a key; None where it cannot be one."""
    try:
        return _KEY.validate_python(value)
    except ValidationError:
        return None


Instant = Annotated[datetime, PlainValidator(utc_instant), columnar.INSTANT]
OptionalInstant = Annotated[datetime | None, PlainValidator(_optional_instant), columnar.OPTIONAL_INSTANT]
OptionalDate = Annotated[date | None, PlainValidator(_optional_date), columnar.OPTIONAL_DATE]
#: Text without the space around it; null where nothing is left.
OptionalText = Annotated[str | None, PlainValidator(_optional_text)]
#: An e-mail address as two systems' are compared: without the space around it, and casefolded.
OptionalEmail = Annotated[str | None, PlainValidator(_optional_email)]
#: Hours as a source computes them, below 100,000, to 18 places (half-even).
Hours = Annotated[Decimal, PlainValidator(_HOURS)]
#: Such hours where null means 0.
OptionalHours = Annotated[Decimal, PlainValidator(_optional_hours), columnar.HOURS]
#: A price for one unit, to the four places of a rate (half-up): 0.30000000000000004 is a price of 0.30.
OptionalRate = Annotated[Decimal | None, PlainValidator(_optional_rate)]
JsonText = Annotated[str | None, PlainValidator(_json_text), columnar.TEXT]
#: What a record is known by. Surrounding space is no part of it; its length is what an index takes.
KeyText = Annotated[
    str,
    Strict(),
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST_KEY, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"
    ),
    columnar.KEY,
]
_KEY: TypeAdapter[str] = TypeAdapter(KeyText)
Id = Annotated[int, Field(ge=0, lt=2**63), columnar.ID]


def _none_to_zero(value: Any) -> Any:
    return 0 if value is None else value


def _none_to_blank(value: Any) -> Any:
    return "" if value is None else value


#: A contract term as it came; none is blank.
Term = Annotated[str, BeforeValidator(_none_to_blank)]

#: A number of bytes; none is 0.
Bytes = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_none_to_zero), columnar.BYTES]


def _whole_bytes(value: object) -> int:
    """The whole part of a number with a fraction; none for one below 0."""
    if isinstance(value, Decimal) and value.is_finite() and value < 2**63:
        return max(int(value), 0)
    if type(value) is int and value < 0:
        return 0
    raise ValueError("is no number of bytes")


#: Such a number where one with a fraction, or below 0, costs the record nothing.
LenientBytes = Annotated[Bytes, Lenient(_whole_bytes, "with {} bytes")]


def _terabytes(value: object) -> Decimal | None:
    """TB as a text with at most two decimals, which is exact; none where it is null or blank."""
    if value is None or value == "":
        return None
    if type(value) is str and (found := _TERABYTES.fullmatch(value.strip())):
        return Decimal(found[0])
    raise ValueError("is no text of TB with two decimals")


Terabytes = Annotated[Decimal | None, PlainValidator(_terabytes), LENIENT, columnar.TERABYTES]

#: Fields that bear on nothing: one that cannot be read is null, and noted.
LenientText = Annotated[str | None, LENIENT]
LenientFlag = Annotated[bool | None, LENIENT, columnar.FLAG]
LenientId = Annotated[Id | None, LENIENT, columnar.OPTIONAL_ID]
LenientDate = Annotated[OptionalDate, LENIENT]
LenientInstant = Annotated[OptionalInstant, LENIENT]
LenientJsonText = Annotated[JsonText, LENIENT]
