"""An electronic invoice by the terms of EN 16931, as files give it and the general ledger takes it.

Amounts are the document's own, in its currency: those of a credit note are positive where they credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

#: The kinds of documents.
INVOICE, CREDIT_NOTE = "invoice", "credit_note"


@dataclass(frozen=True, slots=True)
class Head:
    """What a document says it is: `kind`, specification (BT-24) and type code (BT-3), as they are written."""

    kind: str
    specification: str
    type_code: str


@dataclass(frozen=True, slots=True)
class Company:
    """A seller (BG-4) or buyer (BG-7): its name, its registration and VAT numbers, other ids, and its country."""

    name: str
    legal_number: str | None
    vat_number: str | None
    other_ids: tuple[str, ...]
    country: str | None

    @property
    def numbers(self) -> tuple[str, ...]:
        """What identifies the company: its registers' numbers; its other ids only where it has none."""
        registered = tuple(number for number in (self.legal_number, self.vat_number) if number)
        return registered or self.other_ids


@dataclass(frozen=True, slots=True)
class AllowanceCharge:
    """An allowance (BG-20) or charge (BG-21) of the whole document."""

    is_charge: bool
    amount: Decimal
    category: str | None
    rate: Decimal | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line (BG-25): its net amount (BT-131), what that is computed from, its VAT, and the buyer's account for it."""

    number: str
    net: Decimal
    quantity: Decimal | None
    price: Decimal | None
    base_quantity: Decimal | None
    allowances: tuple[Decimal, ...]
    charges: tuple[Decimal, ...]
    category: str | None
    rate: Decimal | None
    accounting_cost: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class VatBreakdown:
    """What is taxed in one category and rate (BG-23)."""

    base: Decimal
    tax: Decimal
    category: str
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The document's totals (BG-22); an allowance, charge, prepaid or rounding amount that is not stated is None."""

    lines: Decimal
    allowances: Decimal | None
    charges: Decimal | None
    net: Decimal
    tax: Decimal | None
    gross: Decimal
    prepaid: Decimal | None
    rounding: Decimal | None
    payable: Decimal


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or credit note.

    `other_currency` and `other_tax` are the VAT in another currency (BT-6, BT-111), `credited` the numbers of the
    documents that it refers to (BT-25), `strange_amounts` the amounts that are not in its currency: each element's name
    and the currency that it has.
    """

    head: Head
    number: str
    issue_date: date
    due_date: date | None
    currency: str
    seller: Company
    buyer: Company
    lines: tuple[Line, ...]
    allowances_charges: tuple[AllowanceCharge, ...]
    vat: tuple[VatBreakdown, ...]
    totals: Totals
    other_currency: str | None
    other_tax: Decimal | None
    kids: tuple[str, ...]
    bank_accounts: tuple[str, ...]
    order_reference: str | None
    buyer_reference: str | None
    accounting_cost: str | None
    credited: tuple[str, ...]
    strange_amounts: tuple[tuple[str, str], ...]

    @property
    def is_credit_note(self) -> bool:
        """Whether its amounts take back what invoices charge."""
        return self.head.kind == CREDIT_NOTE
