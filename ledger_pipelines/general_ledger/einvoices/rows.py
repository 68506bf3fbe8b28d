"""A document as the rows that are kept of it (rules/general_ledger.md, E-invoices)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.en16931 import Company, Document
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.einvoices.taken import PURCHASE, numbers_of
from ledger_pipelines.general_ledger.parties import Terms, registration_number
from ledger_pipelines.money import minor_unit
from ledger_pipelines.months import first_open_after, month_of
from ledger_pipelines.tables.table import Table
from ledger_pipelines.tables.vendor_invoices import (
    VENDOR_INVOICE_LINES,
    VENDOR_INVOICE_TAXES,
    VENDOR_INVOICES,
)

SOURCE_SYSTEM = "ehf"
REVERSE_CHARGE = "AE"
_BOUGHT = frozenset(["expense", "asset"])
#: Where these books are: what is sold from another country is from abroad.
HOME = "NO"
_TABLES = (VENDOR_INVOICES, VENDOR_INVOICE_TAXES, VENDOR_INVOICE_LINES)


@dataclass(frozen=True, slots=True)
class File:
    """The file that a document came in: its name and SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Placed:
    """What the books add to a document: side, supplier and party (`parties.id`), and the day on which it is posted.

    `terms` and `expense_account` are the party's; `purchase_accounts` are those that a line may name.
    """

    side: str
    supplier: str
    party: str
    posting_date: date
    terms: Terms
    expense_account: str | None
    purchase_accounts: Collection[str]
    reverse_charge_rate: Decimal | None


def purchase_accounts(accounts: pa.Table) -> frozenset[str]:
    """The accounts that a supplier's line may name: expenses and assets without a part of their own in the posting.

    `accounts` has the columns of the table of that name. The bank, or a control account, is none.
    """
    return frozenset(
        one["number"]
        for one in accounts.select(["number", "kind", "control", "role"]).to_pylist()
        if one["kind"] in _BOUGHT and one["control"] is None and one["role"] in (None, "expense")
    )


def posting_date_of(issue_date: date, closed: Collection[date]) -> date:
    """The document's date; in a closed month the first day of the first open one."""
    month = month_of(issue_date)
    return first_open_after(month, closed) if month in closed else issue_date


def party_of(document: Document, side: str) -> Company:
    """The other one: of a purchase the seller, of a sale the buyer."""
    return document.seller if side == PURCHASE else document.buyer


def source_id_of(company: Company) -> str:
    """What e-invoices know a company by: its register's number, else another id, else its name."""
    return next(iter(numbers_of(company)), company.name)


def registered_number_of(company: Company) -> str | None:
    """The company's number in a register, where it has one."""
    return registration_number(company.legal_number) or registration_number(company.vat_number)


def content_of(document: Document) -> str:
    """SHA-256 of what the document says, however its file is written."""
    return hashlib.sha256(repr(_normal(asdict(document))).encode()).hexdigest()


def _normal(value: Any) -> Any:
    """The value with its decimals in one form: 25 and 25.00 are one rate."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, Mapping):
        return [(key, _normal(one)) for key, one in value.items()]
    return [_normal(one) for one in value] if isinstance(value, list | tuple) else value


def rows_of(document: Document, file: File, placed: Placed) -> dict[str, pa.Table]:
    """The rows of each table. Raises LedgerError where an amount does not fit the ledger."""
    key = {
        "month": month_of(placed.posting_date),
        "supplier": placed.supplier,
        "kind": document.head.kind,
        "number": document.number,
    }
    rows = (
        [key | _invoice(document, file, placed)],
        [key | row for row in _numbered(_taxes(document, placed))],
        [key | row for row in _numbered(_lines(document, placed))],
    )
    try:
        return {table.name: _frame(table, found) for table, found in zip(_TABLES, rows, strict=True)}
    except (pa.ArrowInvalid, ValueError) as error:
        raise LedgerError(
            f"{file.name} has an amount or rate that does not fit the ledger: {error}."
        ) from None


def _frame(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, table.schema)


def _numbered(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for line, row in enumerate(rows, start=1):
        yield row | {"line": line}


def _invoice(document: Document, file: File, placed: Placed) -> dict[str, Any]:
    totals = document.totals
    return {
        "type_code": document.head.type_code,
        "issue_date": document.issue_date,
        "due_date": document.due_date or placed.terms.due_date(document.issue_date),
        "currency": document.currency,
        "net": totals.net,
        "tax": totals.tax or Decimal(0),
        "gross": totals.gross,
        "prepaid": totals.prepaid or Decimal(0),
        "rounding": totals.rounding or Decimal(0),
        "payable": totals.payable,
        "side": placed.side,
        "party": placed.party,
        "party_name": party_of(document, placed.side).name,
        "posting_date": placed.posting_date,
        "other_currency": document.other_currency,
        "other_tax": document.other_tax,
        "kids": "\n".join(document.kids) or None,
        "bank_accounts": "\n".join(document.bank_accounts) or None,
        "order_reference": document.order_reference,
        "buyer_reference": document.buyer_reference,
        "credited": "\n".join(document.credited) or None,
        "file": file.name,
        "sha256": file.sha256,
        "content": content_of(document),
    }


def _taxes(document: Document, placed: Placed) -> Iterator[dict[str, Any]]:
    for one in document.vat:
        rate = placed.reverse_charge_rate
        is_ours = one.category == REVERSE_CHARGE and placed.side == PURCHASE and rate is not None
        yield {
            "category": one.category,
            "rate": one.rate,
            "base": one.base,
            "tax": one.tax,
            "is_from_abroad": document.seller.country != HOME,
            "self_assessed_rate": rate if is_ours else None,
            "self_assessed": _share(one.base, rate, document.currency)
            if is_ours and rate is not None
            else None,
        }


def _share(base: Decimal, rate: Decimal, currency: str) -> Decimal:
    return (base * rate / 100).quantize(Decimal(1).scaleb(-minor_unit(currency)), ROUND_HALF_UP)


def _lines(document: Document, placed: Placed) -> Iterator[dict[str, Any]]:
    for line in document.lines:
        yield {
            "account": _account(document, placed, line.accounting_cost),
            "amount": line.net,
            "category": line.category,
            "rate": line.rate,
            "description": line.name,
        }
    for one in document.allowances_charges:
        yield {
            "account": _account(document, placed, None),
            "amount": one.amount if one.is_charge else -one.amount,
            "category": one.category,
            "rate": one.rate,
            "description": one.reason,
        }


def _account(document: Document, placed: Placed, named: str | None) -> str | None:
    if placed.side != PURCHASE:
        return None
    for account in (named, document.accounting_cost):
        if account in placed.purchase_accounts:
            return account
    return placed.expense_account
