"""Holded: sales channels, contacts, invoices and credit notes (wire/holded.md).

Here: what is asked of Holded, page by page, and what its answers mean as a whole. Not here: how its records
look, which is `holded_models`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import CredentialRefusedError, LedgerError, Problem
from ledger_pipelines.sources.base import SourceCheck
from ledger_pipelines.sources.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.clock import Clock
from ledger_pipelines.sources.credentials import HeaderKey, usable_key
from ledger_pipelines.sources.failures import Address, AnswerError, own_words
from ledger_pipelines.sources.frames import PageReader, Reading, in_order, latest_of, without_nul
from ledger_pipelines.sources.holded_models import (
    CONTACT,
    DOCUMENTS,
    INVOICE_LINES,
    INVOICES,
    LINES_COLUMN,
    SALES_CHANNEL,
)
from ledger_pipelines.sources.holded_values import epoch_seconds, local_midnight
from ledger_pipelines.sources.http import HttpSource
from ledger_pipelines.sources.retries import RetryPolicy, TransientError

INTEGRATION = "holded"
#: Records on every page but the last.
PAGE_SIZE = 500
#: Holded counts all requests of an account together.
_ROUTE = "*"
_IDENTITY = "the holder of HOLDED_API_KEY"


@dataclass(frozen=True, slots=True)
class Documents:
    """Invoices and credit notes (`INVOICES`, sorted by id) with their lines (`INVOICE_LINES`, in their order).

    A document that could not be read is one of the problems, and none of its lines is there.
    """

    invoices: pa.Table
    invoice_lines: pa.Table
    problems: list[Problem]


class HoldedClient:
    """A client of one Holded account. Opens no connection before it is asked for something.

    Every method may raise SourceUnavailableError when Holded cannot be reached, has blocked the account or
    answers with something else, and CredentialRefusedError when it refuses the key. Raises ConfigurationError
    for an unusable address or key. `timeout` is the number of seconds without a byte that end a request.
    Holded allows 250 requests a minute; the default leaves room for requests that arrive late.
    """

    name = "Holded"

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = 30.0,
        requests_per_minute: int = 240,
        retries: RetryPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._address = Address(self.name, url, "HOLDED_URL", "check HOLDED_API_KEY.")
        self._credential = HeaderKey("key", usable_key(api_key, "HOLDED_API_KEY"))
        self._source = HttpSource(
            self._address,
            credential=self._credential,
            requests_per_minute=requests_per_minute,
            read_timeout=timeout,
            connections=1,
            retries=retries,
            clock=clock,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        self._source.close()

    def check(self) -> SourceCheck:
        """Whether Holded answers, and how many sales channels it shows; raises no LedgerError."""
        try:
            count = sum(map(len, self._pages("/saleschannels", {})))
        except LedgerError as error:
            return SourceCheck(self.name, False, None, None, str(error))
        detail = f"{self.name} at {self._source.shown_url} shows {count:,} sales channels to {_IDENTITY}."
        return SourceCheck(self.name, True, _IDENTITY, count, detail)

    def sales_channels(self) -> Reading:
        """Every sales channel (`SALES_CHANNELS`); the services are those whose account number begins with 7050."""
        reader = PageReader(INTEGRATION, SALES_CHANNEL)
        for page in self._pages("/saleschannels", {}):
            reader.add(page)
        return reader.reading()

    def contacts(self) -> Reading:
        """Every contact (`CONTACTS`)."""
        reader = PageReader(INTEGRATION, CONTACT)
        for page in self._pages("/contacts", {}):
            reader.add(page)
        return reader.reading()

    def documents(self, first: date, end: date) -> Documents:
        """Invoices and credit notes dated from `first` to the day before `end`, by their day in Madrid.

        Holded is asked once for the whole range, however many months are in it. Raises ValueError for a range
        without a day.
        """
        if first >= end:
            raise ValueError(f"there is no day from {first} to before {end}")
        window = range(local_midnight(first), local_midnight(end))
        readings = []
        for document_type, entity in DOCUMENTS.items():
            reader = PageReader(INTEGRATION, entity)
            params = {
                # Without either of the two, Holded answers with the current year.
                "starttmp": str(window.start),
                "endtmp": str(window.stop),
                # Documents that come into being meanwhile are then at the end, and move no other.
                "sort": "created-asc",
            }
            for page in self._pages(f"/documents/{document_type}", params):
                reader.add([record for record in page if _may_be_in(window, record)])
            readings.append(reader.reading())
        table = latest_of([reading.frame for reading in readings], DOCUMENTS["invoice"])
        problems = in_order(problem for reading in readings for problem in reading.problems)
        return Documents(table.select(INVOICES.names).cast(INVOICES), _lines_of(table), problems)

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[list[Any]]:
        """The pages of a list. One that is not full is the last; after a full one there may be an empty one."""
        number, previous = 1, None
        while True:
            page = self._get(path, {**params, "page": str(number)})
            if page and page == previous:
                raise AnswerError(
                    f"{self.name} sent page {number - 1} again as page {number} at {self._source.url(path)}, "
                    "so that the rest cannot be read: check HOLDED_URL.",
                    reason="body",
                )
            yield page
            if len(page) < PAGE_SIZE:
                return
            number, previous = number + 1, page

    def _get(self, path: str, params: Mapping[str, str]) -> list[Any]:
        url = self._source.url(path)

        def parse(body: IO[bytes]) -> list[Any]:
            value = read_json(body)
            if isinstance(value, Mapping) and "info" in value:
                raise self._failure_within(url, value)
            if not isinstance(value, list):
                raise UnreadableBodyError("a page was promised, and something else came")
            return value

        try:
            return self._source.get(path, parse, route=_ROUTE, params=params)
        except AnswerError as error:
            if error.status == HTTPStatus.BAD_REQUEST and _is_about_the_key(error.said):
                raise CredentialRefusedError(
                    f"{self.name} refused us at {url} ({error.said}): {self._address.refusal_advice}"
                ) from None
            raise

    def _failure_within(self, url: str, body: Mapping[str, Any]) -> Exception:
        """What to raise for an error that came as a success: Holded writes some of them so."""
        words = own_words(body, self._credential.headers())
        if _is_about_the_key(words):
            return self._address.refused(url, HTTPStatus.OK, words)
        return TransientError(self._address.failed(url, HTTPStatus.OK, words))


def _is_about_the_key(words: str) -> bool:
    return "invalid key" in words.casefold()


def _may_be_in(window: range, record: object) -> bool:
    """Whether a record's own date lies in the window, or cannot be read, which is for the wire model to say.

    Holded's window is wider than asked for: it takes in the day on which it ends.
    """
    seconds = epoch_seconds(record.get("date")) if isinstance(record, Mapping) else None
    return seconds is None or seconds in window


def _lines_of(documents: pa.Table) -> pa.Table:
    """The lines of all documents, in the documents' order."""
    lists = documents[LINES_COLUMN].combine_chunks()
    owners = documents["id"].combine_chunks().take(pc.list_parent_indices(lists))
    lines = pc.list_flatten(lists)
    columns = [owners, *(pc.struct_field(lines, name) for name in INVOICE_LINES.names[1:])]
    return without_nul(pa.Table.from_arrays(columns, schema=INVOICE_LINES))
