"""Which electronic invoices are taken, and on which side of them we are (rules/general_ledger.md, E-invoices)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ledger_pipelines.en16931 import CREDIT_NOTE, INVOICE, Company, Document, Head
from ledger_pipelines.general_ledger.parties import registration_number
from ledger_pipelines.months import OLDEST_FIRST_MONTH

PURCHASE, SALE = "purchase", "sale"
_SPECIFICATION = "urn:cen.eu:en16931:2017"
_TYPE_CODES = {
    INVOICE: (
        "PEPPOL-EN16931-P0100",
        frozenset(
            [
                *("80", "82", "84", "102", "326", "331", "380", "382", "383", "384", "386", "388", "393"),
                *("395", "553", "575", "623", "780", "817", "870", "875", "876", "877"),
            ]
        ),
    ),
    CREDIT_NOTE: ("PEPPOL-EN16931-P0101", frozenset(["81", "83", "381", "396", "532"])),
}
_SELF_BILLED = frozenset(["389", "527", "261"])
#: Peppol takes these three as invoices, too; but they ask again for what was invoiced.
_REQUESTS = frozenset(["71", "218", "219"])
#: More than any number or name has, and no more than an index of several takes.
_LONGEST = 300
_FURTHEST = timedelta(days=366)


def refusal_of_head(head: Head) -> str | None:
    """Why a document of this specification and type is not taken, as the end of a sentence; None where it is."""
    if "ehf" in head.specification and "ver2" in head.specification:
        return (
            f"is EHF 2 ({head.specification}): EHF 3 (Peppol BIS Billing 3) is taken, ask the supplier for it"
        )
    if not head.specification.startswith(_SPECIFICATION):
        return (
            f"has the CustomizationID {head.specification or 'of nobody'!r}: documents whose begins with "
            f"{_SPECIFICATION} are taken"
        )
    if head.type_code in _SELF_BILLED:
        return f"is self-billed (type code {head.type_code}): the buyer wrote it, and it is no claim of the supplier's"
    if head.type_code in _REQUESTS:
        return f"is a reminder or payment request (type code {head.type_code}): it repeats what was invoiced"
    rule, codes = _TYPE_CODES[head.kind]
    if head.type_code not in codes:
        return f"has the type code {head.type_code or 'of nothing'!r}, which Peppol does not take ({rule})"
    return None


def refusal_of_slips(document: Document, today: date) -> str | None:
    """Why a document of this day, or with these numbers, cannot be kept: they must be slips; None where it can."""
    for what, text in _texts(document):
        if len(text) > _LONGEST:
            return f"has {what} of {len(text):,} characters: {_LONGEST} are taken at most"
    if not OLDEST_FIRST_MONTH <= document.issue_date <= today + _FURTHEST:
        return (
            f"is dated {document.issue_date}: dates from {OLDEST_FIRST_MONTH} to {today + _FURTHEST} are taken, "
            "look for a slip in its year"
        )
    return None


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    yield "a number", document.number
    for company in (document.seller, document.buyer):
        for number in company.numbers:
            yield "a company's number", number
        yield "a company's name", company.name


def refusal_of_parties(document: Document, books_of: str | None) -> str | None:
    """Why a document between these companies is not taken in the books of this one; None where it is.

    While nobody has said whose books these are, all are.
    """
    if books_of is None:
        return None
    ours = registration_number(books_of)
    is_seller, is_buyer = ours in numbers_of(document.seller), ours in numbers_of(document.buyer)
    if is_seller and is_buyer:
        return f"names {ours} as supplier and as customer: nobody invoices oneself"
    if is_seller or is_buyer:
        return None
    buyer = document.buyer
    numbers = ", ".join(numbers_of(buyer)) or "without a number"
    return f"is addressed to {buyer.name} ({numbers}), and these are the books of {ours}"


def side_of(document: Document, books_of: str | None) -> str:
    """Whether the document is a purchase or a sale of this company.

    Where nobody has said whose books these are, documents are those that we received.
    """
    return SALE if registration_number(books_of) in numbers_of(document.seller) else PURCHASE


def numbers_of(company: Company) -> list[str]:
    """The company's numbers as they are compared."""
    return [number for number in map(registration_number, company.numbers) if number]
