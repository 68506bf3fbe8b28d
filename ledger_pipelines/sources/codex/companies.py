"""Codex's company endpoints, read in bulk or one by one (wire/codex.md, Endpoints).

Here: from the answers of these endpoints to frames and problems. Both ways give the same. Not here: which of
the two is taken, which is `codex`'s choice.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.sources.codex.entries import PlainEntries, entry_reader
from ledger_pipelines.sources.codex.models import ENTITIES, account_of
from ledger_pipelines.sources.http.bodies import (
    UnreadableBodyError,
    iterate_list,
    raw_objects,
    read_json,
    read_list,
)
from ledger_pipelines.sources.http.exchange import Bounds, HttpSource
from ledger_pipelines.sources.http.failures import AnswerError
from ledger_pipelines.sources.http.limits import run_concurrently
from ledger_pipelines.sources.records.frames import RecordReader, latest_of

INTEGRATION = "codex"
_PARTS = ("assets", "contacts", "tickets")
#: When this many companies were asked for a part and none had it, the server does not have it at all.
_HOPELESS = 25
#: Bytes of a bulk answer that are read as columns at a time.
_AT_ONCE = 8 << 20


@dataclass(frozen=True, slots=True)
class MissedPart:
    """A part (`assets`, `contacts`, `tickets`) of a company that could not be read; of tickets, those of a year."""

    part: str
    account: str
    year: int | None = None


@dataclass(frozen=True, slots=True)
class CompanyReading:
    """Frames by entity, with what could not be read, and the entities of which every part was.

    `accounts` are the companies that Codex showed, `missed` the parts of them that it did not.
    """

    frames: dict[str, pa.Table]
    problems: list[Problem]
    complete: frozenset[str]
    accounts: frozenset[str]
    missed: frozenset[MissedPart]


class _Reading:
    """Collects companies and their parts, with the tickets of one year."""

    def __init__(self, entities: frozenset[str], year: int | None) -> None:
        self._entities = entities
        self._year = year
        self._accounts: set[str] = set()
        # Companies are always read: one without a number is a problem even where only its parts are wanted.
        self._readers = {
            name: RecordReader(INTEGRATION, ENTITIES[name])
            for name in ("companies", *_PARTS)
            if name in entities
        }
        self._nameless = RecordReader(INTEGRATION, ENTITIES["companies"])
        self._missed: dict[tuple[str, str], Problem] = {}
        self._incomplete: set[str] = set()

    def add_company(self, company: object) -> str | None:
        """A company as it came; gives its account number, None where it has none."""
        account = account_of(company)
        if account is None:
            self._incomplete |= set(_PARTS)
            self._nameless.add([company])
            return None
        self._accounts.add(account)
        if "companies" in self._readers:
            self._readers["companies"].add([company])
        return account

    def add_entry(self, entry: object) -> None:
        """A company with its parts as the bulk endpoint sends them."""
        fields = entry if isinstance(entry, Mapping) else {}
        account = self.add_company(fields.get("company"))
        if account is not None:
            for part in _PARTS:
                if part in self._entities:
                    self.add_part(account, part, fields.get(part))

    def add_columns(self, plain: PlainEntries) -> None:
        """Companies with their parts that were read as columns."""
        self._accounts.update(plain.accounts)
        for name, batch in plain.frames.items():
            self._readers[name].add_columns(batch)

    def add_part(self, account: str, part: str, records: object) -> None:
        """One part of a company as it came."""
        if isinstance(records, list):
            self._readers[part].add(records, account)
        else:
            what = "nothing" if records is None else f"no list but {type(records).__name__}"
            self.miss_part(account, part, f"Codex sent {what} as the {part} of company {account}.")

    def miss_part(self, account: str, part: str, message: str) -> None:
        """One part of a company could not be read."""
        self._incomplete.add(part)
        details = {"account_number": account}
        self._missed[part, account] = Problem(INTEGRATION, part, "company", account, message, details)

    def finish(self) -> CompanyReading:
        """Everything that was added, in an order that does not depend on the answers'."""
        frames = {name: reader.frame() for name, reader in self._readers.items()}
        self._nameless.frame()
        found = [
            problem for reader in (*self._readers.values(), self._nameless) for problem in reader.problems
        ]
        missed = (
            MissedPart(part, account, self._year if part == "tickets" else None)
            for part, account in self._missed
        )
        return CompanyReading(
            frames,
            [*found, *self._missed.values()],
            frozenset(self._entities - self._incomplete),
            frozenset(self._accounts),
            frozenset(missed),
        )


def read_bulk(
    source: HttpSource, entities: frozenset[str], years: Sequence[int] | None, *, bounds: Bounds
) -> CompanyReading:
    """The companies by the bulk endpoint, one call for each year of tickets (one call where none are wanted, or all:
    `years` None).

    Tickets of further years come by further bulk calls, not by company: skipping over the repeated assets
    and contacts is faster than asking 400 companies a minute. The years are asked in their order, so that a
    ticket that is updated meanwhile may come twice but cannot be missed. Raises as HttpSource.get does.
    """
    asked = _years_asked(entities, years)
    readings = []
    for position, year in enumerate(asked):
        wanted = entities if position == 0 else frozenset({"tickets"})
        params = {"include_tickets": "true"} if "tickets" in wanted else {}
        params |= {} if year is None else {"year": str(year)}
        parse = partial(read_entries, wanted, year)
        readings.append(source.get("/api/companies/bulk", parse, params=params, bounds=bounds))
    return _joined(readings, years)


def read_entries(entities: frozenset[str], year: int | None, body: IO[bytes]) -> CompanyReading:
    """The entries of a bulk answer, with the tickets of a year. Raises UnreadableBodyError."""
    try:
        return _read_columns(entities, year, body)
    except UnreadableBodyError:
        # Also for a good body that was divided wrongly.
        body.seek(0)
        return read_entries_singly(entities, year, body)


def read_entries_singly(entities: frozenset[str], year: int | None, body: IO[bytes]) -> CompanyReading:
    """The same, one entry at a time and each of its records for itself."""
    reading = _Reading(entities, year)
    for entry in iterate_list(body):
        reading.add_entry(entry)
    return reading.finish()


def _read_columns(entities: frozenset[str], year: int | None, body: IO[bytes]) -> CompanyReading:
    """The same, hundreds of entries at a time where they are plainly well-formed. Raises UnreadableBodyError."""
    reading = _Reading(entities, year)
    reader = entry_reader(entities)
    for items in raw_objects(body, _AT_ONCE):
        for plain, others in reader.read(items):
            reading.add_columns(plain)
            for item in others:
                reading.add_entry(read_json(io.BytesIO(item)))
    return reading.finish()


def _years_asked(entities: frozenset[str], years: Sequence[int] | None) -> Sequence[int | None]:
    return [None] if years is None or "tickets" not in entities else sorted(years)


def read_each(
    source: HttpSource, entities: frozenset[str], years: Sequence[int] | None, *, workers: int
) -> CompanyReading:
    """The companies by the list of them and, for each, one call for each part (for tickets, and year) wanted.

    `workers` calls run at a time. A part that Codex cannot send for one company is a problem, and its entity
    is not complete. Raises as HttpSource.get does where Codex is unreachable, refuses us, or sends a part for
    no company at all.
    """
    first, *further = _years_asked(entities, years)
    readings = {first: _Reading(entities, first)} | {
        year: _Reading(frozenset({"tickets"}), year) for year in further
    }
    accounts = {readings[first].add_company(company) for company in source.get("/api/companies", read_list)}
    calls = [
        _PartCall(source, account, part, year)
        for account in sorted(account for account in accounts if account is not None)
        for part in _PARTS
        if part in entities
        for year in (_years_asked(entities, years) if part == "tickets" else [first])
    ]
    read: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for call, answer in zip(calls, run_concurrently(calls, workers), strict=True):
        if isinstance(answer, AnswerError):
            failed[call.part] += 1
            if failed[call.part] == _HOPELESS and not read[call.part]:
                raise answer
            readings[call.year].miss_part(call.account, call.part, call.message(answer))
        else:
            read[call.part] += 1
            readings[call.year].add_part(call.account, call.part, answer)
    return _joined([reading.finish() for reading in readings.values()], years)


@dataclass(frozen=True, slots=True)
class _PartCall:
    """One part of one company, to be asked for; `year` is the reading it belongs to."""

    source: HttpSource
    account: str
    part: str
    year: int | None

    def __call__(self) -> list[Any] | AnswerError:
        """The records, or the failure of this part alone."""
        path = f"/api/companies/{quote(self.account, safe='')}/{self.part}"
        params = {"year": str(self.year)} if self.part == "tickets" and self.year is not None else None
        route = f"/api/companies/{{account}}/{self.part}"
        try:
            return self.source.get(path, read_list, route=route, params=params)
        except AnswerError as error:
            return error

    def message(self, error: AnswerError) -> str:
        return f"The {self.part} of company {self.account} could not be read: {error}"


def _joined(readings: Sequence[CompanyReading], years: Sequence[int] | None) -> CompanyReading:
    """The first reading, with the tickets of all; only those of these years, if any, by their last update in UTC."""
    frames = dict(readings[0].frames)
    if "tickets" in frames and years is not None:
        tickets = latest_of([reading.frames["tickets"] for reading in readings], ENTITIES["tickets"])
        in_years = pc.is_in(pc.year(tickets["last_updated_at"]), pa.array(sorted(years), pa.int64()))
        frames["tickets"] = tickets if pc.all(in_years, min_count=0).as_py() else tickets.filter(in_years)
    problems = {
        (problem.operation, problem.external_id, problem.message): problem
        for reading in readings
        for problem in reading.problems
    }
    complete = readings[0].complete.intersection(
        *(reading.complete | (readings[0].complete - {"tickets"}) for reading in readings[1:])
    )
    missed = frozenset[MissedPart]().union(*(reading.missed for reading in readings))
    return CompanyReading(frames, list(problems.values()), complete, readings[0].accounts, missed)
