"""Importing electronic invoices (`ledger import ehf`): each file is taken whole or refused whole, and the rest goes on
(rules/general_ledger.md, E-invoices).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from ledger_pipelines.en16931 import Document
from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.einvoices.checks import failures_of
from ledger_pipelines.general_ledger.einvoices.notices import notices_of
from ledger_pipelines.general_ledger.einvoices.rows import (
    SOURCE_SYSTEM,
    File,
    Placed,
    content_of,
    party_of,
    posting_date_of,
    purchase_accounts,
    registered_number_of,
    rows_of,
    source_id_of,
)
from ledger_pipelines.general_ledger.einvoices.taken import (
    PURCHASE,
    numbers_of,
    refusal_of_head,
    refusal_of_parties,
    refusal_of_slips,
    side_of,
)
from ledger_pipelines.general_ledger.parties import Terms
from ledger_pipelines.money import format_money
from ledger_pipelines.months import format_month, month_of
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.files.einvoice.reading import read_document
from ledger_pipelines.sources.files.einvoice.tree import head_of
from ledger_pipelines.sources.files.xml import parse_xml, read_bytes
from ledger_pipelines.store.copy import read_table
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.parties import OF_SOURCE, find_party, register_parties
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.store.vendor_invoices import (
    TABLES,
    Known,
    add_documents,
    fill_self_assessed,
    find_document,
    lock_documents,
)
from ledger_pipelines.tables.vendor_invoices import VENDOR_INVOICE_TAXES
from ledger_pipelines.workflows.general_ledger.company import whose_books

OPERATION = "import"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The result of a file. `status` is taken, unchanged (the document is there already), refused, or completed: the
    document is there already, and the VAT that we self-assess was lacking.

    `reasons` say in a sentence each why it was refused, `notices` what to know of it. The rest is None of a file that
    could not be read; `month` is the one in which the document is posted.
    """

    file: str
    status: str
    reasons: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    document: Document | None = None
    party: str | None = None
    month: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a command's files, in their order, and what to know of all of them."""

    files: tuple[FileOutcome, ...]
    notices: tuple[str, ...]

    @property
    def months(self) -> list[date]:
        """The months that got documents: their drafts are to be derived anew."""
        changed = [one.month for one in self.files if one.status in ("taken", "completed")]
        return sorted({month for month in changed if month is not None})

    @property
    def is_complete(self) -> bool:
        """Whether nothing was refused."""
        return all(one.status != "refused" for one in self.files)


class RefusedError(LedgerError):
    """A document whose figures do not agree, with a sentence for each rule that it breaks."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class _Books:
    """What is the same for all files of a command."""

    company: str | None
    chart: Chart
    purchase_accounts: frozenset[str]
    settings: Settings
    today: date
    #: The months whose partitions are there.
    made: set[date] = field(default_factory=set)


def import_einvoices(
    connection: psycopg.Connection, paths: Sequence[Path], settings: Settings, *, today: date
) -> Outcome:
    """Reads the files and keeps what is good of them, each in a transaction of its own.

    The connection is one in autocommit mode. Another content under the key of a document that is there is refused and
    kept as an integration error.
    """
    accounts = read_table(connection, "accounts")
    books = _Books(
        whose_books(connection, settings), Chart.of(accounts), purchase_accounts(accounts), settings, today
    )
    files = tuple(_import(connection, path, books) for path in paths)
    return Outcome(files, tuple(_unknown_buyers(files)) if books.company is None else ())


def _import(connection: psycopg.Connection, path: Path, books: _Books) -> FileOutcome:
    try:
        data = read_bytes(path)
        document = _read(data, path.name, books)
    except RefusedError as refused:
        return FileOutcome(path.name, "refused", refused.reasons)
    except LedgerError as error:
        return FileOutcome(path.name, "refused", (str(error),))
    file = File(path.name, hashlib.sha256(data).hexdigest())
    try:
        return _keep(connection, document, file, books)
    except LedgerError as error:
        return FileOutcome(path.name, "refused", (str(error),), document=document)


def _read(data: bytes, name: str, books: _Books) -> Document:
    """The document, whose figures agree. Raises LedgerError where it is not taken."""
    root = parse_xml(data, name)
    head = head_of(root, name)
    reason = refusal_of_head(head)
    if reason is None:
        document = read_document(root, head, name)
        reason = refusal_of_slips(document, books.today) or refusal_of_parties(document, books.company)
    if reason is not None:
        raise LedgerError(f"{name} {reason}.")
    failures = failures_of(document)
    if failures:
        raise RefusedError(failures)
    return document


def _keep(connection: psycopg.Connection, document: Document, file: File, books: _Books) -> FileOutcome:
    side = side_of(document, books.company)
    posting_date = posting_date_of(document.issue_date, closed_months(connection))
    month = month_of(posting_date)
    if month not in books.made:
        ensure_months(connection, [table.name for table in TABLES], [month])
        books.made.add(month)
    with connection.transaction():
        lock_documents(connection)
        party = _party(connection, document, side)
        account = party["expense_account"]
        placed = Placed(
            side=side,
            supplier=party["id"] if side == PURCHASE else f"supplier:{books.company}",
            party=party["id"],
            posting_date=posting_date,
            terms=Terms(party["payment_days"], party["payment_months"], party["free_billing_month"]),
            expense_account=account if account in books.chart.numbers else None,
            purchase_accounts=books.purchase_accounts,
            reverse_charge_rate=books.settings.reverse_charge_rate,
        )
        known = find_document(connection, placed.supplier, document.head.kind, document.number)
        rows, filled = rows_of(document, file, placed), 0
        if known is None:
            add_documents(connection, rows)
        elif _is_same(known, document, file):
            filled = fill_self_assessed(connection, known.month, rows[VENDOR_INVOICE_TAXES.name])
    name = party_of(document, side).name
    if known is not None and not _is_same(known, document, file):
        reason = _other_content(known, document, file, placed.supplier, month)
        record_problems(connection, SOURCE_SYSTEM, OPERATION, [reason], is_complete=False)
        return FileOutcome(file.name, "refused", (reason.message,), document=document, party=name)
    if known is not None:
        status = "completed" if filled else "unchanged"
        return FileOutcome(file.name, status, document=document, party=name, month=known.month)
    notices = notices_of(
        document,
        side=side,
        posting_date=posting_date,
        chart=books.chart,
        purchase_accounts=books.purchase_accounts,
        reverse_charge_rate=books.settings.reverse_charge_rate,
    )
    return FileOutcome(file.name, "taken", (), tuple(notices), document, name, month)


def _party(connection: psycopg.Connection, document: Document, side: str) -> dict[str, Any]:
    """The party's columns; it is registered where it is new."""
    company = party_of(document, side)
    key = ("supplier" if side == PURCHASE else "customer", SOURCE_SYSTEM, source_id_of(company))
    found = find_party(connection, *key)
    if found is not None:
        return found
    row = {
        **dict(zip(("kind", "source_system", "source_id"), key, strict=True)),
        "name": company.name,
        "registration_number": registered_number_of(company),
        "free_billing_month": False,
    }
    register_parties(connection, pa.Table.from_pylist([row], OF_SOURCE))
    return _party(connection, document, side)


def _is_same(known: Known, document: Document, file: File) -> bool:
    return known.sha256 == file.sha256 or known.content == content_of(document)


def _other_content(known: Known, document: Document, file: File, supplier: str, month: date) -> Problem:
    kind = document.head.kind
    what = f"{kind.replace('_', ' ')} {document.number} of {document.seller.name}"
    now = format_money(document.totals.payable, document.currency)
    before = format_money(known.payable, known.currency)
    return Problem(
        SOURCE_SYSTEM,
        OPERATION,
        kind,
        f"{supplier}/{kind}/{document.number}",
        f"{file.name}: the {what} is {now} here, and was taken as {before} from {known.file} with other content; "
        "nothing was changed: ask the supplier which of them holds.",
        {"file": file.name, "sha256": file.sha256, "payable": now, "taken": before, "taken_from": known.file},
        format_month(month),
    )


def _unknown_buyers(files: Sequence[FileOutcome]) -> Iterator[str]:
    """While nobody said whose books these are, documents to several companies are taken, and one should know."""
    buyers = {
        numbers_of(one.document.buyer)[0] if numbers_of(one.document.buyer) else one.document.buyer.name
        for one in files
        if one.status == "taken" and one.document is not None
    }
    if buyers:
        yield (
            "Whose books these are is not known, and what was taken is addressed to "
            f"{', '.join(sorted(buyers))}: set LEDGER_ORG_NUMBER."
        )
