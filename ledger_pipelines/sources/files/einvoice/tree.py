"""A document's tree: what it says it is, its amounts' currencies, and what of it bears on the books."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ledger_pipelines.en16931 import CREDIT_NOTE, INVOICE, Head
from ledger_pipelines.errors import LedgerError

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CAC, _CBC = f"{{{_UBL}CommonAggregateComponents-2}}", f"{{{_UBL}CommonBasicComponents-2}}"
_KINDS = {f"{{{_UBL}Invoice-2}}Invoice": INVOICE, f"{{{_UBL}CreditNote-2}}CreditNote": CREDIT_NOTE}
_TYPE_CODES = {INVOICE: "InvoiceTypeCode", CREDIT_NOTE: "CreditNoteTypeCode"}
#: What is read of a document; the rest, with its attachments, costs nothing, whatever stands in it.
_READ = {
    *("CustomizationID", "ID", "IssueDate", "DueDate", "InvoiceTypeCode", "CreditNoteTypeCode"),
    *("DocumentCurrencyCode", "TaxCurrencyCode", "AccountingCost", "BuyerReference", "OrderReference"),
    *("BillingReference", "AccountingSupplierParty", "AccountingCustomerParty", "PaymentMeans"),
    *("AllowanceCharge", "TaxTotal", "LegalMonetaryTotal", "InvoiceLine", "CreditNoteLine"),
}
#: What stands there once: of two, nobody knows which holds.
_ONCE = (
    *("AccountingSupplierParty", "AccountingCustomerParty", "DocumentCurrencyCode", "TaxCurrencyCode"),
    "LegalMonetaryTotal",
)
_READ_OF_LINE = {
    *("ID", "InvoicedQuantity", "CreditedQuantity", "LineExtensionAmount", "AccountingCost"),
    *("AllowanceCharge", "Item", "Price"),
}
#: What is read of the parts that hold dates and texts which bear on nothing.
_READ_OF = {
    "BillingReference": {"InvoiceDocumentReference"},
    "InvoiceDocumentReference": {"ID"},
    "OrderReference": {"ID"},
    "Party": {
        *("EndpointID", "PartyIdentification", "PartyName", "PostalAddress", "PartyTaxScheme"),
        "PartyLegalEntity",
    },
    "PaymentMeans": {"PaymentID", "PaymentDueDate", "PayeeFinancialAccount"},
    "InvoiceLine": _READ_OF_LINE,
    "CreditNoteLine": _READ_OF_LINE,
    "Item": {"Name", "ClassifiedTaxCategory"},
    "Price": {"PriceAmount", "BaseQuantity"},
}

_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}


def head_of(root: etree._Element, name: str) -> Head:
    """What the document says it is. Raises LedgerError where it is neither an invoice nor a credit note of UBL 2.1."""
    kind = _KINDS.get(root.tag)
    if kind is None:
        tag = etree.QName(root)
        raise LedgerError(
            f"{name} is no UBL 2.1 Invoice or CreditNote: its first element is {tag.localname} "
            f"{f'of {tag.namespace}' if tag.namespace else 'without a namespace'}."
        )
    return Head(kind, _text(root, "CustomizationID"), _text(root, _TYPE_CODES[kind]))


def currencies_of(root: etree._Element) -> tuple[str, str | None]:
    """The currencies of the document (BT-5) and of its VAT, where that is another (BT-6), which leaves the tree."""
    currency, other = _text(root, "DocumentCurrencyCode"), _text(root, "TaxCurrencyCode")
    for element in root.findall(f"{_CBC}TaxCurrencyCode"):
        root.remove(element)
    return currency, other if other and other != currency else None


def prune(root: etree._Element) -> None:
    """Takes out of the tree what bears on nothing, and writes yes and no in one way.

    Raises ValueError where a part that identifies the document stands there twice, or an amount is neither an
    allowance nor a charge.
    """
    _keep(root, _READ)
    found = [etree.QName(child).localname for child in root]
    for name in _ONCE:
        if found.count(name) > 1:
            raise ValueError(f"its {name} is given {found.count(name)} times")
    for part, names in _READ_OF.items():
        for element in list(root.iter(f"{_CAC}{part}")):
            _keep(element, names)
    for amount in root.iter(f"{_CAC}AllowanceCharge"):
        indicator = amount.find(f"{_CBC}ChargeIndicator")
        written = "" if indicator is None else (indicator.text or "").strip()
        if indicator is None or written not in _BOOLEANS:
            raise ValueError(f"a ChargeIndicator is {written!r}, and true or false are meant")
        indicator.text = _BOOLEANS[written]


def take_other_tax(root: etree._Element, other_currency: str | None) -> list[str]:
    """Takes the totals of VAT in the other currency out of the tree; their amounts, as they are written."""
    found: list[str] = []
    for total in list(root.iterchildren(f"{_CAC}TaxTotal")):
        amount = total.find(f"{_CBC}TaxAmount")
        if other_currency and amount is not None and amount.get("currencyID") == other_currency:
            found.append(amount.text or "")
            root.remove(total)
    return found


def strange_amounts(root: etree._Element, currency: str) -> Iterator[tuple[str, str]]:
    """The amounts that are not in the document's currency: each element's name and its currency, once each."""
    seen = set()
    for element in root.iter():
        name = etree.QName(element).localname
        theirs = element.get("currencyID")
        if (theirs is not None or name.endswith("Amount")) and theirs != currency:
            found = (name, theirs or "")
            if found not in seen:
                seen.add(found)
                yield found


def _keep(element: etree._Element, names: set[str]) -> None:
    for child in list(element):
        if etree.QName(child).localname not in names:
            element.remove(child)


def _text(root: etree._Element, name: str) -> str:
    return " ".join((root.findtext(f"{_CBC}{name}") or "").split())
