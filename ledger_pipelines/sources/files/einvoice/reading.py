"""From a document's tree to its terms: factur-x finds them, and they are held against what they must be here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from facturx.parse_xml import parse_ubl_cii_xml
from lxml import etree

from ledger_pipelines.en16931 import (
    INVOICE,
    AllowanceCharge,
    Company,
    Document,
    Head,
    Line,
    Totals,
    VatBreakdown,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.files.decimals import parse_decimal
from ledger_pipelines.sources.files.einvoice.tree import (
    currencies_of,
    prune,
    strange_amounts,
    take_other_tax,
)

_FLAVORS = {True: "ubl-2.1-invoice", False: "ubl-2.1-creditnote"}
_CURRENCY = re.compile("[A-Z]{3}")
#: The rules of EN 16931 by which these terms must be there.
_REQUIRED = {
    "BT-1": ("BR-02", "its number"),
    "BT-2": ("BR-03", "its date of issue"),
    "BG-4": ("BR-06", "its seller's name"),
    "BG-7": ("BR-07", "its buyer's name"),
    "BT-106": ("BR-12", "the sum of its lines"),
    "BT-109": ("BR-13", "its total without VAT"),
    "BT-112": ("BR-14", "its total with VAT"),
    "BT-115": ("BR-15", "the amount due"),
    "BG-25": ("BR-16", "its lines"),
}


def read_document(root: etree._Element, head: Head, name: str) -> Document:
    """The document's terms; the tree loses what bears on nothing. `name` is what messages call the file.

    Raises LedgerError where a term is missing that every document has, stands there twice, or is no number or date.
    """
    try:
        prune(root)
    except ValueError as error:
        raise LedgerError(f"{name} cannot be taken: {error}.") from None
    currency, other_currency = currencies_of(root)
    if not _CURRENCY.fullmatch(currency):
        raise LedgerError(
            f"{name} has no currency (BR-05): its DocumentCurrencyCode is {currency!r}, and three letters are one."
        )
    other_tax = take_other_tax(root, other_currency)
    strange = tuple(strange_amounts(root, currency))
    currencies = _Currencies(currency, other_currency, other_tax, strange)
    try:
        terms = parse_ubl_cii_xml(
            root,
            flavor=_FLAVORS[head.kind == INVOICE],
            level="en16931",
            float_as="string",
            bytes_as="string",
            check_xsd=False,
        )
    except ValueError as error:
        raise LedgerError(f"{name} has a date that is none, write YYYY-MM-DD: {error}.") from None
    missing = [f"{what} ({rule})" for term, (rule, what) in _REQUIRED.items() if not _is_there(terms, term)]
    if missing:
        raise LedgerError(f"{name} lacks {', '.join(missing)}.")
    try:
        return _document(_Terms(terms), head, currencies)
    except ValueError as error:
        raise LedgerError(f"{name} cannot be taken: {error}.") from None


def _is_there(terms: Mapping[str, Any], term: str) -> bool:
    value = terms.get(term)
    if term in ("BG-4", "BG-7"):
        return bool(value and (value.get("name") or value.get("biz_name")))
    return bool(value)


class _Terms:
    """The values of a group of terms, each of its kind. Raises ValueError where one is not."""

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values = values
        self._where = where

    def text(self, term: str) -> str | None:
        value = self._values.get(term)
        if isinstance(value, list):
            if len(set(value)) > 1:
                raise ValueError(f"{term}{self._where} is given {len(value)} times")
            value = value[0]
        return " ".join(str(value).split()) or None if value is not None else None

    def texts(self, term: str) -> tuple[str, ...]:
        value = self._values.get(term)
        several = value if isinstance(value, list) else [value]
        return tuple(dict.fromkeys(" ".join(str(one).split()) for one in several if one))

    def number(self, term: str) -> Decimal | None:
        text = self.text(term)
        try:
            return None if text is None else parse_decimal(text)
        except ValueError as error:
            raise ValueError(f"{term}{self._where}: {error}") from None

    def required(self, term: str) -> Decimal:
        number = self.number(term)
        if number is None:
            raise ValueError(f"{term}{self._where} is missing")
        return number

    def day(self, term: str) -> date | None:
        """The day; the first, where a document names several."""
        value = self._values.get(term)
        days: Sequence[date] = value if isinstance(value, list) else [value] if value else []
        return min(days, default=None)

    def groups(self, term: str, what: str) -> Iterator[_Terms]:
        for place, values in enumerate(self._values.get(term) or [], start=1):
            yield _Terms(values, f" of {what} {place}{self._where}")

    def company(self, term: str) -> Company:
        values = self._values[term]
        party = _Terms(values)
        ids = [*(values.get("identifiers") or {}).values(), *party.texts("einvoicing_addr")]
        return Company(
            name=party.text("name") or party.text("biz_name") or "",
            legal_number=party.text("legal_identifier"),
            vat_number=party.text("vat_identifier"),
            other_ids=tuple(dict.fromkeys(filter(None, (str(one).strip() for one in ids)))),
            country=party.text("country_code"),
        )


@dataclass(frozen=True, slots=True)
class _Currencies:
    """The document's currency, the other one with its VAT as it is written, and amounts in neither."""

    currency: str
    other: str | None
    other_tax: Sequence[str]
    strange: tuple[tuple[str, str], ...]


def _document(terms: _Terms, head: Head, currencies: _Currencies) -> Document:
    issue_date = terms.day("BT-2")
    number = terms.text("BT-1")
    if issue_date is None or number is None:
        raise ValueError("BT-1 or BT-2 is empty")
    return Document(
        head=head,
        number=number,
        issue_date=issue_date,
        due_date=terms.day("BT-9"),
        currency=currencies.currency,
        seller=terms.company("BG-4"),
        buyer=terms.company("BG-7"),
        lines=tuple(_line(one) for one in terms.groups("BG-25", "line")),
        allowances_charges=(
            *(_allowance_charge(one, is_charge=False) for one in terms.groups("BG-20", "allowance")),
            *(_allowance_charge(one, is_charge=True) for one in terms.groups("BG-21", "charge")),
        ),
        vat=tuple(_vat(one) for one in terms.groups("BG-23", "VAT breakdown")),
        totals=_totals(terms),
        other_currency=currencies.other,
        other_tax=_Terms({"BT-111": list(currencies.other_tax) or None}).number("BT-111"),
        kids=terms.texts("BT-83"),
        bank_accounts=terms.texts("BT-84"),
        order_reference=terms.text("BT-13"),
        buyer_reference=terms.text("BT-10"),
        accounting_cost=terms.text("BT-19"),
        credited=tuple(
            dict.fromkeys(text for one in terms.groups("BG-3", "reference") for text in one.texts("BT-25"))
        ),
        strange_amounts=currencies.strange,
    )


def _totals(terms: _Terms) -> Totals:
    return Totals(
        lines=terms.required("BT-106"),
        allowances=terms.number("BT-107"),
        charges=terms.number("BT-108"),
        net=terms.required("BT-109"),
        tax=terms.number("BT-110"),
        gross=terms.required("BT-112"),
        prepaid=terms.number("BT-113"),
        rounding=terms.number("BT-114"),
        payable=terms.required("BT-115"),
    )


def _line(terms: _Terms) -> Line:
    return Line(
        number=terms.text("BT-126") or "",
        net=terms.required("BT-131"),
        quantity=terms.number("BT-129"),
        price=terms.number("BT-146"),
        base_quantity=terms.number("BT-149"),
        allowances=tuple(one.required("amount") for one in terms.groups("BG-27", "allowance")),
        charges=tuple(one.required("amount") for one in terms.groups("BG-28", "charge")),
        category=terms.text("BT-151"),
        rate=terms.number("BT-152"),
        accounting_cost=terms.text("BT-133"),
        name=terms.text("BT-153"),
    )


def _allowance_charge(terms: _Terms, *, is_charge: bool) -> AllowanceCharge:
    return AllowanceCharge(
        is_charge=is_charge,
        amount=terms.required("amount"),
        category=terms.text("vat_category_code"),
        rate=terms.number("vat_rate"),
        reason=terms.text("reason"),
    )


def _vat(terms: _Terms) -> VatBreakdown:
    category = terms.text("BT-118")
    if category is None:
        raise ValueError("a VAT breakdown has no category (BR-47)")
    return VatBreakdown(
        base=terms.required("BT-116"),
        tax=terms.required("BT-117"),
        category=category,
        rate=terms.number("BT-119"),
    )
