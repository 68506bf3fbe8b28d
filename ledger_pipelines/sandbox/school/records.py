"""The school as its three systems know it: records as the JSON bytes that go out, and what they are found by.

Here: the shape that Holded, 4Geeks and Notion read. Not here: how it is filled (`school_history`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class ContactRow:
    """One of Holded's contacts. `named` says of any row that it belongs to a named case."""

    id: str
    named: bool
    row: bytes


@dataclass(slots=True)
class DocumentRow:
    """An invoice or credit note. `at` is its date in unix seconds; `paid` is 0 no, 1 yes, 2 in part."""

    id: str
    at: int
    contact_id: str
    paid: int
    named: bool
    row: bytes


@dataclass(slots=True)
class StudentRow:
    """A student's profile at 4Geeks; `cohorts` are the slugs and ids of those that they are in."""

    id: int
    name: str
    email: str
    status: str
    created: datetime
    cohorts: frozenset[str]
    named: bool
    row: bytes


@dataclass(slots=True)
class MembershipRow:
    """A membership of a cohort; `cohort` is its slug and id."""

    id: int
    user_id: int
    cohort: frozenset[str]
    role: str
    status: str | None
    created: datetime
    updated: datetime
    named: bool
    row: bytes


@dataclass(slots=True)
class PageRow:
    """A page of Notion."""

    id: str
    name: str
    email: str | None
    created: datetime
    edited: datetime
    named: bool
    row: bytes


@dataclass(slots=True)
class Cached:
    """What 4Geeks answers when it is not asked to look again: the school as of noon of the last day."""

    students: list[StudentRow] = field(default_factory=list)
    memberships: list[MembershipRow] = field(default_factory=list)


@dataclass(slots=True)
class School:
    """Everything that the three systems know. `documents` has a list for each docType."""

    channels: list[ContactRow] = field(default_factory=list)
    contacts: list[ContactRow] = field(default_factory=list)
    documents: dict[str, list[DocumentRow]] = field(default_factory=dict)
    students: list[StudentRow] = field(default_factory=list)
    memberships: list[MembershipRow] = field(default_factory=list)
    pages: list[PageRow] = field(default_factory=list)
    cached: Cached = field(default_factory=Cached)
    news: list[Callable[[], None]] = field(default_factory=list)

    def publish_news(self) -> int:
        """Lets what was not known yet come to light, once. Says how many things those were."""
        pending = list(self.news)
        self.news.clear()
        for publish in pending:
            publish()
        return len(pending)
