"""Posting: what the books of the months say becomes their draft journal entries (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa

from ledger_pipelines.closing.restatement import landings
from ledger_pipelines.errors import Problem
from ledger_pipelines.general_ledger import crypto, invoices, statements
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.corrections import Corrections, corrections, reversals, with_revisions
from ledger_pipelines.general_ledger.drafts import joined
from ledger_pipelines.general_ledger.journal import Journal
from ledger_pipelines.general_ledger.vat import rates_without_account
from ledger_pipelines.store import journal as journals
from ledger_pipelines.store.copy import read_months, read_table
from ledger_pipelines.store.months import Change, rows_of_months
from ledger_pipelines.store.queries.journal import read_crypto_invoices, read_deferred, read_uncounted
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.workflows.general_ledger.customers import Customers, register_customers
from ledger_pipelines.workflows.step import Step

#: Whose entries are derived, and so corrected when their source changes; all others were imported.
DERIVED = frozenset({invoices.HOLDED, statements.BILLING, statements.ACCRUALS, crypto.CRYPTO})
INTEGRATION, OPERATION = "ledger", "posting"


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of the journal: what is derived now of all months, and the changes by table and month.

    Of a closed month a change says what would be different; `differing` are the documents that differ there.
    """

    journal: Journal
    changes: dict[str, dict[date, Change]]
    differing: dict[date, list[str]]
    problems: list[Problem]


def post(step: Step, months: Sequence[date]) -> Posted:
    """Makes the drafts of these months what their books say; what is posted is corrected by further entries.

    Closed months are compared and not written. What a closed month never knew, or knows otherwise, is in the first open
    month after it, where that is among the months.
    """
    customers = register_customers(step.connection, months)
    with one_view(step.connection):
        chart = Chart.of(read_table(step.connection, "accounts"))
        found = _derived(step.connection, months, customers, chart)
        of_crypto = _crypto(step.connection, months, step.closed, customers, chart)
    open_months = step.open(months)
    desired = joined([_of_months(found.journal, open_months), of_crypto])
    plan = _corrections(step.connection, desired, found.gone, open_months)
    taken_back = reversals(plan.reversals, journals.read_lines_of(step.connection, _reversed(plan)))
    drafts = joined([with_revisions(desired, plan), taken_back])
    changes = journals.replace_drafts(
        step.connection, open_months, drafts.entries, drafts.lines, written_by=step.run_id
    )
    differing = _differing(step.connection, found, [month for month in months if month in step.closed])
    for month, documents in differing.items():
        for table in changes:
            changes[table][month] = Change(added=len(documents), removed=len(documents))
    step.record(INTEGRATION, OPERATION, found.problems, months=months)
    return Posted(drafts, changes, differing, found.problems)


def _derived(
    connection: psycopg.Connection, months: Sequence[date], customers: Customers, chart: Chart
) -> invoices.Posted:
    """The entries of the months' documents, and the documents that count no more."""

    def read(table: str, schema: pa.Schema) -> pa.Table:
        return read_months(connection, table, months, schema.names)

    lines = read("invoice_lines", invoices.INVOICE_LINES)
    documents = invoices.invoice_entries(
        read("invoices", invoices.INVOICES),
        lines,
        read_deferred(connection, months),
        customers.of_holded,
        chart,
    )
    payments = invoices.payment_entries(
        read("invoice_payments", invoices.PAYMENTS), read_uncounted(connection), customers.of_holded, chart
    )
    billed = statements.statement_entries(
        read("billing_statements", statements.STATEMENTS), customers.of_codex, chart
    )
    accrued = statements.accrual_entries(read("monthly_accruals", statements.MONTHLY_ACCRUALS), chart)
    return invoices.Posted(
        joined([documents.journal, payments.journal, billed, accrued]),
        pa.concat_tables([documents.gone, payments.gone]),
        [*documents.problems, *payments.problems, *_rates_without_account(lines, chart)],
    )


def _crypto(
    connection: psycopg.Connection,
    months: Sequence[date],
    closed: frozenset[date],
    customers: Customers,
    chart: Chart,
) -> Journal:
    """The entries of crypto invoices and payments of these open months, and of closed months in the one that takes
    their news: nobody keeps what those were when their month was closed, but its entries.
    """
    known = [_crypto_invoice(row) for row in read_crypto_invoices(connection)]
    made = joined(
        [
            crypto.invoice_entries(known, customers.of_crypto, chart),
            crypto.payment_entries(known, customers.of_crypto, chart),
        ]
    )
    parts = [_of_months(made, [month for month in months if month not in closed])]
    for month, before in landings([one for one in months if one not in closed], closed).items():
        parts.append(_in_month(_of_months(made, before), month))
    return joined(parts)


def _crypto_invoice(row: dict[str, Any]) -> crypto.CryptoInvoice:
    payments = [
        crypto.CryptoPayment(
            one["payment_id"], date.fromisoformat(one["confirmed_on"]), Decimal(one["amount"])
        )
        for one in row["payments"]
    ]
    return crypto.CryptoInvoice(**{**row, "payments": payments})


def _of_months(journal: Journal, months: Sequence[date]) -> Journal:
    return Journal(rows_of_months(journal.entries, months), rows_of_months(journal.lines, months))


def _in_month(journal: Journal, month: date) -> Journal:
    """The same entries as ones of the first day of this month."""
    return Journal(
        _with_day(_with_day(journal.entries, "month", month), "posting_date", month),
        _with_day(journal.lines, "month", month),
    )


def _with_day(table: pa.Table, name: str, day: date) -> pa.Table:
    place = table.schema.get_field_index(name)
    days = pa.repeat(pa.scalar(day, pa.date32()), table.num_rows)
    return table.set_column(place, table.schema.field(place), days)


def _corrections(
    connection: psycopg.Connection, desired: Journal, gone: pa.Table, months: Sequence[date]
) -> Corrections:
    documents = [frame.select(journals.SOURCE.names).cast(journals.SOURCE) for frame in (desired.entries, gone)]
    wanted = pa.concat_tables(documents)
    posted = journals.read_posted(connection, months, wanted)
    here = rows_of_months(gone, months)
    return corrections(desired.entries, posted, here, months=months, systems=DERIVED)


def _reversed(plan: Corrections) -> pa.Table:
    schema = pa.schema([journals.POSTED.field("month"), journals.POSTED.field("id")])
    return pa.Table.from_pylist([{"month": row["month"], "id": row["id"]} for row in plan.reversals], schema)


def _differing(
    connection: psycopg.Connection, found: invoices.Posted, closed: Sequence[date]
) -> dict[date, list[str]]:
    """The documents of closed months whose posted entries are not what their books say now, by month."""
    differing: dict[date, list[str]] = {}
    for month in closed:
        desired = _of_months(found.journal, [month])
        gone = rows_of_months(found.gone, [month])
        plan = _corrections(connection, desired, gone, [month])
        places = set(range(desired.entries.num_rows)) - plan.unchanged
        ids: list[Any] = desired.entries["id"].take(pa.array(sorted(places), pa.int64())).to_pylist()
        differing[month] = sorted({*ids, *(row["id"] for row in plan.reversals)})
    return differing


def _rates_without_account(lines: pa.Table, chart: Chart) -> list[Problem]:
    rates = rates_without_account(lines, chart)
    if not rates:
        return []
    named = ", ".join(f"{rate.normalize():f} %" for rate in rates)
    message = f"VAT at {named} has no account of its own and goes to the highest rate's: give `accounts` one for it."
    return [Problem(INTEGRATION, OPERATION, "vat_rate", named, message, is_blocking=False)]
