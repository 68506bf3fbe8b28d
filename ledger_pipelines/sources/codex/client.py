"""HiveMatrix Codex: companies with their devices, people and tickets, and billing plans (wire/codex.md).

Here: what is asked of Codex, and in which order. Not here: how its records look (`models`), nor how its company
endpoints are read one way or the other (`companies`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import IO, Any, Unpack

import pyarrow as pa

from ledger_pipelines.errors import ConfigurationError, Problem
from ledger_pipelines.sources.base import ClientOptions, RecordCount, SourceClient
from ledger_pipelines.sources.codex.companies import (
    INTEGRATION,
    CompanyReading,
    MissedPart,
    read_bulk,
    read_each,
)
from ledger_pipelines.sources.codex.core import FixedKey, ServiceTokens
from ledger_pipelines.sources.codex.models import ENTITIES, SCHEMAS
from ledger_pipelines.sources.http.bodies import UnreadableBodyError, read_json, read_list
from ledger_pipelines.sources.http.credentials import usable_key
from ledger_pipelines.sources.http.exchange import Bounds
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.http.retries import RetryPolicy
from ledger_pipelines.sources.records.frames import RecordReader

#: Of the companies' endpoints, the ones that `read_bulk` and `read_each` are for.
_OF_COMPANIES = frozenset({"assets", "contacts", "tickets"})
_WORKERS = 8
#: Codex writes the whole bulk answer before it sends the first byte: it may be silent for this many timeouts, and
#: then send for as long again.
_BULK_PATIENCE = 4
#: Bytes of a bulk answer, which is read company by company: a hundred thousand companies have over three gigabytes.
_LARGEST_BULK = 8 << 30
#: A bulk answer that fails at all nearly always has a broken record in it (wire/codex.md, Habits).
_BULK_ATTEMPTS = {int(HTTPStatus.INTERNAL_SERVER_ERROR): 2}
#: Codex allows 10,000 requests an hour on each route; the rest is left for requests that arrive late.
_REQUESTS_PER_HOUR = 9_500


@dataclass(frozen=True, slots=True)
class CodexSnapshot:
    """What Codex showed: frames of `SCHEMAS`, empty where they were not asked for, each sorted by its key.

    `complete` are the entities of which every part was read: what is not in their frames, nor named by a
    problem, is not in Codex. Tickets are complete for the years that were asked for. `accounts` are the companies
    that Codex showed where it was asked for any, `missed` the parts of them that could not be read.
    """

    companies: pa.Table
    assets: pa.Table
    contacts: pa.Table
    tickets: pa.Table
    plans: pa.Table
    problems: list[Problem]
    complete: frozenset[str]
    accounts: frozenset[str] = frozenset()
    missed: frozenset[MissedPart] = frozenset()


class CodexClient(SourceClient):
    """A client of one Codex.

    Raises ConfigurationError for an unusable address, or when there is neither `core_url` nor `api_key`;
    where both are given, Core's tokens are used. The bulk endpoint gets four times the `timeout`.
    """

    name = "Codex"
    counted = "companies"

    def __init__(
        self,
        core_url: str | None,
        codex_url: str,
        *,
        api_key: str | None = None,
        ca_file: str | None = None,
        requests_per_minute: int = 400,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._credential: ServiceTokens | FixedKey
        if core_url:
            self._credential = ServiceTokens(core_url, ca_file=ca_file, ca_setting="CODEX_CA_FILE", **options)
            advice = (
                "either it does not accept this Core's tokens, "
                "or Core is down and Codex has not read its keys yet; "
                "check CORE_URL and CODEX_URL, and that Core is running."
            )
        elif api_key:
            self._credential = FixedKey(usable_key(api_key, "CODEX_API_KEY"))
            advice = (
                "either the api_key is wrong, or Core is down and Codex has not read its keys yet; "
                "check the api_key, and that Core is running."
            )
        else:
            raise ConfigurationError("Set CORE_URL, or give an api_key: Codex wants to know who we are.")
        super().__init__(
            Address(self.name, codex_url, "CODEX_URL", advice, ca_file, "CODEX_CA_FILE"), **options
        )
        self._source = self._connect(
            self._credential,
            connections=_WORKERS,
            requests_per_minute=requests_per_minute,
            requests_per_hour=_REQUESTS_PER_HOUR,
        )
        self._open.append(self._credential)
        self._bulk = Bounds(
            silence=_BULK_PATIENCE * self._timeout,
            whole=2 * _BULK_PATIENCE * self._timeout,
            largest=_LARGEST_BULK,
            retries=replace(self._retries or RetryPolicy(), attempts_at=_BULK_ATTEMPTS),
        )

    def _proven_identity(self) -> str:
        return self._credential.identity()

    def _identity(self) -> str:
        return self._credential.identity()

    def _count_records(self) -> RecordCount:
        return RecordCount(len(self._source.get("/api/companies", read_list)))

    def fetch(self, entities: frozenset[str], ticket_years: Sequence[int] | None = ()) -> CodexSnapshot:
        """What Codex shows of these entities (`companies`, `assets`, `contacts`, `tickets`, `plans`).

        Tickets are those last updated in one of `ticket_years` (UTC); with None, all that there are, which is the
        only way to learn of those without a date. A record that cannot be read is one of
        the snapshot's problems, and the rest is there. Raises SourceUnavailableError when Codex or Core
        cannot be reached or answers with something else, CredentialRefusedError when one of them refuses us,
        and ValueError for another entity or tickets of no year.
        """
        if unknown := entities - set(ENTITIES):
            raise ValueError(f"Codex has no {', '.join(sorted(unknown))}")
        if "tickets" in entities and ticket_years is not None and not ticket_years:
            raise ValueError("tickets are asked for by year, and no year was given")
        frames = {name: schema.empty_table() for name, schema in SCHEMAS.items()}
        problems: list[Problem] = []
        complete: set[str] = set()
        accounts: frozenset[str] = frozenset()
        missed: frozenset[MissedPart] = frozenset()
        if entities - {"plans"}:
            years = None if ticket_years is None else sorted(set(ticket_years))
            reading = self._read_companies(entities - {"plans"}, years)
            frames |= reading.frames
            problems += reading.problems
            complete |= reading.complete
            accounts, missed = reading.accounts, reading.missed
        if "plans" in entities:
            reader = RecordReader(INTEGRATION, ENTITIES["plans"])
            reader.add(self._source.get("/billing-plans/api/plans", _plans_of))
            frames["plans"] = reader.frame()
            problems += reader.problems
            complete.add("plans")
        problems.sort(key=lambda problem: (problem.operation, problem.external_id, problem.message))
        return CodexSnapshot(
            **frames, problems=problems, complete=frozenset(complete), accounts=accounts, missed=missed
        )

    def _read_companies(self, entities: frozenset[str], years: list[int] | None) -> CompanyReading:
        if not entities & _OF_COMPANIES:
            return read_each(self._source, entities, years, workers=_WORKERS)
        try:
            return read_bulk(self._source, entities, years, bounds=self._bulk)
        except AnswerError as error:
            # Old servers have no bulk endpoint, and one broken record anywhere makes it fail as a whole.
            # A web page or a redirect is another matter: that is not Codex.
            if error.reason in {"content type", "redirect"}:
                raise
            return read_each(self._source, entities, years, workers=_WORKERS)


def _plans_of(body: IO[bytes]) -> list[Any]:
    answer = read_json(body)
    plans = answer.get("plans") if isinstance(answer, Mapping) else None
    if not isinstance(plans, list):
        raise UnreadableBodyError("there are no plans in the answer")
    return plans
