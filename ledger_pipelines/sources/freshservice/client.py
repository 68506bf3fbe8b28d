"""Freshservice: tickets' time entries and the departments that they are of (wire/freshservice.md).

Here: what is asked of Freshservice, page by page, and what its answers mean as a whole. Not here: how its records look
(`models`), and how many requests it takes (`limits`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import IO, Any, Unpack
from urllib.parse import parse_qs, urljoin, urlsplit

import pyarrow as pa
from requests.utils import parse_header_links

from ledger_pipelines.errors import Problem
from ledger_pipelines.sources.base import ClientOptions, RecordCount, SourceClient
from ledger_pipelines.sources.freshservice.limits import PlanLimit, list_limit
from ledger_pipelines.sources.freshservice.models import DEPARTMENT, TICKET, TIME_ENTRY
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.credentials import HeaderKey, usable_key
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.http.limits import run_concurrently
from ledger_pipelines.sources.http.redaction import keep_secret, safe_url
from ledger_pipelines.sources.records.frames import PageReader, Reading, RecordReader, in_order, problem

INTEGRATION = "freshservice"
PAGE_SIZE = 100
_PATH = "/api/v2"
#: Tickets whose entries are asked for at a time.
_AT_ONCE = 4
#: What the key's user is called; its password is of no account.
_PASSWORD = "X"  # noqa: S105 - the same for everybody


@dataclass(frozen=True, slots=True)
class TimeEntriesRead:
    """Time entries (TIME_ENTRIES), the tickets (TICKETS) and departments (DEPARTMENTS) that they are of.

    `read` are the tickets all of whose entries were shown, by number, `unlisted` those among them that were asked for by
    themselves, for the list lacks them: TICKETS has them not. `gone` were asked for so and are not there any more.
    `unreadable` are the ids of entries that are among the problems.
    """

    entries: pa.Table
    tickets: pa.Table
    departments: pa.Table
    read: frozenset[str]
    unlisted: frozenset[str]
    gone: frozenset[str]
    unreadable: frozenset[str]
    problems: list[Problem]


class FreshserviceClient(SourceClient):
    """A client of one Freshservice account.

    Every method may raise SourceUnavailableError when Freshservice cannot be reached or answers with something else,
    and CredentialRefusedError when it refuses the key. Raises ConfigurationError for an unusable address or key. The
    address may end with `/api/v2` or not. No more requests go out than the account's plan allows.
    """

    name = "Freshservice"
    counted = "departments"

    def __init__(self, url: str, key: str, **options: Unpack[ClientOptions]) -> None:
        address = Address(
            self.name, url, "FRESHSERVICE_URL", "check FRESHSERVICE_API_KEY, and what its agent may see."
        )
        plain = url.strip().rstrip("/").removesuffix(_PATH)
        super().__init__(replace(address, url=plain + _PATH), **options)
        pair = b64encode(f"{usable_key(key, 'FRESHSERVICE_API_KEY')}:{_PASSWORD}".encode()).decode()
        keep_secret(pair)
        self._limit = PlanLimit(self._clock)
        self._lists = list_limit(self._clock)
        self._source = self._connect(
            HeaderKey("Authorization", f"Basic {pair}"), connections=_AT_ONCE, limit=self._limit
        )

    def _identity(self) -> str:
        return "the holder of FRESHSERVICE_API_KEY"

    def _count_records(self) -> RecordCount:
        records, following = self._page(
            "/departments", "departments", {"page": "1", "per_page": f"{PAGE_SIZE}"}
        )
        return RecordCount(len(records), is_all=following is None)

    def time_entries(
        self, since: datetime, expected: Collection[str] = (), others: Collection[str] = ()
    ) -> TimeEntriesRead:
        """The entries of all tickets that were updated since then, and of what departments these are.

        `expected` are numbers of tickets that must be among them, by what was read before: of each that is not,
        Freshservice is asked by itself whether it is still there. One that is proves the list to be cut, or the ticket
        to be in the trash: that is a problem of its own. `others` are asked for by themselves as well, and need not be
        in the list.
        """
        departments = self._list("/departments", DEPARTMENT)
        params = {"updated_since": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
        tickets = self._list("/tickets", TICKET, params, before=self._lists.wait)
        listed = [str(number) for number in tickets.frame["id"].to_pylist()]
        asked = [*listed, *sorted({*expected, *others} - set(listed))]
        reader = RecordReader(INTEGRATION, TIME_ENTRY)
        read, missing = [], []
        answers = run_concurrently([self._asking(number) for number in asked], _AT_ONCE)
        for number, records in zip(asked, answers, strict=True):
            if records is None:
                missing.append(number)
            else:
                reader.add(records, number)
                read.append(number)
        entries = reader.frame()
        lost = [number for number in missing if number in listed]
        unlisted = set(read) - set(listed)
        # A ticket that could not be read in the list was in it.
        lacking = unlisted & set(expected) - {one.external_id for one in tickets.problems}
        problems = [*departments.problems, *tickets.problems, *reader.problems]
        problems += [*map(_unread, lost), *map(_unlisted, sorted(lacking))]
        return TimeEntriesRead(
            entries,
            tickets.frame,
            departments.frame,
            read=frozenset(read),
            unlisted=frozenset(unlisted),
            gone=frozenset(missing) - set(lost),
            unreadable=frozenset(one.external_id for one in reader.problems if one.is_blocking),
            problems=in_order(problems),
        )

    def _asking(self, number: str) -> Callable[[], list[Any] | None]:
        return lambda: self._entries_of(number)

    def _entries_of(self, number: str) -> list[Any] | None:
        """The records of a ticket's entries; None where there is no such ticket."""
        path = f"/tickets/{number}/time_entries"
        try:
            return [record for page in self._pages(path, "time_entries") for record in page]
        except AnswerError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _list(
        self,
        path: str,
        entity: Any,
        params: Mapping[str, str] | None = None,
        *,
        before: Callable[[], None] | None = None,
    ) -> Reading:
        reader = PageReader(INTEGRATION, entity)
        for records in self._pages(path, entity.plural, params, before=before):
            reader.add(records)
        return reader.reading()

    def _pages(
        self,
        path: str,
        member: str,
        params: Mapping[str, str] | None = None,
        *,
        before: Callable[[], None] | None = None,
    ) -> Iterator[list[Any]]:
        """The pages of a list. One that is full is followed by another, whether or not its answer says so.

        Raises AnswerError for a page that shows what the pages before it have shown, and nothing else.
        """
        page, seen = 1, set[str]()
        while True:
            if before is not None:
                before()
            asked = {**(params or {}), "page": str(page), "per_page": str(PAGE_SIZE)}
            records, following = self._page(path, member, asked)
            ids = {str(record.get("id")) for record in records if isinstance(record, Mapping)}
            if ids and ids <= seen:
                raise AnswerError(
                    f"{self.name} sent the same records again as page {page} of {self._source.url(path)}: "
                    "try again later.",
                    reason="body",
                )
            seen |= ids
            yield records
            if following is None and len(records) < PAGE_SIZE:
                return
            page += 1

    def _page(self, path: str, member: str, params: Mapping[str, str]) -> tuple[list[Any], str | None]:
        """The records of a page, and the address of the next one where the answer names any."""
        links: list[str] = []

        def hear(headers: Mapping[str, str]) -> None:
            self._limit.learn(headers)
            links[:] = [headers.get("Link", "")]

        route = "/tickets/{id}/time_entries" if path.endswith("/time_entries") else path
        records = self._source.get(path, _member(member), route=route, params=params, on_headers=hear)
        return records, self._following(path, params, links[0])

    def _following(self, path: str, params: Mapping[str, str], link: str) -> str | None:
        """The next page's address. Raises AnswerError for one that is not of this list: our key goes nowhere else."""
        found = (
            [one.get("url", "") for one in parse_header_links(link) if one.get("rel") == "next"]
            if link
            else []
        )
        if not found:
            return None
        own = self._address.url + path
        ours, theirs = urlsplit(own), urlsplit(urljoin(own, found[0]))
        page = parse_qs(theirs.query).get("page")
        is_next = page == [str(int(params["page"]) + 1)]
        if (ours.scheme, ours.netloc, ours.path) != (
            theirs.scheme,
            theirs.netloc,
            theirs.path,
        ) or not is_next:
            raise AnswerError(
                f"{self.name} names {safe_url(found[0])} as the page after page {params['page']} of "
                f"{self._source.url(path)}, where it cannot be: check FRESHSERVICE_URL.",
                reason="body",
            )
        return found[0]


def _member(name: str) -> Callable[[IO[bytes]], list[Any]]:
    """Reads the list that an answer has under this name."""

    def parse(body: IO[bytes]) -> list[Any]:
        answer = read_json(body)
        records = answer.get(name) if isinstance(answer, Mapping) else None
        if not isinstance(records, list):
            raise UnreadableBodyError(f"{name} were promised, and something else came")
        return records

    return parse


def _unread(number: str) -> Problem:
    message = (
        f"Ticket {number} is in Freshservice's list and its time entries are not there, so that its hours are as they "
        "were read before: look at the ticket in Freshservice, and run again."
    )
    return problem(INTEGRATION, TICKET, number, message, {"ticket": number})


def _unlisted(number: str) -> Problem:
    message = (
        f"Freshservice's list lacks ticket {number}, which is there, so that new tickets may be missing, too: if it is "
        "in the trash or marked as spam, ignore this, and its time entries are billed as long as they are there; else "
        "run again."
    )
    return problem(INTEGRATION, TICKET, number, message, {"ticket": number})
