"""Electronic invoices for tests: UBL whose figures agree, and the entries that they come to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.en16931 import Document
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.einvoices.entries import entries_of
from ledger_pipelines.general_ledger.einvoices.rows import File, Placed, party_of, rows_of, source_id_of
from ledger_pipelines.general_ledger.journal import Journal
from ledger_pipelines.general_ledger.parties import Terms
from ledger_pipelines.sources.files.einvoice.reading import read_document
from ledger_pipelines.sources.files.einvoice.tree import head_of
from ledger_pipelines.sources.files.xml import parse_xml
from ledger_pipelines.tables.general_ledger import ACCOUNTS

US, SUPPLIER = "987654325", "123456785"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_PEPPOL = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_CENT = Decimal("0.01")
_ROLES = {
    "prepayments_to_suppliers": "1480",
    "receivables": "1500",
    "payables": "2400",
    "reverse_charge_output_abroad": "2704",
    "reverse_charge_output_home": "2707",
    "reverse_charge_input_abroad": "2714",
    "reverse_charge_input_home": "2717",
    "prepayments_from_customers": "2900",
    "revenue": "3000",
    "expense": "6790",
    "rounding": "7740",
}
_VAT = {"2700": "25", "2701": "15", "2703": "12", "2710": "25", "2711": "15", "2713": "12"}


@dataclass(frozen=True)
class Ubl:
    """A document in few words: lines, allowances (negative) and charges as `amount category rate`."""

    lines: Sequence[str] = ("1000 S 25",)
    allowances_charges: Sequence[str] = ()
    prepaid: str | None = None
    rounding: str | None = None
    kind: str = "Invoice"
    type_code: str = "380"
    number: str = "F-1"
    issued: str = "2025-03-10"
    due: str | None = None
    currency: str = "NOK"
    other_currency: str | None = None
    seller: str = SUPPLIER
    buyer: str = US
    seller_country: str = "NO"
    credited: Sequence[str] = ()
    kids: Sequence[str] = ()
    costs: dict[int, str] = field(default_factory=dict)
    cost: str | None = None
    specification: str = _PEPPOL
    extra: str = ""

    def xml(self) -> str:
        """The document. Its lines come to what its totals say."""
        parts = [one.split() for one in (*self.lines, *self.allowances_charges)]
        bases: dict[tuple[str, str], Decimal] = {}
        for amount, category, rate in parts:
            bases[category, rate] = bases.get((category, rate), Decimal(0)) + Decimal(amount)
        taxes = {key: _tax(base, key[1]) for key, base in bases.items()}
        lines = sum((Decimal(one.split()[0]) for one in self.lines), Decimal(0))
        extras = [Decimal(one.split()[0]) for one in self.allowances_charges]
        allowances = -sum((one for one in extras if one < 0), Decimal(0))
        charges = sum((one for one in extras if one >= 0), Decimal(0))
        net, tax = lines - allowances + charges, sum(taxes.values(), Decimal(0))
        payable = net + tax - Decimal(self.prepaid or 0) + Decimal(self.rounding or 0)
        has_allowances = any(one < 0 for one in extras)
        has_charges = any(one >= 0 for one in extras)
        body = [
            _text("CustomizationID", self.specification),
            _text("ID", self.number),
            _text("IssueDate", self.issued),
            _text("DueDate", self.due) if self.due else "",
            _text(f"{self.kind}TypeCode", self.type_code),
            _text("DocumentCurrencyCode", self.currency),
            _text("TaxCurrencyCode", self.other_currency) if self.other_currency else "",
            _text("AccountingCost", self.cost) if self.cost else "",
            *(
                f"<cac:BillingReference><cac:InvoiceDocumentReference>{_text('ID', one)}"
                "</cac:InvoiceDocumentReference></cac:BillingReference>"
                for one in self.credited
            ),
            _party("AccountingSupplierParty", "Seller AS", self.seller, self.seller_country),
            _party("AccountingCustomerParty", "Buyer AS", self.buyer, "NO"),
            *(f"<cac:PaymentMeans>{_text('PaymentID', kid)}</cac:PaymentMeans>" for kid in self.kids),
            *(self._allowance_charge(one) for one in self.allowances_charges),
            self._taxes(bases, taxes, tax),
            "<cac:LegalMonetaryTotal>",
            self._amount("LineExtensionAmount", lines),
            self._amount("TaxExclusiveAmount", net),
            self._amount("TaxInclusiveAmount", net + tax),
            self._amount("AllowanceTotalAmount", allowances) if has_allowances else "",
            self._amount("ChargeTotalAmount", charges) if has_charges else "",
            self._amount("PrepaidAmount", self.prepaid) if self.prepaid else "",
            self._amount("PayableRoundingAmount", self.rounding) if self.rounding else "",
            self._amount("PayableAmount", payable),
            "</cac:LegalMonetaryTotal>",
            *(self._line(place, one) for place, one in enumerate(self.lines, start=1)),
            self.extra,
        ]
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{self.kind} xmlns="{_UBL}{self.kind}-2"\n'
            f' xmlns:cac="{_UBL}CommonAggregateComponents-2" xmlns:cbc="{_UBL}CommonBasicComponents-2">\n'
            + "\n".join(filter(None, body))
            + f"\n</{self.kind}>\n"
        )

    def document(self) -> Document:
        """The document as it is read."""
        return read(self.xml())

    def _amount(self, name: str, amount: Decimal | str) -> str:
        return f'<cbc:{name} currencyID="{self.currency}">{amount}</cbc:{name}>'

    def _allowance_charge(self, one: str) -> str:
        amount, category, rate = one.split()
        is_charge = Decimal(amount) >= 0
        return (
            f"<cac:AllowanceCharge>{_text('ChargeIndicator', str(is_charge).lower())}"
            f"{self._amount('Amount', abs(Decimal(amount)))}{_category('TaxCategory', category, rate)}"
            "</cac:AllowanceCharge>"
        )

    def _taxes(
        self, bases: dict[tuple[str, str], Decimal], taxes: dict[tuple[str, str], Decimal], tax: Decimal
    ) -> str:
        subtotals = "".join(
            f"<cac:TaxSubtotal>{self._amount('TaxableAmount', base)}{self._amount('TaxAmount', taxes[key])}"
            f"{_category('TaxCategory', *key)}</cac:TaxSubtotal>\n"
            for key, base in bases.items()
        )
        return f"<cac:TaxTotal>{self._amount('TaxAmount', tax)}\n{subtotals}</cac:TaxTotal>"

    def _line(self, place: int, one: str) -> str:
        amount, category, rate = one.split()
        quantity = {"Invoice": "InvoicedQuantity", "CreditNote": "CreditedQuantity"}[self.kind]
        cost = _text("AccountingCost", self.costs[place]) if place in self.costs else ""
        return (
            f"<cac:{self.kind}Line>{_text('ID', str(place))}<cbc:{quantity} unitCode='C62'>1</cbc:{quantity}>"
            f"{self._amount('LineExtensionAmount', amount)}{cost}<cac:Item>{_text('Name', f'Item {place}')}"
            f"{_category('ClassifiedTaxCategory', category, rate)}</cac:Item>"
            f"<cac:Price>{self._amount('PriceAmount', amount)}</cac:Price></cac:{self.kind}Line>"
        )


def read(xml: str | bytes, name: str = "invoice.xml") -> Document:
    """The document of a file with this text."""
    root = parse_xml(xml if isinstance(xml, bytes) else xml.encode(), name)
    return read_document(root, head_of(root, name), name)


def accounts() -> pa.Table:
    """The accounts that the rules name, and 6300, which nobody posts to unless a line names it."""
    roles = [(number, role, None) for role, number in _ROLES.items()]
    vat = [
        (number, "output_vat" if number < "2710" else "input_vat", Decimal(rate))
        for number, rate in _VAT.items()
    ]
    rows = [
        {"number": number, "name": number, "kind": _kind(number), "control": _CONTROL.get(number)}
        | {"role": role, "vat_rate": rate}
        for number, role, rate in [*roles, *vat, ("6300", None, None)]
    ]
    return pa.Table.from_pylist(rows, ACCOUNTS.schema)


def entries(
    documents: Sequence[Document],
    *,
    side: str = "purchase",
    rate: str | None = None,
    expense_account: str | None = None,
    terms: Terms | None = None,
    purchase_accounts: Collection[str] = ("6300", "6790"),
) -> Journal:
    """The entries of these documents, each posted on its own day."""
    frames = []
    for document in documents:
        party = f"{'supplier' if side == 'purchase' else 'customer'}:{source_id_of(party_of(document, side))}"
        placed = Placed(
            side=side,
            supplier=f"supplier:{source_id_of(document.seller)}",
            party=party,
            posting_date=document.issue_date,
            terms=terms or Terms(),
            expense_account=expense_account,
            purchase_accounts=purchase_accounts,
            reverse_charge_rate=None if rate is None else Decimal(rate),
        )
        frames.append(rows_of(document, File("invoice.xml", "0"), placed))
    invoices, taxes, lines = (pa.concat_tables([one[name] for one in frames]) for name in frames[0])
    return entries_of(invoices, taxes, lines, Chart.of(accounts()))


def payable_line(journal: Journal) -> dict[str, Any]:
    """The line of the one entry that is an open item."""
    (line,) = [row for row in journal.lines.to_pylist() if row["account"] in _CONTROL]
    return line


_CONTROL = {"1500": "customer", "2400": "supplier"}


def _kind(number: str) -> str:
    return {"1": "asset", "2": "liability", "3": "revenue"}.get(number[0], "expense")


def _tax(base: Decimal, rate: str) -> Decimal:
    return (base * Decimal(rate) / 100).quantize(_CENT, ROUND_HALF_UP)


def _text(name: str, text: str) -> str:
    return f"<cbc:{name}>{text}</cbc:{name}>"


def _category(name: str, category: str, rate: str) -> str:
    return (
        f"<cac:{name}>{_text('ID', category)}{_text('Percent', rate)}<cac:TaxScheme>{_text('ID', 'VAT')}"
        f"</cac:TaxScheme></cac:{name}>"
    )


def _party(role: str, name: str, number: str, country: str) -> str:
    return (
        f"<cac:{role}><cac:Party><cac:PostalAddress><cac:Country>{_text('IdentificationCode', country)}"
        f"</cac:Country></cac:PostalAddress><cac:PartyLegalEntity>{_text('RegistrationName', name)}"
        f"{_text('CompanyID', number)}</cac:PartyLegalEntity></cac:Party></cac:{role}>"
    )


def day(text: str) -> date:
    """A day as it is written."""
    return date.fromisoformat(text)
