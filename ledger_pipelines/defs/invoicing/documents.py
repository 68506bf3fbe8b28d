"""Writing the months' documents, their lines, and what they change in the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from ledger_pipelines.defs.invoicing.writing import Changes
from ledger_pipelines.defs.steps import Step
from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.contracts import contract_movements, documents_without_client
from ledger_pipelines.invoicing.documents import Documents, dated, month_documents, newest
from ledger_pipelines.sources.holded import Documents as HoldedDocuments
from ledger_pipelines.store.frames import read_months
from ledger_pipelines.store.history import record_read


@dataclass(frozen=True, slots=True)
class Written:
    """The frames as they were written (or, in closed months, compared), the changes, and what is wrong in them."""

    frames: dict[str, pa.Table]
    changes: dict[str, Changes]
    problems: list[Problem]


def write_documents(step: Step, found: HoldedDocuments, services: pa.Table) -> Written:
    """Replaces the months' invoices, lines and contracts, all or nothing; the first open month takes late news."""
    known = newest(_read(step, sorted(step.closed)))
    documents = month_documents(
        dated(found.invoices, found.invoice_lines),
        _read(step, step.open(step.months)),
        known,
        months=step.months,
        closed=step.closed,
        unreadable={problem.external_id for problem in found.problems},
    )
    current = documents.of_months(step.open(step.months))
    as_closed = documents.of_months([month for month in step.months if month in step.closed])
    nothing = Documents(known.headers.slice(0, 0), known.lines.slice(0, 0))
    contracts = pa.concat_tables(
        [
            contract_movements(current, known.of(current.ids), services),
            contract_movements(as_closed, nothing, services),
        ]
    )
    frames = {"invoices": documents.headers, "invoice_lines": documents.lines, "contracts": contracts}
    changes: dict[str, Changes] = dict(step.write(frames, step.months))
    record_read(
        step.connection, "invoices", step.months, read_at=datetime.now(UTC), is_complete=not found.problems
    )
    return Written(frames, changes, documents_without_client(current, services))


def _read(step: Step, months: Sequence[date]) -> Documents:
    headers, lines = (read_months(step.connection, table, months) for table in ("invoices", "invoice_lines"))
    return Documents(headers, lines)
