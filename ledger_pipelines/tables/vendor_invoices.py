"""Electronic invoices (rules/general_ledger.md, E-invoices)."""

from __future__ import annotations

from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT, VAT_RATE
from ledger_pipelines.tables.table import BOOLEAN, DATE, INTEGER, TEXT, Column, Table

_SUPPLIER = Column("supplier", TEXT, "who sells, by its registration number where there is one")
_NUMBER = Column("number", TEXT, "the supplier's number of the document")
_KIND = Column("kind", TEXT, "invoice or credit_note")

VENDOR_INVOICES = Table(
    "vendor_invoices",
    "A row is an electronic invoice or credit note, in the month in which it is posted, with the document's amounts.",
    key=("supplier", "kind", "number"),
    preview=("party_name", "number", "kind", "issue_date", "due_date", "currency", "net", "tax", "payable"),
    columns=(
        _SUPPLIER,
        _NUMBER,
        Column("type_code", TEXT, "UNTDID 1001 code of the type of document, such as 380"),
        Column("issue_date", DATE, "the date of the document"),
        Column("due_date", DATE, "until when it is to be paid: the document's, else by the party's terms"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("net", LEDGER_AMOUNT, "the total without VAT; of a credit note, what it credits"),
        Column("tax", LEDGER_AMOUNT, "the VAT"),
        Column("gross", LEDGER_AMOUNT, "the total with VAT"),
        Column("prepaid", LEDGER_AMOUNT, "what was paid before"),
        Column("rounding", LEDGER_AMOUNT, "what was added to round the amount due"),
        Column("payable", LEDGER_AMOUNT, "the amount due: gross, less prepaid, with rounding"),
        _KIND,
        Column("side", TEXT, "purchase, or sale where we are the supplier"),
        Column("party", TEXT, "the supplier, or of a sale the customer"),
        Column("party_name", TEXT, "what the document calls the party"),
        Column("posting_date", DATE, "the date of the document, or the first day of the first open month"),
        Column("other_currency", TEXT, "the currency in which VAT is stated, too", is_optional=True),
        Column("other_tax", LEDGER_AMOUNT, "the VAT in that currency; for information", is_optional=True),
        Column("kids", TEXT, "payment references, one on each line: leading zeros count", is_optional=True),
        Column("bank_accounts", TEXT, "the accounts to pay to, one on each line", is_optional=True),
        Column("order_reference", TEXT, "the buyer's order", is_optional=True),
        Column("buyer_reference", TEXT, "what the buyer wants to be named", is_optional=True),
        Column(
            "credited", TEXT, "the documents that it credits or refers to, one on each line", is_optional=True
        ),
        Column("file", TEXT, "the name of the file it came in"),
        Column("sha256", TEXT, "SHA-256 of the file"),
        Column("content", TEXT, "SHA-256 of what the document says"),
    ),
)

VENDOR_INVOICE_TAXES = Table(
    "vendor_invoice_taxes",
    "A row is the VAT of an electronic invoice in one category and rate.",
    key=("supplier", "kind", "number", "line"),
    preview=("supplier", "number", "category", "rate", "base", "tax"),
    columns=(
        _SUPPLIER,
        _KIND,
        _NUMBER,
        Column("line", INTEGER, "its place in the document, from 1"),
        Column("category", TEXT, "the VAT category of EN 16931: S, Z, E, AE, K, G, O, …"),
        Column("rate", VAT_RATE, "the rate in percent", is_optional=True),
        Column("base", LEDGER_AMOUNT, "the taxable amount"),
        Column("tax", LEDGER_AMOUNT, "the VAT"),
        Column("is_from_abroad", BOOLEAN, "whether the supplier is in another country than these books"),
        Column(
            "self_assessed_rate",
            VAT_RATE,
            "the rate at which we reckon reverse-charge VAT ourselves",
            is_optional=True,
        ),
        Column("self_assessed", LEDGER_AMOUNT, "that VAT, owed and deducted", is_optional=True),
    ),
)

VENDOR_INVOICE_LINES = Table(
    "vendor_invoice_lines",
    "A row is a line, allowance or charge of an electronic invoice.",
    key=("supplier", "kind", "number", "line"),
    preview=("supplier", "number", "description", "account", "amount", "category", "rate"),
    columns=(
        _SUPPLIER,
        _KIND,
        _NUMBER,
        Column("line", INTEGER, "its place in the document, from 1: lines, then allowances, then charges"),
        Column(
            "account", TEXT, "the account that it is posted to; none: the usual expense", is_optional=True
        ),
        Column("amount", LEDGER_AMOUNT, "the net amount; an allowance is negative"),
        Column("category", TEXT, "the VAT category"),
        Column("rate", VAT_RATE, "the VAT rate in percent", is_optional=True),
        Column(
            "description", TEXT, "what was sold, or why there is an allowance or charge", is_optional=True
        ),
    ),
)
