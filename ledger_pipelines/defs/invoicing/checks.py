"""Checks of what the import steps brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.defs.invoicing.results import READ_COMPLETELY
from ledger_pipelines.invoicing.payments import describe_payment
from ledger_pipelines.invoicing.unclaimed import describe
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.findings import Finding, listing, month_check
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.store.queries.invoices import misplaced_documents
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.tables.labels import named_records
from ledger_pipelines.workflows.imports.holded import ImportedDocuments
from ledger_pipelines.workflows.imports.outcome import Imported
from ledger_pipelines.workflows.step import Step

#: Records that a finding names; its metadata has them all.
_MOST_NAMED = 10

_IN_ONE_MONTH = "in_one_month"
_LINES_ADD_UP = "lines_add_up"
_HAS_DOCUMENT = "every_payment_has_a_document"
_HAS_CONTRACT = "all_money_has_a_contract"
_HAS_STUDENT = "every_client_is_a_student"

CHECKS = [
    *(
        month_check(
            READ_COMPLETELY,
            asset=table,
            description="Every record of the source could be read; those that could not are integration errors.",
        )
        for table in (
            "services",
            "holded_contacts",
            "invoices",
            "invoice_payments",
            "clients",
            "enrollments",
            "external_ids",
        )
    ),
    *(
        month_check(
            CLOSED_UNCHANGED,
            asset=table,
            description="The source still says of a closed month what it said then; the first open month takes news.",
        )
        for table in ("invoices", "invoice_payments", "enrollments")
    ),
    month_check(
        _IN_ONE_MONTH,
        asset="invoices",
        description="No document stands in two open months: it would be counted twice until both are read again.",
    ),
    month_check(
        _LINES_ADD_UP,
        asset="invoice_lines",
        description="A document's lines come to what its total says without tax, a cent for each line aside, or it "
        "has a discount or another currency's prices that says why not.",
    ),
    month_check(
        _HAS_DOCUMENT,
        asset="invoice_payments",
        description="Every payment is of a document that counts: no draft, and none that is cancelled.",
    ),
    month_check(
        _HAS_CONTRACT,
        asset="contracts",
        description="All invoiced money belongs to a contract: it has a contact, and a service or another sales channel; "
        "a credit note's invoice is known.",
    ),
    month_check(
        _HAS_STUDENT,
        asset="clients",
        description="Every client has a student with the same e-mail; without one there are no service periods.",
    ),
]


def document_findings(step: Step, imported: ImportedDocuments) -> list[Finding]:
    """Documents in two months, those whose lines do not add up, payments and money that nothing claims."""
    twice = misplaced_documents(step.connection, step.months)
    off = [
        (
            row["month"],
            f"{row['document_number']} has lines of {row['lines']} and is {row['net']} {row['currency']}",
        )
        for row in imported.unexplained.to_pylist()
    ]
    loose = [(row["month"], describe_payment(row)) for row in imported.unclaimed_payments.to_pylist()]
    return [
        *_findings(
            step,
            "invoice_payments",
            _HAS_DOCUMENT,
            loose,
            heading="payments of documents that do not count",
            advice="Issue the documents, or take the payments out, in Holded.",
        ),
        *_findings(
            step,
            "invoices",
            _IN_ONE_MONTH,
            twice,
            heading="documents that stand in another open month, too, and count twice",
            advice="Read both months again.",
        ),
        *_findings(
            step,
            "invoice_lines",
            _LINES_ADD_UP,
            off,
            heading="documents whose lines do not come to what they are without tax, and count in proportion",
        ),
        *(_unclaimed_finding(imported.unclaimed, month) for month in step.months),
    ]


def _unclaimed_finding(rows: pa.Table, month: date) -> Finding:
    """Money of a month that no contract claims: each document by its number, all in all by currency."""
    own = rows.filter(pc.equal(rows["month"], pa.scalar(month)))
    found = own.to_pylist()
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in found:
        sums[row["currency"]] += row["amount"]
    totals = ", ".join(f"{amount:,} {currency}" for currency, amount in sorted(sums.items()))
    named = "; ".join(describe(row) for row in found[:_MOST_NAMED])
    more = f"; and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
    return Finding(
        asset="contracts",
        check=_HAS_CONTRACT,
        month=month,
        count=len(found),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{format_month(month)}: {totals}: {named}{more}." if found else None,
        metadata={"rows": preview(own, own.column_names)} if found else {},
    )


def unmatched_clients(step: Step, imported: Imported) -> list[Finding]:
    """Clients whom nobody in 4Geeks has the e-mail of, for each month of the step."""
    clients = imported.tables["clients"].frame
    unmatched = clients.filter(pc.is_null(clients["student_id"]))
    named: list[dict[str, Any]] = unmatched.select(["name", "email"]).to_pylist()
    rows = [
        (month, f"{row['name']} ({row['email'] or 'no e-mail'})") for month in step.months for row in named
    ]
    return _findings(
        step,
        "clients",
        _HAS_STUDENT,
        rows,
        heading="clients who are nobody in 4Geeks",
        advice="Compare the e-mails.",
    )


def _findings(
    step: Step, asset: str, check: str, rows: Iterable[tuple[date, str]], *, heading: str, advice: str = ""
) -> list[Finding]:
    by_month: dict[date, list[str]] = defaultdict(list)
    for month, name in rows:
        by_month[month].append(name)
    return [
        Finding(
            asset=asset,
            check=check,
            month=month,
            count=len(by_month[month]),
            severity=dg.AssetCheckSeverity.WARN,
            description=listing(heading, named_records(by_month[month]), advice) if by_month[month] else None,
        )
        for month in step.months
    ]
