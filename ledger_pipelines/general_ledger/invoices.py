"""The entries of Holded's invoices, credit notes and payments (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import Series, constant, narrowed, records_of, rounded, to_arrow, to_pandas
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.drafts import drafts_of, part
from ledger_pipelines.general_ledger.journal import Journal, no_entries
from ledger_pipelines.general_ledger.vat import vat_parts
from ledger_pipelines.money import AMOUNT, format_money
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import DATE, TEXT

HOLDED = "holded"
INVOICES = TABLES["invoices"].part(
    (
        *(
            "month",
            "id",
            "document_type",
            "document_number",
            "contact_id",
            "contact_name",
            "date",
            "due_date",
        ),
        *("currency", "subtotal", "tax", "total", "source_document_id"),
        *("is_draft", "is_cancelled", "is_removed"),
    )
)
INVOICE_LINES = TABLES["invoice_lines"].part(
    ("month", "invoice_id", "line_number", "net_amount", "retention", "tax_rate")
)
PAYMENTS = TABLES["invoice_payments"].part(
    (
        *("month", "id", "document_id", "document_type", "document_number", "contact_id", "contact_name"),
        *("date", "amount", "currency", "is_removed"),
    )
)
#: What a document's contracts come to by its month: `month`, `document_id`, `amount`; negative of a credit note.
DEFERRED = pa.schema(dict[str, pa.DataType](month=DATE, document_id=TEXT, amount=AMOUNT))
#: A document that counts no more, and the month that says so.
GONE = pa.schema(dict[str, pa.DataType](month=DATE, source_system=TEXT, source_id=TEXT))
#: What subtotal, tax and total may differ by without anybody having to look: each was rounded.
_ROUNDING = Decimal("0.05")
#: What withheld tax may differ by from its lines' percent.
_WITHHOLDING_ROUNDING = Decimal("1.00")
_PERCENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Posted:
    """The entries of documents, the documents that have none (`GONE`), and what is wrong with documents."""

    journal: Journal
    gone: pa.Table
    problems: list[Problem]


def invoice_entries(
    invoices: pa.Table, lines: pa.Table, deferred: pa.Table, parties: pa.Table, chart: Chart
) -> Posted:
    """The entry of each document (`INVOICES`) that counts.

    `deferred` (`DEFERRED`) is what of each belongs to contracts; `parties` says which party a contact is. A row of
    another month than the document's is news of a closed month: it counts on the first day of the month that took it.
    A document that has no contact is nobody's: it has no party.
    """
    if invoices.num_rows == 0:
        return Posted(no_entries(), GONE.empty_table(), [])
    rows = _with_party(to_pandas(invoices), parties)
    counts = ~(rows["is_draft"] | rows["is_cancelled"] | rows["is_removed"])
    rows = rows.rename(columns={"id": "source_id"}).assign(source_system=constant(HOLDED, TEXT, rows))
    documents = _dated(_signed(rows[counts], deferred, lines))
    journal = drafts_of(documents, _parts(documents, lines, chart))
    return Posted(journal, _gone(rows, journal), _problems(documents))


def payment_entries(payments: pa.Table, uncounted: pa.Table, parties: pa.Table, chart: Chart) -> Posted:
    """The entry of each payment (`PAYMENTS`): bank to receivables; of a refund, and of a credit note's, the reverse.

    Payments of documents that do not count (`uncounted`: `id`) have none, nor have those that are removed.
    """
    if payments.num_rows == 0:
        return Posted(no_entries(), GONE.empty_table(), [])
    rows = _with_party(to_pandas(payments), parties)
    of_nothing = rows["document_id"].isin(to_pandas(uncounted.select(["id"]))["id"])
    rows = rows.rename(columns={"id": "source_id"}).assign(
        source_system=constant(HOLDED, TEXT, rows),
        source_type=constant("payment", TEXT, rows),
        settles=HOLDED + "/" + rows["document_id"],
    )
    counts = ~(rows["is_removed"] | of_nothing)
    documents = _dated(rows[counts])
    is_credit = documents["document_type"] == "creditnote"
    amount = narrowed(documents["amount"], LEDGER_AMOUNT)
    amount = amount.where(~is_credit, narrowed(-amount, LEDGER_AMOUNT))
    texts = "Payment of " + documents["document_number"].fillna(documents["document_id"])
    documents = documents.assign(description=texts)
    receivable = part(
        documents,
        chart.account("receivables"),
        -amount,
        party=documents["party"],
        settles=documents["settles"],
        description=texts,
    )
    journal = drafts_of(
        documents, [part(documents, chart.account("bank"), amount, description=texts), receivable]
    )
    return Posted(journal, _gone(rows, journal), [])


def _with_party(rows: pd.DataFrame, parties: pa.Table) -> pd.DataFrame:
    known = to_pandas(parties.select(["source_id", "party"])).rename(columns={"source_id": "contact_id"})
    found = rows.merge(known, on="contact_id", how="left")
    # A missing key matches another one.
    return found.assign(party=found["party"].where(found["contact_id"].notna()))


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    is_own = rows["date"].dt.floor("MS") == rows["month"]
    return rows.assign(document_date=rows["date"], posting_date=rows["date"].where(is_own, rows["month"]))


def _gone(rows: pd.DataFrame, journal: Journal) -> pa.Table:
    """The documents that have no entry: they do not count, or come to nothing now."""
    return to_arrow(rows[~rows["source_id"].isin(journal.entries["source_id"])], GONE)


def _signed(rows: pd.DataFrame, deferred: pa.Table, lines: pa.Table) -> pd.DataFrame:
    """The documents with their amounts as the ledger has them: of a credit note the reverse of an invoice's."""
    of_contracts = to_pandas(deferred).rename(columns={"document_id": "source_id", "amount": "deferred"})
    held = to_pandas(lines).rename(columns={"invoice_id": "source_id"})
    of_whole = held["net_amount"] * held["retention"] * constant(_PERCENT, pa.decimal128(3, 2), held)
    held = held.assign(withheld=narrowed(of_whole, pa.decimal128(38, 8)))
    withheld = held.groupby(["month", "source_id"], as_index=False).agg(
        {"withheld": "sum", "retention": "max"}
    )
    keys = ["month", "source_id"]
    rows = rows.merge(of_contracts, on=keys, how="left").merge(withheld, on=keys, how="left")
    is_credit = rows["document_type"] == "creditnote"

    def signed(amount: Series) -> Series:
        exact = narrowed(amount, LEDGER_AMOUNT)
        return exact.where(~is_credit, narrowed(-exact, LEDGER_AMOUNT))

    zero = constant(Decimal(0), LEDGER_AMOUNT, rows)
    subtotal, tax, total = (signed(rows[name]) for name in ("subtotal", "tax", "total"))
    return rows.assign(
        subtotal=subtotal,
        tax=tax,
        total=total,
        deferred=narrowed(rows["deferred"], LEDGER_AMOUNT).fillna(zero),
        lacking=narrowed(subtotal + tax - total, LEDGER_AMOUNT),
        has_retention=(rows["retention"] != 0).fillna(False),
        withheld=signed(rounded(rows["withheld"], 2)).fillna(zero),
        source_type=constant("credit_note", TEXT, rows).where(is_credit, "customer_invoice"),
        settles=(HOLDED + "/" + rows["source_document_id"]).where(is_credit),
        description=constant("Credit note ", TEXT, rows).where(is_credit, "Invoice ")
        + rows["document_number"].fillna(rows["source_id"])
        + (", " + rows["contact_name"]).fillna(""),
    )


def _parts(documents: pd.DataFrame, lines: pa.Table, chart: Chart) -> list[pd.DataFrame]:
    texts = {"description": documents["description"]}
    revenue = documents["subtotal"] - documents["deferred"]
    withheld = documents["lacking"].where(
        documents["has_retention"], constant(Decimal(0), LEDGER_AMOUNT, documents)
    )
    return [
        part(
            documents,
            chart.account("receivables"),
            documents["total"],
            party=documents["party"],
            invoice_number=documents["document_number"],
            due_date=documents["due_date"],
            settles=documents["settles"],
            **texts,
        ),
        part(documents, chart.account("withholding_tax"), withheld, **texts),
        part(documents, chart.account("rounding"), documents["lacking"] - withheld, **texts),
        part(documents, chart.account("deferred_revenue"), -documents["deferred"], **texts),
        part(documents, chart.account("revenue"), -revenue, **texts),
        vat_parts(documents, lines, chart),
    ]


def _problems(documents: pd.DataFrame) -> list[Problem]:
    """Documents whose figures do not add up, each with its amounts."""
    found = []
    odd = documents[documents["lacking"] != 0]
    for row in records_of(odd):
        lacking: Any = row["lacking"]
        if row["has_retention"]:
            reason = f"its lines withhold {format_money(row['withheld'], row['currency'])}"
            is_small = abs(lacking - row["withheld"]) <= _WITHHOLDING_ROUNDING
        else:
            reason = "no line withholds anything: it was posted to the rounding account"
            is_small = abs(lacking) <= _ROUNDING
        if not is_small:
            message = (
                f"{row['description']}: subtotal and tax less total is {format_money(lacking, row['currency'])}, and "
                f"{reason}. Mend the document in Holded."
            )
            kind = "creditnote" if row["source_type"] == "credit_note" else "invoice"
            found.append(
                Problem("ledger", "posting", kind, row["source_id"], message, month=f"{row['month']:%Y-%m}")
            )
    return found
