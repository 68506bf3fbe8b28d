"""Electronic invoices as files write them."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from random import Random

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.einvoices.checks import failures_of
from ledger_pipelines_tests.general_ledger.ubl import Ubl, read

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


def refusal(text: str) -> str:
    with pytest.raises(LedgerError) as refused:
        read(text)
    return str(refused.value)


def test_what_is_read_of_a_document() -> None:
    document = Ubl(
        lines=("1000 S 25", "-20 S 25"),
        allowances_charges=("5 S 25", "-1 S 25"),
        due="2025-04-09",
        kids=("000123", "000124"),
        credited=("F-0",),
        costs={1: "6300"},
        cost="6790",
    ).document()
    assert (document.number, document.issue_date, document.due_date) == (
        "F-1",
        date(2025, 3, 10),
        date(2025, 4, 9),
    )
    assert (document.kids, document.credited) == (("000123", "000124"), ("F-0",))
    assert [line.accounting_cost for line in document.lines] == ["6300", None]
    assert [(one.is_charge, one.amount) for one in document.allowances_charges] == [(False, 1), (True, 5)]
    assert document.vat[0].base == 984
    assert document.seller.numbers == ("123456785",)


@pytest.mark.parametrize("kind", ["Invoice", "CreditNote"])
def test_other_prefixes_and_line_ends_say_the_same(kind: str) -> None:
    text = Ubl(kind=kind).xml()
    other = re.sub(rf"(</?){kind}\b", rf"\1ubl:{kind}", text).replace("xmlns=", "xmlns:ubl=")
    other = re.sub(r"\bcac\b", "a", re.sub(r"\bcbc\b", "b", other)).replace("\n", "\r\n")
    assert other != text
    assert read(other) == read(text)


def test_the_vat_total_in_the_documents_currency_counts_wherever_it_stands() -> None:
    plain = Ubl(currency="EUR").xml()
    total = plain[plain.index("<cac:TaxTotal>") : plain.index("</cac:TaxTotal>") + len("</cac:TaxTotal>")]
    other = '<cac:TaxTotal><cbc:TaxAmount currencyID="NOK">2875.00</cbc:TaxAmount></cac:TaxTotal>'
    text = plain.replace(
        "<cbc:DocumentCurrencyCode>",
        "<cbc:TaxCurrencyCode>NOK</cbc:TaxCurrencyCode>\n<cbc:DocumentCurrencyCode>",
    )
    for both in (other + total, total + other):
        document = read(text.replace(total, both))
        assert failures_of(document) == []
        assert (document.totals.tax, document.other_currency, document.other_tax) == (
            250,
            "NOK",
            Decimal(2875),
        )
    (failure,) = [one for one in failures_of(read(plain.replace(total, total + other))) if "R051" in one]
    assert failure.endswith("TaxAmount is in NOK, the document in EUR.")


def test_an_attachment_and_fields_that_bear_on_nothing_cost_nothing() -> None:
    attachment = (
        "<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject>"
        f"{'no base64! ' * 1_200_000}</cbc:EmbeddedDocumentBinaryObject></cac:Attachment>"
        "</cac:AdditionalDocumentReference>"
    )
    period = "<cac:InvoicePeriod><cbc:StartDate>some day</cbc:StartDate></cac:InvoicePeriod>"
    text = Ubl(extra=attachment + period).xml().replace("<cac:Item>", f"{period}<cac:Item>")
    assert read(text) == Ubl().document()


def test_an_allowance_is_one_however_yes_and_no_are_written() -> None:
    text = Ubl(allowances_charges=("5 S 25", "-1 S 25")).xml()
    numbers = text.replace(">true<", "> 1 <").replace(">false<", ">0<")
    assert read(numbers) == read(text)
    assert "a ChargeIndicator is 'perhaps'" in refusal(text.replace(">true<", ">perhaps<"))


@pytest.mark.parametrize(
    ("pattern", "replacement", "why"),
    [
        (r"<Invoice xmlns=\"[^\"]*\"", "<Invoice", "without a namespace"),
        (
            r"schema:xsd:Invoice-2",
            "schema:xsd:Invoice-3",
            "of urn:oasis:names:specification:ubl:schema:xsd:Invoice-3",
        ),
        (r"<cbc:ID>F-1</cbc:ID>", "", "lacks its number (BR-02)"),
        (r"<cbc:IssueDate>.*?</cbc:IssueDate>", "", "lacks its date of issue (BR-03)"),
        (r"<cbc:RegistrationName>Seller AS</cbc:RegistrationName>", "", "lacks its seller's name (BR-06)"),
        (r"<cbc:PayableAmount .*?</cbc:PayableAmount>", "", "lacks the amount due (BR-15)"),
        (r"(?s)<cac:InvoiceLine>.*</cac:InvoiceLine>", "", "lacks its lines (BR-16)"),
        (r">2025-03-10<", ">2025-02-30<", "has a date that is none"),
        (r">2025-03-10<", ">10.03.2025<", "has a date that is none"),
        (r">NOK</cbc:Doc", ">kroner</cbc:Doc", "has no currency (BR-05)"),
        (r"(<cbc:PayableAmount [^>]*>)1250.00", r"\1NaN", "BT-115: 'NaN' is no decimal number"),
        (r"(<cbc:PayableAmount [^>]*>)1250.00", r"\g<1>1e9", "BT-115: '1e9' is no decimal number"),
        (r"(<cbc:PriceAmount [^>]*>)1000", r"\g<1>1000.000000000000000", "more than 18 digits"),
        (
            r"(<cbc:PayableAmount .*</cbc:PayableAmount>)",
            r"\1<cbc:PayableAmount>1</cbc:PayableAmount>",
            "2 times",
        ),
    ],
)
def test_what_is_no_document_is_refused_in_a_sentence_that_names_the_file(
    pattern: str, replacement: str, why: str
) -> None:
    text, count = re.subn(pattern, replacement, Ubl().xml())
    assert count
    message = refusal(text)
    assert message.startswith("invoice.xml ")
    assert why in message


def test_a_reminder_is_no_invoice() -> None:
    message = refusal(f'<Reminder xmlns="{_UBL}Reminder-2"/>')
    assert "its first element is Reminder of" in message


_ODD = (
    *("", "-", "1e9", "NaN", "-0", "9" * 17, "5.005", "2017-02-30", "0001-01-01", "AE", "x" * 400, "EUR'"),
    "%(BT-6)s",
)
_ELEMENT = re.compile(r"<(c[ab]c:\w+)(?: [^>]*)?>(.*?)</\1>", re.DOTALL)


def _mutated(text: str, random: Random) -> str:
    """The text with one element taken out, written twice, or with another value."""
    element = random.choice([*_ELEMENT.finditer(text), *re.finditer(r"<(cbc:\w+)[^>]*>([^<]*)</\1>", text)])
    change = random.choice(
        ["", element[0] * 2, element[0].replace(f">{element[2]}<", f">{random.choice(_ODD)}<")]
    )
    return text[: element.start()] + change + text[element.end() :]


def test_however_a_document_is_mutated_it_is_read_or_refused_in_a_sentence() -> None:
    text = Ubl(
        allowances_charges=("5 S 25", "-1 S 25"),
        prepaid="3",
        rounding="0.25",
        credited=("F-0",),
        due="2025-04-01",
        other_currency="EUR",
    ).xml()
    outcomes: dict[object, list[str]] = {True: [], False: [], "refused": []}
    for seed in range(300):
        mutated = _mutated(text, Random(seed))
        try:
            outcomes[bool(failures_of(read(mutated)))].append(mutated)
        except LedgerError as error:
            outcomes["refused"].append(str(error))
    assert all(outcomes.values())
    assert [one for one in outcomes["refused"] if not re.fullmatch(r"invoice\.xml [^\n]*\.", one)] == []
