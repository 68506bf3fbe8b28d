"""Reading and writing the months' documents, their lines, and what they change in the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from ledger_pipelines.closing.restatement import rows_with
from ledger_pipelines.columns import column
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import is_among, to_pandas, values_of
from ledger_pipelines.invoicing.contracts import contract_movements, split_by_document
from ledger_pipelines.invoicing.documents import (
    Documents,
    dated,
    missing_documents,
    month_documents,
    newest,
    own_and_news,
)
from ledger_pipelines.invoicing.unclaimed import contradictory, unclaimed, unclaimed_problems, unexplained
from ledger_pipelines.months import describe_months
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful, shrunken_list
from ledger_pipelines.sources.holded.client import Documents as HoldedDocuments
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.history import record_read
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.queries.invoices import known_documents
from ledger_pipelines.workflows.step import Changes, Step

#: Documents that seem gone and are asked for one by one in a run; Holded takes 250 requests a minute.
MOST_QUESTIONS = 100
_INTEGRATION, _OPERATION = "holded", "invoices"


@dataclass(frozen=True, slots=True)
class Held:
    """What the books hold: all documents of closed months, of each the newest, and those of the step's open months."""

    closed: Documents
    known: Documents
    stored: Documents


@dataclass(frozen=True, slots=True)
class Fetched:
    """The months' documents as Holded has them, and the ids of those that stay as they were read last.

    `answers` are all that Holded showed of them, in its lists and one by one, and `gone` the ids that it has no more.
    """

    documents: Documents
    retained: frozenset[str]
    problems: list[Problem]
    answers: list[HoldedDocuments]
    gone: frozenset[str]


@dataclass(slots=True)
class _Absent:
    """The result of asking for documents that Holded's lists did not show."""

    retained: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    answers: list[HoldedDocuments] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """The frames as they were written (or, in closed months, compared), the changes, and what is wrong in them.

    `unclaimed` is money that no contract claims (UNCLAIMED), `unexplained` documents whose lines come to something else
    without their saying why.
    """

    frames: dict[str, pa.Table]
    changes: dict[str, Changes]
    problems: list[Problem]
    unclaimed: pa.Table
    unexplained: pa.Table


def held_documents(step: Step) -> Held:
    """What the books hold before the step writes."""
    closed = _read(step, sorted(step.closed))
    return Held(closed, newest(closed), _read(step, step.open(step.months)))


def fetched_documents(step: Step, client: HoldedClient, found: HoldedDocuments, held: Held) -> Fetched:
    """What Holded showed of the step's months, and what it says of documents that it did not show.

    A document that seems gone is asked for by its id, and stays as it was read last unless Holded says that it has it
    no more. Many at once are not asked for: the list is doubted (`shrinkage`).
    """
    documents = dated(found.invoices, found.invoice_lines)
    blocking = {problem.external_id for problem in found.problems if problem.is_blocking}
    # One that is in the frame in spite of its problem was read.
    unreadable = blocking - set(documents.ids.to_pylist())
    missing, before = missing_documents(
        documents, held.stored, held.known, months=step.months, unreadable=unreadable
    )
    absent = _Absent()
    if missing.num_rows:
        documents += _asked_for(step, client, missing, before, absent) or documents.of_months([])
    listed: list[Any] = missing["id"].to_pylist()
    gone = set(listed).difference(absent.retained, documents.ids.to_pylist())
    return Fetched(
        documents,
        frozenset(unreadable | absent.retained),
        found.problems + absent.problems,
        [found, *absent.answers],
        frozenset(gone),
    )


def _asked_for(
    step: Step, client: HoldedClient, missing: pa.Table, before: int, absent: _Absent
) -> Documents | None:
    """Those of the missing documents that Holded has all the same, dated in the step's months."""
    documents = f"documents of {describe_months(step.months)}"
    rows: list[dict[str, Any]] = missing.to_pylist()
    count = len(rows)
    doubted = shrunken_list(_INTEGRATION, _OPERATION, "Holded", documents, before=before, now=before - count)
    if is_doubtful(before, before - count) and count > MOST_QUESTIONS:
        if not take_confirmation(step.connection, doubted):
            absent.retained |= {row["id"] for row in rows}
            absent.problems.append(doubted)
        return None
    asked, later = rows[:MOST_QUESTIONS], rows[MOST_QUESTIONS:]
    answers = client.documents_by_id([(row["document_type"], row["id"]) for row in asked])
    absent.answers.append(answers.found)
    gone = answers.others.gone
    left = before - len(gone)
    if (
        before >= SHORTEST_DOUBTED
        and is_doubtful(before, left)
        and not take_confirmation(step.connection, doubted)
    ):
        absent.retained |= gone
        absent.problems.append(doubted)
    by_id = {row["id"]: row for row in rows}
    for document_id in answers.others.unanswered:
        absent.problems.append(
            _retained_document(by_id[document_id], f"could not be asked for ({answers.others.why})")
        )
    absent.problems += [
        _retained_document(row, f"was not asked for among {count:,}: run it again") for row in later
    ]
    absent.problems += answers.found.problems
    absent.retained |= {*answers.others.unanswered, *(row["id"] for row in later)}
    absent.retained |= {problem.external_id for problem in answers.found.problems if problem.is_blocking}
    return _in_their_months(step, dated(answers.found.invoices, answers.found.invoice_lines), by_id, absent)


def _in_their_months(
    step: Step, there: Documents, by_id: dict[str, dict[str, Any]], absent: _Absent
) -> Documents:
    """Documents that Holded has and did not show: those dated in the step's months; the others become problems."""
    inside = there.of_months(step.months)
    outside = there.without(inside.ids)
    for row in outside.headers.to_pylist():
        absent.retained.add(row["id"])
        month = f"{row['month']:%Y-%m}"
        absent.problems.append(
            _retained_document(
                by_id[row["id"]],
                f"is dated {row['date']} there now: read {month} again together with its old month",
            )
        )
    if inside.headers.num_rows:
        named = ", ".join(row["document_number"] or row["id"] for row in inside.headers.to_pylist())
        absent.problems.append(
            Problem(
                _INTEGRATION,
                _OPERATION,
                "list",
                f"documents left out of {describe_months(step.months)}",
                f"Holded's lists did not show {named}, and it has them: they were asked for by their ids, and count.",
                is_blocking=False,
            )
        )
    return inside


def _retained_document(row: dict[str, Any], what: str) -> Problem:
    """A document that stays as it was read last, with its number and amount."""
    number = row["document_number"] or row["id"]
    return Problem(
        _INTEGRATION,
        _OPERATION,
        row["document_type"],
        row["id"],
        f"{number} of {row['date']} over {row['total']} {row['currency']} is not in Holded's list and {what}; it is "
        "kept as it was read last.",
    )


def write_documents(
    step: Step, fetched: Fetched, held: Held, services: pa.Table, *, channels: pa.Table, payments: pa.Table
) -> Written:
    """Replaces the months' invoices, lines, payments and contracts, all or nothing; the first open month takes late
    news.

    `channels` are all sales channels, of which `services` are some; `payments` are those of the months.
    """
    impossible = contradictory(fetched.documents, services)
    documents = month_documents(
        fetched.documents,
        held.stored,
        held.known,
        months=step.months,
        closed=step.closed,
        unreadable=fetched.retained | {problem.external_id for problem in impossible},
    )
    current = documents.of_months(step.open(step.months))
    as_closed = documents.of_months([month for month in step.months if month in step.closed])
    booked = split_by_document(
        read_months(step.connection, "contracts", sorted(step.closed)), held.closed, services
    )
    contracts = pa.concat_tables(
        [contract_movements(current, booked, services), *_as_closed(as_closed, booked, services)]
    )
    frames = {
        "invoices": documents.headers,
        "invoice_lines": documents.lines,
        "invoice_payments": payments,
        "contracts": contracts,
    }
    changes: dict[str, Changes] = dict(step.write(frames, step.months))
    sources = column(documents.headers, "source_document_id")
    loose = unclaimed(
        documents,
        services,
        channels=pa.concat_arrays([column(channels, "id"), column(channels, "account_number")]),
        invoice_ids=known_documents(step.connection, sources),
    )
    of_current = rows_with(loose, "month", pa.array(step.open(step.months), pa.date32()))
    problems = [*impossible, *unclaimed_problems(of_current)]
    record_read(
        step.connection,
        "invoices",
        step.months,
        read_at=datetime.now(UTC),
        is_complete=not any(problem.is_blocking for problem in fetched.problems),
    )
    return Written(frames, changes, problems, loose, unexplained(documents, services))


def _as_closed(documents: Documents, booked: pa.Table, services: pa.Table) -> list[pa.Table]:
    """What closed months would book today: of their own documents, and of the news that they took."""
    own, news = own_and_news(documents)
    keys = ["month", "document_id"]
    taken = news.heads.rename(columns={"id": "document_id"})
    earlier = booked.filter(values_of(~is_among(to_pandas(booked.select(keys)), taken, keys)))
    return [
        contract_movements(own, booked.slice(0, 0), services),
        contract_movements(news, earlier, services),
    ]


def _read(step: Step, months: Sequence[date]) -> Documents:
    headers, lines = (read_months(step.connection, table, months) for table in ("invoices", "invoice_lines"))
    return Documents(headers, lines)
