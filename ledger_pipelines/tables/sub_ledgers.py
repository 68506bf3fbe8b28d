"""What is computed from the journal: sub-ledgers, people's matches, reconciliation, trial balance, VAT summary."""

from __future__ import annotations

from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT, VAT_RATE
from ledger_pipelines.tables.table import BIGINT, DATE, INSTANT, INTEGER, TEXT, Column, Table

PAYMENT_MATCHES = Table(
    "payment_matches",
    "A row is a person's match of a settlement with an open item.",
    key=("id",),
    columns=(
        Column("id", BIGINT, "its number", is_identity=True),
        Column("settlement", TEXT, "the item that settles"),
        Column("item", TEXT, "the open item that it pays"),
        Column("amount", LEDGER_AMOUNT, "how much of it"),
        Column("person", TEXT, "who said so"),
        Column("matched_at", INSTANT, "when", default="now()"),
        Column("note", TEXT, "why", is_optional=True),
    ),
    is_monthly=False,
)

_LEDGER = (
    Column("party", TEXT, "whose item it is"),
    Column("voucher", TEXT, "the journal entry that it is of"),
    Column("kind", TEXT, "invoice, opening, or credit for a settlement with something left"),
    Column("invoice_number", TEXT, "the invoice's number", is_optional=True),
    Column("kid", TEXT, "the payment reference: text, leading zeros count", is_optional=True),
    Column("invoice_date", DATE, "the document's date"),
    Column("due_date", DATE, "until when it is to be paid; a credit is due on no day", is_optional=True),
    Column("amount", LEDGER_AMOUNT, "what it was at first; negative for credits"),
    Column("remaining_amount", LEDGER_AMOUNT, "what of it is left at the month's end; negative for credits"),
    Column("currency", TEXT, "ISO 4217 code of the amounts"),
    Column("status", TEXT, "open, partially_paid or paid, at the month's end"),
    Column("item", TEXT, "its id: the entry's and the place of its first line there"),
    Column("account", TEXT, "the control account"),
    Column("posting_date", DATE, "the day on which it counts"),
)
_LEDGER_PREVIEW = (
    *("party", "kind", "invoice_number", "due_date", "amount", "remaining_amount", "currency", "status"),
)
_TRANSACTIONS = (
    Column("party", TEXT, "whose item it is"),
    Column("date", DATE, "the day of the change"),
    Column("type", TEXT, "invoice, payment, credit_note or reversal"),
    Column("voucher", TEXT, "the journal entry of the item"),
    Column("settlement_voucher", TEXT, "the one of what it was matched with", is_optional=True),
    Column("amount", LEDGER_AMOUNT, "what the item's remaining amount changed by"),
    Column("currency", TEXT, "ISO 4217 code of the amount"),
    Column(
        "matched_by",
        TEXT,
        "how the two were matched: person, reversal, document, kid, invoice_number, amount, oldest_due, …",
        is_optional=True,
    ),
    Column("item", TEXT, "the item that changed"),
    Column("settlement", TEXT, "the item that it was matched with", is_optional=True),
    Column("account", TEXT, "the control account"),
    Column("number", INTEGER, "the item's changes of the month in order, from 1"),
)
_TRANSACTIONS_PREVIEW = (
    "date",
    "party",
    "type",
    "voucher",
    "settlement_voucher",
    "amount",
    "currency",
    "matched_by",
)


def _ledger(whose: str) -> Table:
    return Table(
        f"{whose}_ledger",
        f"A row is an item of a {whose} that was open at some time in the month, as it stood at its end.",
        key=("item",),
        preview=_LEDGER_PREVIEW,
        columns=_LEDGER,
    )


def _transactions(whose: str) -> Table:
    return Table(
        f"{whose}_ledger_transactions",
        f"A row is a change of what remains of an item of a {whose}.",
        key=("item", "number"),
        preview=_TRANSACTIONS_PREVIEW,
        columns=_TRANSACTIONS,
    )


CUSTOMER_LEDGER, SUPPLIER_LEDGER = _ledger("customer"), _ledger("supplier")
CUSTOMER_LEDGER_TRANSACTIONS, SUPPLIER_LEDGER_TRANSACTIONS = (
    _transactions("customer"),
    _transactions("supplier"),
)

LEDGER_RECONCILIATION = Table(
    "ledger_reconciliation",
    "A row is a control account, or deferred revenue, at a month's end beside what it is the sum of.",
    key=("account", "currency"),
    preview=(
        "account",
        "ledger_balance",
        "sub_ledger_balance",
        "difference",
        "explained",
        "unexplained",
        "currency",
    ),
    columns=(
        Column("account", TEXT, "the account's number"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("ledger_balance", LEDGER_AMOUNT, "the account's balance, on the side that raises it"),
        Column(
            "sub_ledger_balance", LEDGER_AMOUNT, "what remains of all items; or deferred revenue's closing"
        ),
        Column("difference", LEDGER_AMOUNT, "ledger balance less sub-ledger balance"),
        Column("manual", LEDGER_AMOUNT, "of it, manual lines without a party"),
        Column("before_sync_start", LEDGER_AMOUNT, "of it, entries before LEDGER_SYNC_START_DATE"),
        Column(
            "openings", LEDGER_AMOUNT, "of it, opening balances that ledger and parties state differently"
        ),
        Column("party_not_found", LEDGER_AMOUNT, "of it, lines whose party was not found"),
        Column("explained", LEDGER_AMOUNT, "the sum of these"),
        Column("unexplained", LEDGER_AMOUNT, "difference less explained: it must be 0.00"),
    ),
)

TRIAL_BALANCE = Table(
    "trial_balance",
    "A row is an account in a month and currency, from opening to closing; debits are positive.",
    key=("account", "currency"),
    preview=("account", "opening", "debit", "credit", "closing", "currency"),
    columns=(
        Column("account", TEXT, "its number; earlier_years for the result that no entry moved to equity"),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("opening", LEDGER_AMOUNT, "the balance when the month begins"),
        Column("debit", LEDGER_AMOUNT, "the month's debits"),
        Column("credit", LEDGER_AMOUNT, "the month's credits"),
        Column("closing", LEDGER_AMOUNT, "the balance at the month's end: opening + debit - credit"),
    ),
)

VAT_SUMMARY = Table(
    "vat_summary",
    "A row is a month's base and VAT of an account, a VAT code or category, and a rate; debits are positive.",
    key=("account", "code", "rate_text", "currency"),
    preview=("account", "code", "rate", "base", "vat", "currency"),
    columns=(
        Column("account", TEXT, "the account: the VAT's, or without VAT the base's"),
        Column(
            "code",
            TEXT,
            "the VAT code of the accounting file, else the category; empty where neither is known",
        ),
        Column("rate_text", TEXT, "the rate as text, empty where none is known"),
        Column("rate", VAT_RATE, "the rate in percent", is_optional=True),
        Column("currency", TEXT, "ISO 4217 code of the amounts"),
        Column("base", LEDGER_AMOUNT, "what the VAT is of"),
        Column("vat", LEDGER_AMOUNT, "the VAT"),
    ),
)
