"""Holded: sales channels, contacts, invoices and credit notes (wire/holded.md).

Here: what is asked of Holded, page by page, and what its answers mean as a whole. Not here: how its records
look (`models`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from http import HTTPStatus
from typing import IO, Any, TypeVar, Unpack
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import CredentialRefusedError, Problem, SourceUnavailableError
from ledger_pipelines.sources.base import ClientOptions, RecordCount, SourceClient
from ledger_pipelines.sources.holded.models import (
    CONTACT,
    DOCUMENTS,
    INVOICE_LINES,
    INVOICE_PAYMENTS,
    INVOICES,
    LINES_COLUMN,
    PAYMENTS_COLUMN,
    SALES_CHANNEL,
    DocumentType,
    amount_of,
    is_draft,
)
from ledger_pipelines.sources.holded.payments import total_id
from ledger_pipelines.sources.holded.values import epoch_seconds, local_date, local_midnight
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json
from ledger_pipelines.sources.http.credentials import HeaderKey, usable_key
from ledger_pipelines.sources.http.failures import Address, AnswerError, own_words
from ledger_pipelines.sources.http.limits import RateLimit
from ledger_pipelines.sources.http.retries import TransientError
from ledger_pipelines.sources.records.frames import (
    Entity,
    PageReader,
    Reading,
    in_order,
    latest_of,
    problem,
    without_nul,
)

T = TypeVar("T")

INTEGRATION = "holded"
#: No document is dated later.
_NEVER = date(2200, 1, 1)
#: Seconds.
_DAY = 86_400
#: The entity type of a payment's problem.
_PAYMENT = "payment"
_TYPES: Mapping[str, DocumentType] = {name: name for name in DOCUMENTS}


@dataclass(frozen=True, slots=True)
class Documents:
    """Invoices and credit notes (`INVOICES`, sorted by id) with their lines (`INVOICE_LINES`, in their order) and
    payments (`INVOICE_PAYMENTS`).

    A document that could not be read is one of the problems, and nothing of it is there. `unread_payments` are the
    ids of documents that may have payments which are not there; each is one of the problems, too.
    """

    invoices: pa.Table
    invoice_lines: pa.Table
    payments: pa.Table
    unread_payments: frozenset[str]
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Answers:
    """What Holded said of records that were asked for by their ids and that it did not send.

    `gone` are ids that it does not know, `unanswered` those that it did not answer for, and `why` what kept it.
    """

    gone: frozenset[str]
    unanswered: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class DocumentAnswers:
    """Documents that were asked for by their ids, and what Holded said of those that it did not send."""

    found: Documents
    others: Answers


class HoldedClient(SourceClient):
    """A client of one Holded account.

    Every method may raise SourceUnavailableError when Holded cannot be reached, has blocked the account or
    answers with something else, and CredentialRefusedError when it refuses the key. Raises ConfigurationError
    for an unusable address or key. Holded allows 250 requests a minute; the default leaves room for requests that
    arrive late.
    """

    name = "Holded"
    counted = "sales channels"

    def __init__(
        self, url: str, api_key: str, *, requests_per_minute: int = 240, **options: Unpack[ClientOptions]
    ) -> None:
        super().__init__(Address(self.name, url, "HOLDED_URL", "check HOLDED_API_KEY."), **options)
        self._credential = HeaderKey("key", usable_key(api_key, "HOLDED_API_KEY"))
        # Holded counts all requests of an account together.
        limit = RateLimit(requests_per_minute, self._clock)
        self._source = self._connect(self._credential, limit=limit)

    def _identity(self) -> str:
        return "the holder of HOLDED_API_KEY"

    def _count_records(self) -> RecordCount:
        return RecordCount(sum(map(len, self._pages("/saleschannels", {}, SALES_CHANNEL, []))))

    def sales_channels(self) -> Reading:
        """Every sales channel (`SALES_CHANNELS`); the services are those whose account number begins with 7050."""
        return self._list("/saleschannels", SALES_CHANNEL)

    def contacts(self) -> Reading:
        """Every contact (`CONTACTS`)."""
        return self._list("/contacts", CONTACT)

    def documents(self, first: date, end: date = _NEVER) -> Documents:
        """Invoices and credit notes dated from `first` to the day before `end`, by their day in Madrid.

        Holded is asked once for the whole range, however many months are in it. Raises ValueError for a range
        without a day.
        """
        if first >= end:
            raise ValueError(f"there is no day from {first} to before {end}")
        window = range(local_midnight(first), local_midnight(end))
        readers = {document_type: _DocumentReader(entity) for document_type, entity in DOCUMENTS.items()}
        gaps: list[Problem] = []
        for document_type, reader in readers.items():
            params = {
                # Without either of the two, Holded answers with the current year.
                "starttmp": str(window.start),
                "endtmp": str(window.stop),
                # Documents that come into being meanwhile are then at the end, and move no other.
                "sort": "created-asc",
            }
            entity = DOCUMENTS[document_type]
            for page in self._pages(f"/documents/{document_type}", params, entity, gaps):
                reader.add([record for record in page if _may_be_in(window, record)])
                gaps += [_misdated(entity, record) for record in page if _is_misdated(window, record)]
        return _documents(readers.values(), gaps)

    def documents_by_id(self, wanted: Sequence[tuple[str, str]]) -> DocumentAnswers:
        """These documents (type and id), each asked for alone, whatever their dates.

        When Holded does not answer for one, the rest is not asked for: each failure takes a minute.
        """
        readers = {document_type: _DocumentReader(entity) for document_type, entity in DOCUMENTS.items()}
        records, answers = self._by_id([(f"/documents/{kind}", document_id) for kind, document_id in wanted])
        kinds = {document_id: kind for kind, document_id in wanted}
        gone = set(answers.gone)
        for document_id, record in records.items():
            # A draft without a date counts for nothing, and belongs to no month.
            if is_draft(record) and epoch_seconds(record.get("date")) is None:
                gone.add(document_id)
            else:
                readers[_TYPES[kinds[document_id]]].add([record])
        return DocumentAnswers(_documents(readers.values(), []), replace(answers, gone=frozenset(gone)))

    def contacts_by_id(self, wanted: Sequence[str]) -> tuple[Reading, Answers]:
        """These contacts, each asked for alone, as `documents_by_id` asks."""
        reader = PageReader(INTEGRATION, CONTACT)
        records, answers = self._by_id([("/contacts", contact_id) for contact_id in wanted])
        reader.add(list(records.values()))
        return reader.reading(), answers

    def _by_id(self, wanted: Sequence[tuple[str, str]]) -> tuple[dict[str, Mapping[str, Any]], Answers]:
        """The records that Holded has of these lists' paths and ids, by id, and what it said of the others."""
        found: dict[str, Mapping[str, Any]] = {}
        gone: set[str] = set()
        for place, (path, record_id) in enumerate(wanted):
            try:
                record = self._record(path, record_id)
            except SourceUnavailableError as error:
                rest = tuple(other for _, other in wanted[place:])
                return found, Answers(frozenset(gone), rest, str(error))
            if record is None:
                gone.add(record_id)
            else:
                found[record_id] = record
        return found, Answers(frozenset(gone))

    def _record(self, list_path: str, record_id: str) -> Mapping[str, Any] | None:
        """A record as Holded has it; None where it says that it has none of this id."""
        path = f"{list_path}/{quote(record_id, safe='')}"

        def parse(body: IO[bytes]) -> Mapping[str, Any] | None:
            value = read_json(body)
            if isinstance(value, Mapping) and "info" in value and "id" not in value:
                if _is_absence(str(value["info"])):
                    return None
                raise self._failure_within(self._source.url(path), value)
            if not isinstance(value, Mapping) or value.get("id") != record_id:
                raise UnreadableBodyError("a record was promised, and something else came")
            return value

        try:
            return self._ask(path, parse, {}, route=f"{list_path}/{{id}}")
        except AnswerError as error:
            is_absent = error.status == HTTPStatus.BAD_REQUEST and _is_absence(error.status_line)
            if error.status == HTTPStatus.NOT_FOUND or is_absent:
                return None
            raise

    def _list(self, path: str, entity: Entity) -> Reading:
        reader = PageReader(INTEGRATION, entity)
        gaps: list[Problem] = []
        for page in self._pages(path, {}, entity, gaps):
            reader.add(page)
        reading = reader.reading()
        return Reading(reading.frame, in_order([*reading.problems, *gaps]))

    def _pages(
        self, path: str, params: Mapping[str, str], entity: Entity, gaps: list[Problem]
    ) -> Iterator[list[Any]]:
        """The pages of a list that have records, until two that have none follow each other.

        An empty page ends the list, and no short one does: Holded leaves out records that it does not show us. An
        empty page that another follows is one that was not read; it is added to `gaps`.
        """
        number, previous = 1, None
        while True:
            page = self._get(path, {**params, "page": str(number)})
            if not page:
                number += 1
                page = self._get(path, {**params, "page": str(number)})
                if not page:
                    return
                gaps.append(_gap(path, number - 1, entity))
            if page == previous:
                raise AnswerError(
                    f"{self.name} sent page {number - 1} again as page {number} at {self._source.url(path)}, "
                    "so that the rest cannot be read: check HOLDED_URL.",
                    reason="body",
                )
            yield page
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

        return self._ask(path, parse, params)

    def _ask(
        self,
        path: str,
        parse: Callable[[IO[bytes]], T],
        params: Mapping[str, str],
        *,
        route: str | None = None,
    ) -> T:
        url = self._source.url(path)
        try:
            return self._source.get(path, parse, route=route, params=params)
        except AnswerError as error:
            if error.status == HTTPStatus.BAD_REQUEST and _is_about_the_key(error.status_line):
                raise CredentialRefusedError(
                    f"{self.name} refused us at {url} ({error.status_line}): {self._address.refusal_advice}"
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


def _is_absence(words: str) -> bool:
    return "not found" in words.casefold()


def _gap(path: str, number: int, entity: Entity) -> Problem:
    """A page that came without records, though another followed it."""
    return Problem(
        INTEGRATION,
        entity.operation or entity.plural,
        "page",
        f"{path} {number}",
        f"Holded showed nothing on page {number} of {path} and more on the next, so {entity.plural} may be missing: "
        "run the step again.",
    )


class _DocumentReader:
    """Reads documents of one kind. Nothing is wrong with a draft that cannot be read: it counts for nothing."""

    def __init__(self, entity: Entity) -> None:
        self.drafts = PageReader(INTEGRATION, entity)
        self.others = PageReader(INTEGRATION, entity)

    def add(self, records: Sequence[object]) -> None:
        """Takes the records of the next page."""
        self.drafts.add([record for record in records if is_draft(record)])
        self.others.add([record for record in records if not is_draft(record)])


def _documents(readers: Iterable[_DocumentReader], gaps: Sequence[Problem]) -> Documents:
    """What the readers of all kinds have read."""
    readers = list(readers)
    drafts = [reader.drafts.reading().frame for reader in readers]
    readings = [reader.others.reading() for reader in readers]
    table = latest_of([*drafts, *(reading.frame for reading in readings)], DOCUMENTS["invoice"])
    payments = _inner(table, PAYMENTS_COLUMN, "document_id")
    is_read = pc.is_null(payments["fault"])
    unread = payments.filter(pc.invert(is_read))
    owners = table.select(["document_type", "document_number", "id"]).take(
        pc.index_in(unread["document_id"], table["id"].combine_chunks())
    )
    problems = in_order(
        [
            *gaps,
            *(problem for reading in readings for problem in reading.problems),
            *map(_unread_payment, owners.to_pylist(), unread.to_pylist()),
        ]
    )
    return Documents(
        table.select(INVOICES.names).cast(INVOICES),
        without_nul(_inner(table, LINES_COLUMN, "invoice_id").cast(INVOICE_LINES)),
        _payments_of(table, payments.filter(is_read)),
        frozenset(str(document_id) for document_id in owners["id"].to_pylist()),
        problems,
    )


def _may_be_in(window: range, record: object) -> bool:
    """Whether a record's own date lies in the window, or cannot be read, which is for the wire model to say.

    Holded's window is wider than asked for: it takes in the day on which it ends.
    """
    seconds = epoch_seconds(record.get("date")) if isinstance(record, Mapping) else None
    return seconds is None or seconds in window


def _is_misdated(window: range, record: object) -> bool:
    """Whether a document is dated nowhere near the window that Holded showed it in; a draft counts for nothing."""
    if not isinstance(record, Mapping) or is_draft(record):
        return False
    seconds = epoch_seconds(record.get("date"))
    return seconds is not None and not window.start - _DAY <= seconds < window.stop + 2 * _DAY


def _misdated(entity: Entity, record: Mapping[str, Any]) -> Problem:
    """A document that Holded showed among those of some months, and that says a day of its own in others."""
    name, label = entity.describe(record, None)
    day = local_date(epoch_seconds(record.get("date")) or 0)
    amount = amount_of(record)
    over = f" over {amount}" if amount else ""
    return problem(
        INTEGRATION,
        entity,
        name or label,
        f"{label}{over} is dated {day} and was shown among documents of other months, so that it is in none of "
        "them: correct its date in Holded.",
        {"record": record},
    )


def _inner(documents: pa.Table, name: str, owner: str) -> pa.Table:
    """The records within all documents' rows, in the documents' order, each with its document's id as `owner`."""
    lists = documents[name].combine_chunks()
    records = pc.list_flatten(lists)
    names = [field.name for field in documents.schema.field(name).type.value_type]
    owners = documents["id"].combine_chunks().take(pc.list_parent_indices(lists))
    return pa.table([owners, *(pc.struct_field(records, one) for one in names)], names=[owner, *names])


def _payments_of(documents: pa.Table, payments: pa.Table) -> pa.Table:
    """Payments that could be read, each with what their frame has of the document."""
    rows = pc.index_in(payments["document_id"], documents["id"].combine_chunks())
    for name in ("document_type", "document_number", "contact_id", "contact_name", "currency"):
        payments = payments.append_column(name, documents[name].take(rows))
    return without_nul(payments.select(INVOICE_PAYMENTS.names).cast(INVOICE_PAYMENTS)).combine_chunks()


def _unread_payment(document: Mapping[str, Any], row: Mapping[str, Any]) -> Problem:
    """A payment that could not be read, or payments that are not what their document says was paid."""
    entity = DOCUMENTS[_TYPES[document["document_type"]]]
    _, label = entity.describe(document, None)
    found = problem(
        INTEGRATION, entity, row["id"], f"{label} {row['fault']}.", {"document": row["document_id"]}
    )
    # A sum alone has no day to be booked on: it is named, and holds up no month.
    is_sum = row["id"] == total_id(row["document_id"])
    return replace(found, entity_type=_PAYMENT, is_blocking=not is_sum)
