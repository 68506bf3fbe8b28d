"""Posting: what the books of the months say becomes their draft journal entries (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.restatement import landings
from ledger_pipelines.errors import Problem
from ledger_pipelines.general_ledger import crypto, invoices, statements
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.corrections import Corrections, corrections, reversals, with_revisions
from ledger_pipelines.general_ledger.drafts import joined
from ledger_pipelines.general_ledger.einvoices.entries import entries_of
from ledger_pipelines.general_ledger.einvoices.rows import SOURCE_SYSTEM as EHF
from ledger_pipelines.general_ledger.journal import Journal, no_entries
from ledger_pipelines.general_ledger.vat import rates_without_account
from ledger_pipelines.store import journal as journals
from ledger_pipelines.store.copy import read_months, read_table
from ledger_pipelines.store.months import Change, rows_of_months
from ledger_pipelines.store.queries.journal import (
    read_crypto_invoices,
    read_deferred,
    read_superseded,
    read_uncounted,
)
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.store.snapshots import computed_months
from ledger_pipelines.workflows.general_ledger.customers import Customers, register_customers
from ledger_pipelines.workflows.step import Step

#: Whose entries are derived, and so corrected when their source changes; all others were imported.
DERIVED = frozenset({invoices.HOLDED, statements.BILLING, statements.ACCRUALS, crypto.CRYPTO, EHF})
INTEGRATION, OPERATION = "ledger", "posting"


@dataclass(frozen=True, slots=True)
class Posted:
    """The result of posting: what is derived now of all months, and the changes by table and month.

    Of a closed month a change says what would be different; `differing` are the documents that differ there.
    """

    journal: Journal
    changes: dict[str, dict[date, Change]]
    differing: dict[date, list[str]]
    problems: list[Problem]


def post(step: Step, months: Sequence[date]) -> Posted:
    """Makes the drafts of these months what their books say; what is posted is corrected by further entries.

    Closed months are compared and not written. What a closed month lacks, or has with other content, is in the first open
    month after it, where that is among the months.
    """
    customers = register_customers(step.connection, months)
    open_months = step.open(months)
    with one_view(step.connection):
        accounts = read_table(step.connection, "accounts")
        sources = _Sources(step.connection, customers, accounts)
        found = sources.derived(open_months, superseded=read_superseded(step.connection, open_months))
        of_crypto = _crypto(step.connection, open_months, step.closed, customers, Chart.of(accounts))
        of_closed = {month: sources.derived([month]) for month in months if month in step.closed}
    desired = joined([found.journal, of_crypto.journal])
    gone = pa.concat_tables([found.gone, of_crypto.gone])
    plan = _corrections(step.connection, desired, gone, open_months)
    taken_back = reversals(plan.reversals, journals.read_lines_of(step.connection, _reversed(plan)))
    drafts = joined([with_revisions(desired, plan), taken_back])
    changes = journals.replace_drafts(
        step.connection, open_months, drafts.entries, drafts.lines, written_by=step.run_id
    )
    differing = {month: _differing(step.connection, one, month) for month, one in of_closed.items()}
    for month, documents in differing.items():
        for table in changes:
            changes[table][month] = Change(added=len(documents), removed=len(documents))
    for table, by_month in changes.items():
        step.note_changes(table, by_month)
    step.record(INTEGRATION, OPERATION, found.problems, months=months)
    return Posted(drafts, changes, differing, found.problems)


@dataclass(frozen=True, slots=True)
class _Sources:
    """What entries are derived from: the tables of a connection, with who the customers are and the accounts."""

    connection: psycopg.Connection
    customers: Customers
    accounts: pa.Table

    def derived(self, months: Sequence[date], superseded: pa.Table | None = None) -> invoices.Posted:
        """The entries of the months' documents, and the documents that count no more.

        Of a document that stands in several months, the rows that are `superseded` (`month`, `id`) are left out; without
        them the months must hold each once.
        """
        chart, customers = Chart.of(self.accounts), self.customers.of_holded
        lines = self._read("invoice_lines", invoices.INVOICE_LINES, months)
        documents = invoices.invoice_entries(
            _without(self._read("invoices", invoices.INVOICES, months), superseded),
            lines,
            self._deferred(months),
            customers,
            chart,
        )
        payments = invoices.payment_entries(
            _without(self._read("invoice_payments", invoices.PAYMENTS, months), superseded),
            read_uncounted(self.connection),
            customers,
            chart,
        )
        billed = statements.statement_entries(
            self._read("billing_statements", statements.STATEMENTS, months), self.customers.of_codex, chart
        )
        accrued = statements.accrual_entries(
            self._read("monthly_accruals", statements.MONTHLY_ACCRUALS, months), chart
        )
        return invoices.Posted(
            joined([documents.journal, payments.journal, billed, accrued, self._einvoices(months)]),
            pa.concat_tables([documents.gone, payments.gone]),
            [*documents.problems, *payments.problems, *_rates_without_account(lines, chart)],
        )

    def _read(self, table: str, schema: pa.Schema, months: Sequence[date]) -> pa.Table:
        return read_months(self.connection, table, months, schema.names)

    def _deferred(self, months: Sequence[date]) -> pa.Table:
        """What belongs to contracts, where they are accrued: without accruals nothing would ever recognise it."""
        is_accrued = bool(computed_months(self.connection, "monthly_accruals"))
        return read_deferred(self.connection, months if is_accrued else [])

    def _einvoices(self, months: Sequence[date]) -> Journal:
        names = ("vendor_invoices", "vendor_invoice_taxes", "vendor_invoice_lines")
        documents, taxes, lines = (read_months(self.connection, name, months) for name in names)
        if documents.num_rows == 0:
            return no_entries()
        return entries_of(documents, taxes, lines, Chart.of(self.accounts))


def _without(rows: pa.Table, superseded: pa.Table | None) -> pa.Table:
    if superseded is None or superseded.num_rows == 0:
        return rows
    stale = {(row["month"], row["id"]) for row in superseded.to_pylist()}
    keys = zip(rows["month"].to_pylist(), rows["id"].to_pylist(), strict=True)
    return rows.filter(pa.array([key not in stale for key in keys], pa.bool_()))


def _crypto(
    connection: psycopg.Connection,
    months: Sequence[date],
    closed: frozenset[date],
    customers: Customers,
    chart: Chart,
) -> invoices.Posted:
    """The entries of crypto invoices and payments of these open months, and of closed months in the one that takes
    their news: nobody keeps what those were when their month was closed, but its entries.
    """
    known = [_crypto_invoice(row) for row in read_crypto_invoices(connection)]
    if not known:
        return invoices.Posted(no_entries(), invoices.GONE.empty_table(), [])
    made = joined(
        [
            crypto.invoice_entries(known, customers.of_crypto, chart),
            crypto.payment_entries(known, customers.of_crypto, chart),
        ]
    )
    parts, gone = [_of_months(made, months)], []
    there = set(made.entries["source_id"].to_pylist())
    for month, before in landings(months, closed).items():
        parts.append(_in_month(_of_months(made, before), month))
        posted = journals.read_sources(connection, crypto.CRYPTO, before)["source_id"].to_pylist()
        gone += [
            {"month": month, "source_system": crypto.CRYPTO, "source_id": one}
            for one in posted
            if one not in there
        ]
    return invoices.Posted(joined(parts), pa.Table.from_pylist(gone, invoices.GONE), [])


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
    posted = journals.read_posted(connection, months, _documents(desired, gone))
    here = rows_of_months(gone, months)
    return corrections(desired.entries, posted, here, months=months, systems=DERIVED)


def _documents(desired: Journal, gone: pa.Table) -> pa.Table:
    parts = [frame.select(journals.SOURCE.names).cast(journals.SOURCE) for frame in (desired.entries, gone)]
    return pa.concat_tables(parts)


def _reversed(plan: Corrections) -> pa.Table:
    schema = pa.schema([journals.POSTED.field("month"), journals.POSTED.field("id")])
    return pa.Table.from_pylist([{"month": row["month"], "id": row["id"]} for row in plan.reversals], schema)


def _differing(connection: psycopg.Connection, found: invoices.Posted, month: date) -> list[str]:
    """The documents of a closed month whose entries posted up to it are not what its books say now.

    Of crypto invoices no month keeps books, and later months' entries are their own corrections.
    """
    entries = found.journal.entries
    posted = journals.read_posted(connection, [month], _documents(found.journal, found.gone))
    posted = posted.filter(pc.less_equal(posted["month"], pa.scalar(month, pa.date32())))
    systems = DERIVED - {crypto.CRYPTO}
    plan = corrections(entries, posted, found.gone, months=[month], systems=systems)
    ids: list[Any] = entries["id"].to_pylist()
    others = (one for place, one in enumerate(ids) if place not in plan.unchanged)
    return sorted({*others, *(row["id"] for row in plan.reversals)})


def _rates_without_account(lines: pa.Table, chart: Chart) -> list[Problem]:
    rates = rates_without_account(lines, chart)
    if not rates:
        return []
    named = ", ".join(f"{rate.normalize():f} %" for rate in rates)
    message = f"VAT at {named} has no account of its own and goes to the highest rate's: give `accounts` one for it."
    return [Problem(INTEGRATION, OPERATION, "vat_rate", named, message, is_blocking=False)]
