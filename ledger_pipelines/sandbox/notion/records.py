"""Notion's pages: one for a client, as they go over the wire (wire/notion.md)."""

from __future__ import annotations

from datetime import date, datetime
from uuid import NAMESPACE_URL, uuid5

from ledger_pipelines.sandbox.hivematrix.world import Record
from ledger_pipelines.sandbox.notion.access import NOTION_DATA_SOURCE_ID, NOTION_DATABASE_ID
from ledger_pipelines.sandbox.school.model import Page, Person

STATUSES = (
    *("Active", "Postponed", "Graduated", "Certificated", "Dropped", "Suspended", "Ended"),
    "Not Completing",
)
_PARENT = {
    "type": "data_source_id",
    "data_source_id": NOTION_DATA_SOURCE_ID,
    "database_id": NOTION_DATABASE_ID,
}


def page_id(seed: int, place: int) -> str:
    """The id of the page at `place`."""
    return str(uuid5(NAMESPACE_URL, f"https://notion.example/{seed}/{place}"))


def written(moment: datetime) -> str:
    """A moment as Notion writes it: to the minute."""
    return moment.strftime("%Y-%m-%dT%H:%M:00.000Z")


def page_record(person: Person, page: Page, identifier: str) -> Record:
    """A client's page; a property that nothing was ever entered in may be missing."""
    properties: Record = {
        "Name": {"id": "title", "type": "title", "title": _title(person)},
        "Email": {"id": "mZ%3Aq", "type": "email", "email": page.email},
        "Educational Status": {"id": "%3DsT1", "type": "select", "select": _option(page.status)},
        "Drop Date": {"id": "dR%5Dp", "type": "date", "date": _date(page.drop)},
        "Certificated At": {"id": "cE%40r", "type": "date", "date": _date(page.certificated)},
    }
    served = {name: value for name, value in properties.items() if name not in page.lacks}
    return {
        "object": "page",
        "id": identifier,
        "created_time": written(page.created),
        "last_edited_time": written(page.edited),
        "parent": _PARENT,
        "archived": page.archived,
        "in_trash": page.archived,
        "properties": served,
        "url": f"https://www.notion.example/{identifier.replace('-', '')}",
    }


def _title(person: Person) -> list[Record]:
    """A title is a list of pieces of text; a name may be broken into two."""
    pieces = [f"{person.first} ", person.last] if len(person.last) > 8 else [person.name]
    return [{"type": "text", "text": {"content": text, "link": None}, "plain_text": text} for text in pieces]


def _option(status: str | None) -> Record | None:
    if status is None:
        return None
    return {"id": f"opt{STATUSES.index(status)}", "name": status, "color": "default"}


def _date(day: date | None) -> Record | None:
    return None if day is None else {"start": day.isoformat(), "end": None, "time_zone": None}
