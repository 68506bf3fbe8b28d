"""What Holded showed, and what its documents change in contracts."""

from __future__ import annotations

from ledger_pipelines.money import AMOUNT
from ledger_pipelines.tables.table import BOOLEAN, DATE, INSTANT, INTEGER, TEXT, Column, Table, numeric

SERVICES = Table(
    "services",
    "A row is a service as Holded had it when the month was read last: a sales channel whose account is 7050….",
    key=("id",),
    preview=(
        "name",
        "account_number",
        "id",
    ),
    columns=(
        Column("id", TEXT, "the sales channel's id"),
        Column("name", TEXT, "the service's name"),
        Column("account_number", TEXT, "its account, 7050…"),
    ),
)

HOLDED_CONTACTS = Table(
    "holded_contacts",
    "A row is a contact of Holded: a client whom documents are made out to.",
    key=("id",),
    preview=(
        "name",
        "email",
        "code",
        "country_code",
        "id",
    ),
    columns=(
        Column("id", TEXT, "the contact's id"),
        Column("name", TEXT, "the client's name"),
        Column("email", TEXT, "trimmed, in small letters", is_optional=True),
        Column("code", TEXT, "the tax number", is_optional=True),
        Column("type", TEXT, "what the contact is to the company, as Holded has it", is_optional=True),
        Column("country_code", TEXT, "ISO 3166 code of the address", is_optional=True),
    ),
)

INVOICES = Table(
    "invoices",
    "A row is an invoice or credit note in the month of its date; news of a closed month's is in the first open one.",
    key=("id",),
    preview=(
        "document_number",
        "contact_name",
        "total",
        "payments_pending",
        "currency",
        "date",
        "document_type",
    ),
    columns=(
        Column("id", TEXT, "the document's id"),
        Column("document_type", TEXT, "invoice or creditnote"),
        Column("document_number", TEXT, "as it is printed; empty for a draft", is_optional=True),
        Column("contact_id", TEXT, "the client's id in Holded", is_optional=True),
        Column("contact_name", TEXT, "the client's name on the document", is_optional=True),
        Column("date", DATE, "the day in Madrid"),
        Column("due_date", DATE, "until when it is to be paid", is_optional=True),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column(
            "exchange_rate",
            numeric(18, 8),
            "between its currency and the account's, as Holded has it",
            is_optional=True,
        ),
        Column("discount", numeric(9, 4), "off the whole document, in percent"),
        Column("subtotal", AMOUNT, "without tax, the document's discount taken off"),
        Column("tax", AMOUNT, "the taxes together"),
        Column("total", AMOUNT, "what is to be paid"),
        Column("payments_total", AMOUNT, "what was paid so far"),
        Column("payments_pending", AMOUNT, "what is still to be paid"),
        Column("is_draft", BOOLEAN, "not issued: counts for nothing"),
        Column("is_cancelled", BOOLEAN, "issued and cancelled: counts for nothing"),
        Column("is_paid", BOOLEAN, "nothing is pending; Holded's own status cannot be trusted"),
        Column("last_payment_on", DATE, "the day of the last payment", is_optional=True),
        Column("approved_at", INSTANT, "when it was issued", is_optional=True),
        Column("description", TEXT, "what stands on it beside its lines", is_optional=True),
        Column(
            "source_document_id",
            TEXT,
            "of a credit note, the document that it was made from",
            is_optional=True,
        ),
        Column(
            "sales_channel_id", TEXT, "the document's own channel, for lines without one", is_optional=True
        ),
        Column("is_removed", BOOLEAN, "a closed month holds it and Holded has it no more"),
    ),
)

INVOICE_LINES = Table(
    "invoice_lines",
    "A row is a line of an invoice or credit note; which service it sells is said by its account.",
    key=("invoice_id", "line_number"),
    preview=(
        "name",
        "net_amount",
        "units",
        "price",
        "discount",
        "invoice_id",
        "line_number",
    ),
    columns=(
        Column("invoice_id", TEXT, "the document that it is a line of"),
        Column("line_number", INTEGER, "its place on the document, from 1"),
        Column("line_id", TEXT, "its id in Holded, where it has one", is_optional=True),
        Column("name", TEXT, "what is sold"),
        Column("account_id", TEXT, "the account that says which service it sells", is_optional=True),
        Column("sku", TEXT, "the article's number", is_optional=True),
        Column("price", numeric(18, 6), "for one unit, without tax"),
        Column("units", numeric(18, 6), "how many"),
        Column("discount", numeric(9, 4), "off the line, in percent"),
        Column("retention", numeric(9, 4), "withheld by the client for the tax office, in percent"),
        Column("tax_rate", numeric(9, 4), "the tax on the line, in percent", is_optional=True),
        Column(
            "net_amount", AMOUNT, "price x units less discount, without tax, rounded half up to cents, once"
        ),
    ),
)

INVOICE_PAYMENTS = Table(
    "invoice_payments",
    "A row is a payment of an invoice or credit note in the month of its own date; news of a closed month's is in the "
    "first open one.",
    key=("id",),
    preview=(
        "document_number",
        "contact_name",
        "amount",
        "currency",
        "date",
        "document_type",
    ),
    columns=(
        Column("id", TEXT, "the document's id and the payment's own, or its place where it has none"),
        Column("document_id", TEXT, "the document that it is a payment of"),
        Column("document_type", TEXT, "invoice or creditnote"),
        Column("document_number", TEXT, "the document's, as it is printed", is_optional=True),
        Column("contact_id", TEXT, "the client's id in Holded", is_optional=True),
        Column("contact_name", TEXT, "the client's name on the document", is_optional=True),
        Column("date", DATE, "the day in Madrid"),
        Column(
            "amount", AMOUNT, "paid of an invoice, paid back of a credit note; negative the other way round"
        ),
        Column("currency", TEXT, "ISO 4217 code of the amount, the document's"),
        Column("is_removed", BOOLEAN, "a closed month holds it and Holded has it no more"),
    ),
)

CONTRACTS = Table(
    "contracts",
    "A row is what a document changes, in a month, in the contracts of a client for a service.",
    key=("contact_id", "service_id", "currency", "document_id"),
    preview=(
        "client",
        "service",
        "amount",
        "currency",
        "document_type",
        "document_date",
    ),
    columns=(
        Column("contact_id", TEXT, "the client's id in Holded"),
        Column("service_id", TEXT, "the service's id in Holded: its sales channel"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("document_id", TEXT, "empty in months that were closed before documents were told apart"),
        Column("contract_date", DATE, "the date of the contract's first document"),
        Column(
            "amount", AMOUNT, "what a contract comes to at a month's end is the sum of its rows up to then"
        ),
        Column("document_type", TEXT, "invoice or creditnote", is_optional=True),
        Column(
            "document_date",
            DATE,
            "the document's day in Madrid; of its rows the latest month's is what is known",
            is_optional=True,
        ),
        Column(
            "made_from",
            TEXT,
            "of a credit note, the id of the document that it was made from",
            is_optional=True,
        ),
    ),
)
