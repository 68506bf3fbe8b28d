"""Reading the payments of the months, whatever the months of their documents.

Holded shows payments only within their documents, lists documents by their own dates, and never says what changed. A
payment of any day may be of any document: of an old one that is paid at last, or paid twice, and of one that is dated
later. So all documents of the ledger's months are read, and those to come; then a month has the same payments whenever
and with whichever others it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pyarrow as pa

from ledger_pipelines.closing.restatement import newest, rows_with, rows_without
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.documents import dated
from ledger_pipelines.invoicing.payments import (
    PaymentReading,
    describe_payment,
    live_payments,
    month_payments,
    unclaimed_payment_problems,
    unclaimed_payments,
)
from ledger_pipelines.months import add_months
from ledger_pipelines.shrinkage import SHORTEST_DOUBTED, is_doubtful, shrunken_list
from ledger_pipelines.sources.holded.client import Documents, HoldedClient
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.workflows.imports.documents import MOST_QUESTIONS, Fetched
from ledger_pipelines.workflows.step import Step

_INTEGRATION, _OPERATION = "holded", "payments"


@dataclass(frozen=True, slots=True)
class FetchedPayments:
    """The payments of the months as they are to be kept, and what is wrong with them.

    `unclaimed` are those of documents that do not count (`invoicing.payments`), and `unclaimed_problems` those of them
    in open months; `problems` are of other months' documents that could not be read.
    """

    frame: pa.Table
    unclaimed: pa.Table
    unclaimed_problems: list[Problem]
    problems: list[Problem]


def fetched_payments(step: Step, client: HoldedClient, fetched: Fetched) -> FetchedPayments:
    """Reads the other documents that may have payments in the step's months, and puts all of them together.

    A document that was paid, as far as is known, and that Holded does not show is asked for by its id: what was paid of
    it is gone only if Holded says that it has it no more.
    """
    first = read_first_month(step.connection)
    booked = read_months(step.connection, "invoice_payments", sorted(step.closed))
    stored = read_months(step.connection, "invoice_payments", step.open(step.months))
    beside = _others(step, client, first)
    problems = [problem for answer in beside for problem in answer.problems if problem.is_blocking]
    unreadable = {problem.external_id for problem in problems}
    answers = [*fetched.answers, *beside]
    answered = unreadable.union(fetched.retained, fetched.gone, *map(_ids, answers))
    known = live_payments(pa.concat_tables([newest(booked, ["id"]), stored]))
    missing = rows_without(known, "document_id", _texts(answered))
    gone: frozenset[str] = frozenset()
    if missing.num_rows:
        found, gone, lost = _asked_for(step, client, missing, before=len(known["document_id"].unique()))
        answers += found
        problems += lost
    reading = _together(answers, fetched.gone | gone)
    frame = month_payments(
        reading,
        pa.concat_tables([booked, stored]),
        months=step.months,
        closed=step.closed,
        first_month=first,
    )
    headers = pa.concat_tables([dated(one.invoices, one.invoice_lines).headers for one in answers])
    unclaimed = unclaimed_payments(frame, headers)
    of_open = rows_with(unclaimed, "month", pa.array(step.open(step.months), pa.date32()))
    problems = [replace(problem, operation=_OPERATION) for problem in problems]
    return FetchedPayments(frame, unclaimed, unclaimed_payment_problems(of_open), problems)


def _others(step: Step, client: HoldedClient, first: date) -> list[Documents]:
    """The documents of other months than the step's: of those before it in the ledger, and of all after it."""
    begin, end = step.months[0], add_months(step.months[-1], 1)
    after = client.documents(end)
    return [client.documents(first, begin), after] if first < begin else [after]


def _together(answers: Iterable[Documents], gone: frozenset[str]) -> PaymentReading:
    """All payments that Holded showed, of each document once, and the documents that it says all of."""
    payments, judged, seen = [], set(gone), set[str]()
    for answer in answers:
        ids = _ids(answer)
        payments.append(rows_without(answer.payments, "document_id", _texts(seen)))
        judged |= ids - seen - answer.unread_payments
        seen |= ids
    return PaymentReading(pa.concat_tables(payments), frozenset(judged))


def _asked_for(
    step: Step, client: HoldedClient, missing: pa.Table, *, before: int
) -> tuple[list[Documents], frozenset[str], list[Problem]]:
    """Documents of payments that were read before, which no list shows: those that Holded has, the ids of those that it
    has no more, and the problems. `before` is how many documents had payments.
    """
    rows: list[dict[str, Any]] = missing.to_pylist()
    kinds: dict[str, str] = {row["document_id"]: row["document_type"] for row in rows}

    def doubted(now: int) -> Problem:
        return shrunken_list(_INTEGRATION, _OPERATION, "Holded", "paid documents", before=before, now=now)

    if is_doubtful(before, before - len(kinds)) and len(kinds) > MOST_QUESTIONS:
        problem = doubted(before - len(kinds))
        is_confirmed = take_confirmation(step.connection, problem)
        return [], frozenset(kinds if is_confirmed else ()), [] if is_confirmed else [problem]
    asked = sorted(kinds)[:MOST_QUESTIONS]
    answers = client.documents_by_id([(kinds[document_id], document_id) for document_id in asked])
    gone, problems = answers.others.gone, list(answers.found.problems)
    left = before - len(gone)
    if before >= SHORTEST_DOUBTED and is_doubtful(before, left):
        problem = doubted(left)
        if not take_confirmation(step.connection, problem):
            gone = frozenset()
            problems.append(problem)
    waiting = dict.fromkeys(sorted(kinds)[MOST_QUESTIONS:], "was not asked for: run it again")
    waiting |= dict.fromkeys(answers.others.unanswered, f"could not be asked for ({answers.others.why})")
    for row in rows:
        if row["document_id"] in waiting:
            why = waiting[row["document_id"]]
            message = f"{describe_payment(row)} is kept: the document is not in Holded's list and {why}."
            problems.append(Problem(_INTEGRATION, _OPERATION, "payment", row["id"], message))
    return [answers.found], gone, problems


def _ids(answer: Documents) -> set[str]:
    ids: list[Any] = answer.invoices["id"].to_pylist()
    return set(ids)


def _texts(values: Iterable[str]) -> pa.Array[Any]:
    return pa.array(sorted(values), pa.string())
