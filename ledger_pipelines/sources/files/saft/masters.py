"""The header and the master files of a SAF-T file: the company, its accounts, customers and suppliers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import format_amount
from ledger_pipelines.sources.files.saft.names import Element, child, tag, text
from ledger_pipelines.sources.files.saft.values import day, decimal
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT

VERSIONS = ("1.0", "1.10", "1.20", "1.30")
_LONGEST_TERM = 3660
_LONGEST_ID = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Whose books a file has, in which currency, and of which time. `start` is None where the file does not say."""

    version: str
    registration_number: str | None
    company: str
    currency: str
    created: str | None
    selection: tuple[str | None, ...]
    start: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the file's chart; debits positive. A balance is None where the file states none."""

    number: str
    name: str | None
    standard_account: str | None
    opening: Decimal | None
    closing: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a party owes (positive) or is owed on one account."""

    account: str
    opening: Decimal | None
    closing: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A customer or supplier of the file. `balances` has an account at most once."""

    kind: str
    party_id: str
    name: str | None
    registration_number: str | None
    country: str | None
    payment_days: int | None
    payment_months: int | None
    free_billing_month: bool
    balances: tuple[Balance, ...]


def read_header(element: Element, name: str) -> Header:
    """The header. Raises LedgerError for a version that is not known, or where company or currency are missing."""
    version = text(element, "AuditFileVersion")
    if version not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise LedgerError(f"{name} is SAF-T version {version or '(none)'}: {known} can be read.")
    currency = text(element, "DefaultCurrencyCode")
    if currency is None or len(currency) != 3 or not currency.isalpha() or not currency.isupper():
        raise LedgerError(f"{name} has no DefaultCurrencyCode of three letters: its amounts mean nothing.")
    criteria = child(element, "SelectionCriteria")
    selection = tuple(
        None if criteria is None else text(criteria, part)
        for part in (
            "SelectionStartDate",
            "SelectionEndDate",
            "PeriodStart",
            "PeriodStartYear",
            "PeriodEnd",
            "PeriodEndYear",
        )
    )
    return Header(
        version=version,
        registration_number=text(element, "Company", "RegistrationNumber"),
        company=text(element, "Company", "Name") or "a company without a name",
        currency=currency,
        created=text(element, "AuditFileDateCreated"),
        selection=selection,
        start=_start(selection, name),
    )


def read_account(element: Element, name: str) -> Account:
    """An account. Raises LedgerError where it has no number or states an invalid balance."""
    number = text(element, "AccountID")
    if number is None or len(number) > _LONGEST_ID:
        raise LedgerError(f"{name} has an account without an AccountID.")
    where = f"{name}: account {number}"
    return Account(
        number=number,
        name=text(element, "AccountDescription"),
        standard_account=text(element, "StandardAccountID") or _grouping_code(element),
        opening=_balance(element, "Opening", where),
        closing=_balance(element, "Closing", where),
    )


def read_party(element: Element, kind: str, name: str) -> Party:
    """A customer or supplier (`kind`). Raises LedgerError where it has no id or states what cannot be."""
    party_id = text(element, "CustomerID" if kind == "customer" else "SupplierID")
    if party_id is None or len(party_id) > _LONGEST_ID:
        raise LedgerError(f"{name} has a {kind} without an id: {text(element, 'Name') or 'without a name'}.")
    where = f"{name}: {kind} {party_id}"
    terms = child(element, "PartyInfo", "PaymentTerms")
    return Party(
        kind=kind,
        party_id=party_id,
        name=text(element, "Name"),
        registration_number=text(element, "RegistrationNumber"),
        country=text(element, "Address", "Country"),
        payment_days=_term(terms, "Days", where),
        payment_months=_term(terms, "Months", where),
        free_billing_month=terms is not None and text(terms, "FreeBillingMonth") in ("true", "1"),
        balances=_balances(element, where),
    )


def _grouping_code(element: Element) -> str | None:
    """In 1.30 the standard account is a code of a category: those of the tax return have the chart's numbers."""
    category = text(element, "GroupingCategory") or ""
    return text(element, "GroupingCode") if category.startswith("RF-") else None


def _balances(element: Element, where: str) -> tuple[Balance, ...]:
    """The balances by account: in 1.30 elements of their own, before that one of the party's itself."""
    found: dict[str, Balance] = {}
    for stated in element.findall(tag("BalanceAccount")) or [element]:
        account = text(stated, "AccountID")
        opening, closing = (_balance(stated, side, where) for side in ("Opening", "Closing"))
        if account is None:
            if opening or closing:
                amount = format_amount(opening or closing or Decimal(), "")
                raise LedgerError(f"{where} has a balance of {amount} and no AccountID that it is on.")
            continue
        if account in found:
            raise LedgerError(f"{where} states its balance on account {account} twice.")
        found[account] = Balance(account=account, opening=opening, closing=closing)
    return tuple(found.values())


def _balance(element: Element, side: str, where: str) -> Decimal | None:
    debit, credit = (
        decimal(text(element, f"{side}{way}Balance"), LEDGER_AMOUNT, f"{side}{way}Balance", where)
        for way in ("Debit", "Credit")
    )
    return None if debit is None and credit is None else (debit or Decimal()) - (credit or Decimal())


def _term(terms: Element | None, part: str, where: str) -> int | None:
    """Days or months of the payment terms, None where none are given or they are impossible."""
    value = None if terms is None else text(terms, part)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit():
        raise LedgerError(f"{where}: {part} of its payment terms is no whole number: {value[:60]!r}.")
    limit = _LONGEST_TERM if part == "Days" else 120
    return int(value) if len(value) < 6 and int(value) <= limit else None


def _start(selection: tuple[str | None, ...], name: str) -> date | None:
    """The first day that the file covers."""
    start, _, period, year, _, _ = selection
    if start is not None:
        return day(start, "SelectionStartDate", name)
    if period is None or year is None:
        return None
    if not (period.isascii() and period.isdigit() and len(year) == 4 and year.isascii() and year.isdigit()):
        raise LedgerError(f"{name} begins with period {period} of {year}, which are no numbers.")
    return date(max(int(year), 1), min(max(int(period[:9]), 1), 12), 1)
