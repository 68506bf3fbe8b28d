"""What Notion's pages look like on the wire, and the frame that they become (wire/notion.md).

Here: wire models, the schema, and what a page is called. Not here: how pages are asked for, which is
`notion`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Required

import pyarrow as pa
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from ledger_pipelines.sources.frames import Entity, frame_schema
from ledger_pipelines.sources.wire_types import (
    Instant,
    KeyText,
    OptionalDate,
    OptionalEmail,
    OptionalInstant,
    OptionalText,
)

_STRICT = ConfigDict(strict=True)


def plain_title(value: object) -> str | None:
    """The text of a title, which comes in pieces of one style each. Raises ValueError for anything else."""
    if value is None:
        return None
    if isinstance(value, list):
        texts = [piece.get("plain_text") if isinstance(piece, Mapping) else None for piece in value]
        plain = [text for text in texts if isinstance(text, str)]
        if len(plain) == len(texts):
            return "".join(plain).strip() or None
    raise ValueError("is not a title")


@with_config(_STRICT)
class TitleWire(TypedDict, total=False):
    """A property that is the page's title."""

    title: Required[Annotated[str | None, PlainValidator(plain_title)]]


@with_config(_STRICT)
class EmailWire(TypedDict, total=False):
    """A property that is an e-mail address."""

    email: Required[OptionalEmail]


@with_config(_STRICT)
class OptionWire(TypedDict, total=False):
    """One of a select's options."""

    name: Required[OptionalText]


@with_config(_STRICT)
class SelectWire(TypedDict, total=False):
    """A property that is one of a list of options."""

    select: Required[OptionWire | None]


@with_config(_STRICT)
class SpanWire(TypedDict, total=False):
    """A date, or the first of two."""

    start: Required[OptionalDate]


@with_config(_STRICT)
class DateWire(TypedDict, total=False):
    """A property that is a date."""

    date: Required[SpanWire | None]


@with_config(_STRICT)
class PropertiesWire(TypedDict, total=False):
    """The properties that are used, by the names that people gave them; a page may lack any of them."""

    name: Annotated[TitleWire, Field(validation_alias="Name")]
    email: Annotated[EmailWire, Field(validation_alias="Email")]
    educational_status: Annotated[SelectWire, Field(validation_alias="Educational Status")]
    drop_date: Annotated[DateWire, Field(validation_alias="Drop Date")]
    certificated_at: Annotated[DateWire, Field(validation_alias="Certificated At")]


@with_config(_STRICT)
class PageWire(TypedDict, total=False):
    """A page of a database: a row of it."""

    page_id: Required[Annotated[KeyText, Field(validation_alias="id")]]
    created_at: Annotated[OptionalInstant, Field(validation_alias="created_time")]
    last_edited_at: Required[Annotated[Instant, Field(validation_alias="last_edited_time")]]
    url: OptionalText
    properties: Required[PropertiesWire]


def _page_row(page: PageWire) -> dict[str, Any]:
    """A page with its properties' values."""
    properties = page["properties"]
    title, email = properties.get("name"), properties.get("email")
    status = properties.get("educational_status")
    option = status["select"] if status else None
    return {
        **page,
        "name": title["title"] if title else None,
        "email": email["email"] if email else None,
        "educational_status": option["name"] if option else None,
        "drop_date": _start(properties.get("drop_date")),
        "certificated_at": _start(properties.get("certificated_at")),
    }


def _start(value: DateWire | None) -> date | None:
    span = value["date"] if value else None
    return span["start"] if span else None


_TEXT, _DATE, _INSTANT = pa.string(), pa.date32(), pa.timestamp("us", "UTC")

PAGES = frame_schema(
    page_id_=_TEXT,
    name=_TEXT,
    email=_TEXT,
    educational_status=_TEXT,
    drop_date=_DATE,
    certificated_at=_DATE,
    created_at=_INSTANT,
    last_edited_at_=_INSTANT,
    url=_TEXT,
)


def _describe(record: Mapping[str, Any], _: str | None) -> tuple[str | None, str]:
    found = record.get("id", record.get("page_id"))
    if isinstance(found, str) and found.strip():
        return found.strip(), f"Page {found.strip()}"
    return None, "A page"


PAGE = Entity(
    "pages",
    "page",
    TypeAdapter(list[Annotated[PageWire, AfterValidator(_page_row)]]),
    PAGES,
    ("page_id",),
    _describe,
    prefer="last_edited_at",
    operation="notion-external-id",
)
