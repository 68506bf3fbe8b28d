"""The CFO's transactions, as the ledger fills them; the table is the CFO's."""

from __future__ import annotations

from ledger_pipelines.money import AMOUNT
from ledger_pipelines.tables.table import INSTANT, TEXT, Column, Table, numeric

CFO_TRANSACTIONS = Table(
    "cfo_transactions",
    "A row is a paid invoice in the CFO's transactions, handed over exactly once, in the month of payment.",
    key=("source_file",),
    columns=(
        Column("date", INSTANT, "when the payment was complete"),
        Column("description", TEXT, "what was paid, for people"),
        Column(
            "amount", AMOUNT, "of a crypto invoice in USD, of a Holded invoice with tax and in its currency"
        ),
        Column("classified_entity", TEXT, "by cfo_entity_mappings"),
        Column("business_unit", TEXT, "by cfo_entity_mappings, from the client"),
        Column("source_file", TEXT, "the key that keeps a second hand-over out"),
        Column("transaction_type", TEXT, "the same for all that the ledger hands over"),
        Column("confidence", numeric(4, 2), "1.00: what the ledger hands over is known, not guessed"),
        Column(
            "classification_reason",
            TEXT,
            "that it is a paid invoice, of which client, and what a crypto invoice was paid with",
        ),
        Column("origin", TEXT, "where the money came from: External Account, or Holded"),
        Column("destination", TEXT, "where it went, the same for all that the ledger hands over"),
        Column("identifier", TEXT, "the invoice's number"),
        Column(
            "currency",
            TEXT,
            "of the amount; what a crypto invoice was paid with stands in the classification_reason",
        ),
        Column("subcategory", TEXT, "by cfo_revenue_categories"),
    ),
    is_monthly=False,
)
