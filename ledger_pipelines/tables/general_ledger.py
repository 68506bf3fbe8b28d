"""The general ledger: its accounts and parties, and the journal (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from ledger_pipelines.tables.table import BOOLEAN, DATE, INTEGER, TEXT, Column, Table, numeric

#: An amount of the journal and of what is computed from it, with room for currencies of three decimals.
LEDGER_AMOUNT = numeric(20, 3)
VAT_RATE = numeric(9, 4)

ACCOUNTS = Table(
    "accounts",
    "A row is an account of the chart of accounts.",
    key=("number",),
    preview=("number", "name", "kind", "control", "role"),
    columns=(
        Column("number", TEXT, "its number"),
        Column("name", TEXT, "what it is called"),
        Column("kind", TEXT, "asset, liability, equity, revenue or expense"),
        Column("control", TEXT, "customer or supplier, of a control account: whose items", is_optional=True),
        Column("role", TEXT, "what the posting uses it for, such as receivables", is_optional=True),
        Column("vat_rate", VAT_RATE, "of a VAT account, the rate in percent", is_optional=True),
    ),
    is_monthly=False,
)

PARTIES = Table(
    "parties",
    "A row is a customer or a supplier.",
    key=("id",),
    preview=("name", "kind", "registration_number", "id"),
    columns=(
        Column(
            "id", TEXT, "customer or supplier with its registration number, or with its source and id there"
        ),
        Column("kind", TEXT, "customer or supplier"),
        Column("name", TEXT, "the company's or person's name"),
        Column("registration_number", TEXT, "the register's number, where it is known", is_optional=True),
        Column("source_system", TEXT, "which system named it first"),
        Column("source_id", TEXT, "its id there"),
        Column("payment_days", INTEGER, "days until an invoice is due", is_optional=True),
        Column("payment_months", INTEGER, "months until an invoice is due", is_optional=True),
        Column("free_billing_month", BOOLEAN, "whether they count from the month's end", default="false"),
        Column(
            "expense_account", TEXT, "the account of what it sells us, where none is said", is_optional=True
        ),
    ),
    is_monthly=False,
)

JOURNAL_ENTRIES = Table(
    "journal_entries",
    "A row is a journal entry: what happened, from which document, and whether it is posted.",
    key=("id",),
    preview=("number", "posting_date", "source_type", "description", "status", "id"),
    columns=(
        Column("id", TEXT, "source system, source id and revision"),
        Column("number", TEXT, "month and a running number, given when it is posted", is_optional=True),
        Column("posting_date", DATE, "the day on which it counts, in its month"),
        Column("document_date", DATE, "the date of the document"),
        Column("source_type", TEXT, "what kind of document it is of"),
        Column("source_system", TEXT, "where the document is"),
        Column("source_id", TEXT, "the document's id there"),
        Column(
            "revision",
            INTEGER,
            "0 for the document's first entry, and so on with each correction",
        ),
        Column("status", TEXT, "draft while its month is open, then posted"),
        Column("reverses", TEXT, "the entry that it takes back, if it does", is_optional=True),
        Column("line_count", INTEGER, "how many lines it has"),
        Column("description", TEXT, "what a person reads", is_optional=True),
        Column("content", TEXT, "SHA-256 of its kind, document date and lines, without descriptions"),
    ),
)

JOURNAL_LINES = Table(
    "journal_lines",
    "A row is a line of a journal entry: an amount on one side of an account.",
    key=("entry_id", "line"),
    preview=("entry_id", "account", "debit", "credit", "currency", "party", "description"),
    columns=(
        Column("entry_id", TEXT, "the entry that it is a line of"),
        Column("line", INTEGER, "its place in the entry, from 1"),
        Column("account", TEXT, "the account's number"),
        Column("debit", LEDGER_AMOUNT, "the amount, where it is a debit", is_optional=True),
        Column("credit", LEDGER_AMOUNT, "the amount, where it is a credit", is_optional=True),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("party", TEXT, "the customer or supplier", is_optional=True),
        Column("description", TEXT, "what a person reads", is_optional=True),
        Column("reference", TEXT, "what the document names as its reference", is_optional=True),
        Column("kid", TEXT, "the payment reference: text, leading zeros count", is_optional=True),
        Column(
            "invoice_number",
            TEXT,
            "the number of the invoice, or of the one that it credits",
            is_optional=True,
        ),
        Column(
            "settles", TEXT, "what it settles, as source system and id of that document", is_optional=True
        ),
        Column("due_date", DATE, "until when it is to be paid", is_optional=True),
        Column("vat_category", TEXT, "the VAT category, as in EN 16931 (S, Z, E, AE, …)", is_optional=True),
        Column("vat_code", TEXT, "the VAT code of the accounting file", is_optional=True),
        Column("vat_rate", VAT_RATE, "the VAT rate in percent", is_optional=True),
        Column("vat_base", LEDGER_AMOUNT, "of a VAT line, what the VAT is of", is_optional=True),
        Column("foreign_currency", TEXT, "the currency in which the source has it, too", is_optional=True),
        Column(
            "foreign_amount", LEDGER_AMOUNT, "the amount in that currency; for information", is_optional=True
        ),
        Column("exchange_rate", numeric(18, 8), "between the two, as the source has it", is_optional=True),
    ),
)
