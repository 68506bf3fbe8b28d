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

from ledger_pipelines.sources.notion.values import property_addresses, property_date, property_text
from ledger_pipelines.sources.records.frames import Entity, frame_schema
from ledger_pipelines.sources.records.wire_types import Instant, KeyText, OptionalInstant, OptionalText

_STRICT = ConfigDict(strict=True)


#: The properties that say who a page is of and their status: where no page has one, it was renamed.
NEEDED_PROPERTIES = ("Email", "Educational Status", "Drop Date", "Certificated At")


def _name(value: object) -> str | None:
    """A page's title, which bears on nothing: an unreadable one costs the page nothing."""
    try:
        return property_text(value)
    except ValueError:
        return None


@with_config(_STRICT)
class PropertiesWire(TypedDict, total=False):
    """The properties that are used, by the names that people gave them; a page may lack any of them."""

    name: Annotated[str | None, PlainValidator(_name), Field(validation_alias="Name")]
    email: Annotated[str | None, PlainValidator(property_addresses), Field(validation_alias="Email")]
    educational_status: Annotated[
        str | None, PlainValidator(property_text), Field(validation_alias="Educational Status")
    ]
    drop_date: Annotated[date | None, PlainValidator(property_date), Field(validation_alias="Drop Date")]
    certificated_at: Annotated[
        date | None, PlainValidator(property_date), Field(validation_alias="Certificated At")
    ]


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
    return {**page, **page["properties"]}


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
