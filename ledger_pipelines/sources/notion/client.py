"""Notion: the pages of one database (wire/notion.md).

Here: what is asked of Notion, window by window and page by page. Not here: how its pages look (`models`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import IO, Any, TypeVar, Unpack

from ledger_pipelines.errors import ConfigurationError, LedgerError, Problem
from ledger_pipelines.sources.base import ClientOptions, RecordCount, SourceClient
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.credentials import HeaderKey, usable_key
from ledger_pipelines.sources.http.failures import Address, AnswerError, status_text
from ledger_pipelines.sources.http.limits import RateLimit
from ledger_pipelines.sources.notion.models import NEEDED_PROPERTIES, PAGE
from ledger_pipelines.sources.records.frames import PageReader
from ledger_pipelines.sources.records.lists import ListReading, incomplete_list
from ledger_pipelines.sources.records.wire_types import utc_instant

INTEGRATION = "notion"
PAGE_SIZE = 100
#: Notion shows no more of one query, however many there are.
LONGEST_QUERY = 10_000

#: The first version of the protocol in which a database has data sources.
_NOTION_VERSION = "2025-09-03"
#: Three requests a second are allowed. A tenth more than a second, since requests may catch each other up.
_REQUESTS, _SECONDS = 3, 1.1
#: How many names of properties a message has.
_MOST_NAMES = 20
#: Pages that come into being meanwhile are then at the end, and the next window begins where this one ends.
_QUERY_ROUTE = "/data_sources/{id}/query"
_OLDEST_FIRST = [{"timestamp": "created_time", "direction": "ascending"}]
#: What a query may show beside pages.
_OTHER_OBJECTS = ("data_source", "database")
_ID = re.compile(r"[0-9A-Za-z-]+")
#: What an error says of the database rather than of the address.
_ABOUT_THE_DATABASE = {
    HTTPStatus.BAD_REQUEST: "did not take our request at {url} ({status_line}): check NOTION_DATABASE_ID.",
    HTTPStatus.NOT_FOUND: (
        "shows us nothing at {url} ({status_line}): check NOTION_DATABASE_ID, and share the database with the "
        "integration that NOTION_TOKEN belongs to."
    ),
}

T = TypeVar("T")


class MissingPropertyError(LedgerError):
    """No page has a property that is needed: it was renamed, or the database is another one. `problem` says which."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Results:
    """One answer of a query: its results, where the next one begins (None after the last), and whether there may
    be more that a query does not show.
    """

    results: list[Any]
    next_cursor: str | None
    is_capped: bool


@dataclass(slots=True)
class _Pages:
    """The pages of a data source as they come: how many there are, and have each property; and whether all were shown."""

    readable: int = 0
    properties: Counter[str] = field(default_factory=Counter)
    is_whole: bool = True

    def note(self, records: list[Any]) -> None:
        """Counts these pages and the properties that they have."""
        for record in records:
            properties = record.get("properties") if isinstance(record, Mapping) else None
            if isinstance(properties, Mapping):
                self.readable += 1
                self.properties.update(map(str, properties))


class NotionClient(SourceClient):
    """A client of one database of Notion.

    Every method may raise SourceUnavailableError when Notion cannot be reached or answers with something else,
    and CredentialRefusedError when it refuses the token. Raises ConfigurationError for an unusable address, token
    or database. The address may end with `/v1` or not. Three requests go out a second, as Notion allows.
    """

    name = "Notion"
    counted = "pages"

    def __init__(self, url: str, token: str, database_id: str, **options: Unpack[ClientOptions]) -> None:
        self._database_id = database_id.strip()
        if not _ID.fullmatch(self._database_id):
            raise ConfigurationError(
                "NOTION_DATABASE_ID cannot be used: it is the 32 letters and digits in the database's address."
            )
        address = Address(self.name, url, "NOTION_URL", "check NOTION_TOKEN, and what it may read.")
        super().__init__(replace(address, url=f"{url.rstrip('/').removesuffix('/v1')}/v1/"), **options)
        self._source = self._connect(
            HeaderKey("Authorization", f"Bearer {usable_key(token, 'NOTION_TOKEN')}"),
            limit=RateLimit(_REQUESTS, self._clock, seconds=_SECONDS),
            headers={"Notion-Version": _NOTION_VERSION},
        )

    def _identity(self) -> str:
        return "the holder of NOTION_TOKEN"

    def _count_records(self) -> RecordCount:
        """The number of pages is known where there are no more than one answer of each data source holds."""
        answers = [self._query(source_id, None, None) for source_id in self._data_sources()]
        count = sum(len(answer.results) for answer in answers)
        return RecordCount(count, is_all=all(answer.next_cursor is None for answer in answers))

    def pages(self) -> ListReading:
        """Every page of the database that is neither archived nor in the trash (`PAGES`, sorted by page_id).

        Raises MissingPropertyError where there are pages and none has a property that is needed.
        """
        reader = PageReader(INTEGRATION, PAGE)
        found: dict[str, _Pages] = {}
        for source_id in self._data_sources():
            found[source_id] = _Pages()
            for results in self._all_results(source_id, found[source_id]):
                records = [record for record in results if _is_in_use(record)]
                found[source_id].note(records)
                reader.add(records)
        self._require_properties(list(found.values()))
        reading = reader.reading()
        lists = [
            problem for source_id, pages in found.items() for problem in self._list_problems(source_id, pages)
        ]
        count = reading.frame.num_rows + sum(problem.is_blocking for problem in reading.problems)
        return ListReading(reading.frame, reading.problems + lists, {PAGE.plural: count})

    def _require_properties(self, found: list[_Pages]) -> None:
        """Raises MissingPropertyError where no page of any data source has a property that is needed."""
        names: Counter[str] = sum((pages.properties for pages in found), Counter())
        missing = [name for name in NEEDED_PROPERTIES if name not in names]
        pages = sum(pages.readable for pages in found)
        if not pages or not missing:
            return
        absent = " or ".join(f'"{name}"' for name in missing)
        message = (
            f"None of the {pages:,} pages of {self.name}'s database {self._database_id} has a property {absent}; "
            f"they have {', '.join(sorted(names)[:_MOST_NAMES]) or 'none'}: name it so again in {self.name}, or check "
            "NOTION_DATABASE_ID."
        )
        raise MissingPropertyError(incomplete_list(INTEGRATION, PAGE, "properties", message))

    def _list_problems(self, source_id: str, pages: _Pages) -> Iterator[Problem]:
        """What keeps a data source's pages from being taken for all that there are."""
        if not pages.is_whole:
            message = (
                f"{self.name} shows no more than {LONGEST_QUERY:,} results of a query, and some pages of the data source "
                f"{source_id} cannot be reached by their time of creation, so that nobody is taken for missing: move "
                "pages of one time to another database."
            )
            yield incomplete_list(INTEGRATION, PAGE, f"pages of {source_id}", message)
        if pages.readable and "Email" not in pages.properties:
            message = (
                f'None of the {pages.readable:,} pages of the data source {source_id} has a property "Email", though '
                "pages of another one have it: name it so there, too, or ignore this if they are of no clients."
            )
            yield incomplete_list(INTEGRATION, PAGE, f"property Email of {source_id}", message)

    def _data_sources(self) -> list[str]:
        """The ids of the database's data sources: in this protocol, the pages are theirs."""
        path = f"/databases/{self._database_id}"
        ids = self._ask(path, lambda: self._source.get(path, _source_ids, route="/databases/{id}"))
        if not ids:
            raise AnswerError(
                f"{self.name} shows no data source at {self._source.url(path)}: "
                "check that NOTION_DATABASE_ID names a database of its own, not a view of another.",
                reason="body",
            )
        return ids

    def _all_results(self, source_id: str, pages: _Pages) -> Iterator[list[Any]]:
        """All results of a data source, an answer at a time; from one window to the next some come again.

        A window begins with the time at which the one before it ended: others may be of that very time.
        """
        since: str | None = None
        while True:
            seen, latest, is_capped = 0, since, False
            for answer in self._window(source_id, since):
                seen += len(answer.results)
                latest = _latest_of(answer.results) or latest
                is_capped |= answer.is_capped
                yield answer.results
            if seen < LONGEST_QUERY and not is_capped:
                return
            if latest is None or (since is not None and utc_instant(latest) <= utc_instant(since)):
                pages.is_whole = False
                return
            since = latest

    def _window(self, source_id: str, since: str | None) -> Iterator[_Results]:
        """The results from a time of creation on, as many as Notion shows of one query."""
        cursor: str | None = None
        seen, cursors = 0, set[str]()
        while True:
            answer = self._query(source_id, since, cursor)
            yield answer
            seen += len(answer.results)
            cursor = answer.next_cursor
            if cursor is None or seen >= LONGEST_QUERY:
                return
            if cursor in cursors:
                raise AnswerError(
                    f"{self.name} sent the same place to go on from again at "
                    f"{self._source.url(_query_path(source_id))}: try again later.",
                    reason="body",
                )
            cursors.add(cursor)

    def _query(self, source_id: str, since: str | None, cursor: str | None) -> _Results:
        body: dict[str, Any] = {"sorts": _OLDEST_FIRST, "page_size": PAGE_SIZE}
        if since is not None:
            body["filter"] = {"timestamp": "created_time", "created_time": {"on_or_after": since}}
        if cursor is not None:
            body["start_cursor"] = cursor
        path = _query_path(source_id)
        return self._ask(path, lambda: self._source.post(path, body, _results_of, route=_QUERY_ROUTE))

    def _ask(self, path: str, request: Callable[[], T]) -> T:
        """What a request of this path gives; an error that is about the database says so."""
        try:
            return request()
        except AnswerError as error:
            # Without words it was not Notion that answered, and the database is not what is wrong.
            has_words = error.status is not None and error.status_line != status_text(error.status)
            if not has_words or error.status not in _ABOUT_THE_DATABASE:
                raise
            sentence = _ABOUT_THE_DATABASE[HTTPStatus(error.status)].format(
                url=self._source.url(path), status_line=error.status_line
            )
            raise AnswerError(
                f"{self.name} {sentence}", reason="status", status=error.status, status_line=error.status_line
            ) from None


def _query_path(source_id: str) -> str:
    return f"/data_sources/{source_id}/query"


def _source_ids(body: IO[bytes]) -> list[str]:
    answer = read_json(body)
    sources = answer.get("data_sources") if isinstance(answer, Mapping) else None
    if not isinstance(sources, list):
        raise UnreadableBodyError("a database was promised, and something else came")
    found = [source.get("id") for source in sources if isinstance(source, Mapping)]
    return [source_id for source_id in found if isinstance(source_id, str) and _ID.fullmatch(source_id)]


def _results_of(body: IO[bytes]) -> _Results:
    answer = read_json(body)
    fields = answer if isinstance(answer, Mapping) else {}
    results, has_more, next_cursor = (fields.get(name) for name in ("results", "has_more", "next_cursor"))
    if (
        not isinstance(results, list)
        or type(has_more) is not bool
        or has_more != isinstance(next_cursor, str)
    ):
        raise UnreadableBodyError("results were promised, and something else came")
    status = fields.get("request_status")
    is_complete = status is None or (isinstance(status, Mapping) and status.get("type") == "complete")
    return _Results(results, next_cursor, is_capped=not is_complete)


def _is_in_use(record: object) -> bool:
    """Whether a result is for the wire model: no page that was put away, and no other kind of object."""
    if not isinstance(record, Mapping):
        return True
    return record.get("object") not in _OTHER_OBJECTS and not (
        record.get("archived") is True or record.get("in_trash") is True
    )


def _latest_of(results: list[Any]) -> str | None:
    """The last time of creation that can be read, as it was written."""
    for record in reversed(results):
        created = record.get("created_time") if isinstance(record, Mapping) else None
        try:
            utc_instant(created)
        except ValueError:
            continue
        return str(created)
    return None
