"""What Holded's records look like on the wire, and the frames that they become (wire/holded.md).

Here: wire models, schemas, and what each kind of record is called. Not here: how they are asked for, which is
`holded`'s, and how a single field is read, which is `holded_values`'s.

A document's lines stay within its record, and so within its row, until all pages are there: a document that
cannot be read has no lines, and one that moved from page to page has them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Required

import pyarrow as pa
from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, PlainValidator, TypeAdapter, with_config
from typing_extensions import TypedDict

from ledger_pipelines.money import CENT
from ledger_pipelines.sources.holded import values
from ledger_pipelines.sources.holded.payments import difference_from_total, payment_rows
from ledger_pipelines.sources.records.frames import Entity
from ledger_pipelines.sources.records.lenient import LENIENT, Lenient
from ledger_pipelines.sources.records.wire_types import KeyText, LenientText, OptionalEmail, OptionalText
from ledger_pipelines.tables import invoicing as tables

DocumentType = Literal["invoice", "creditnote"]

_STRICT = ConfigDict(strict=True)
_ZERO = Decimal(0)
_MILLIONTH = Decimal("0.000001")

_Number = Annotated[Decimal, PlainValidator(values.meant_number)]
_OptionalId = Annotated[str | None, PlainValidator(values.optional_id)]
_LenientId = Annotated[_OptionalId, LENIENT]
_OptionalCode = Annotated[str | None, PlainValidator(values.optional_code)]
_LenientCode = Annotated[_OptionalCode, LENIENT]
_Percent = Annotated[Decimal, PlainValidator(values.percentage)]
_NO_PERCENT = Lenient(lambda _: 0, "with a discount of {} %")


@with_config(_STRICT)
class SalesChannelRow(TypedDict, total=False):
    """A sales channel. Its account number is a number or text, under one of two names."""

    id: Required[KeyText]
    name: LenientText
    account_number: Required[
        Annotated[
            str,
            PlainValidator(values.account_number),
            Field(validation_alias=AliasChoices("accountNum", "accNum")),
        ]
    ]


@with_config(_STRICT)
class ContactRow(TypedDict, total=False):
    """A contact. One without a name is called by its id.

    Clients are matched by e-mail: one that cannot be read is not taken for none.
    """

    id: Required[KeyText]
    name: LenientText
    email: OptionalEmail
    code: _LenientCode
    type: _LenientCode
    country_code: Annotated[
        str | None, PlainValidator(values.country_within), Field(validation_alias="billAddress"), LENIENT
    ]


@with_config(_STRICT)
class LineWire(TypedDict, total=False):
    """A line of a document, its numbers as they were meant."""

    line_id: _LenientId
    name: Annotated[str, PlainValidator(values.name), LENIENT]
    account_id: Annotated[_OptionalCode, Field(validation_alias="account")]
    sku: _LenientCode
    price: Required[_Number]
    units: Required[_Number]
    discount: _Percent
    retention: _Percent
    tax_rate: Annotated[
        Decimal | None, PlainValidator(values.optional_percentage), Field(validation_alias="tax"), LENIENT
    ]


def _line_row(line: LineWire) -> dict[str, Any]:
    """A line with its net amount, which comes before its numbers are rounded to what the frame keeps."""
    price, units, discount = line["price"], line["units"], line.get("discount", _ZERO)
    return {
        "name": "",
        **line,
        "price": values.rounded(price, _MILLIONTH),
        "units": values.rounded(units, _MILLIONTH),
        "discount": values.rounded(discount, values.PERCENT_UNIT),
        "retention": values.rounded(abs(line.get("retention", _ZERO)), values.PERCENT_UNIT),
        "net_amount": values.net_amount(price, units, discount),
    }


@with_config(_STRICT)
class DocumentWire(TypedDict, total=False):
    """An invoice or a credit note; a credit note's amounts are positive, as on the document.

    `status` cannot be trusted but for a cancelled document. What bears on no amount, date or client, and does not say
    whether the document counts, costs it nothing.
    """

    id: Required[KeyText]
    document_number: Annotated[_OptionalCode, Field(validation_alias="docNumber")]
    contact_id: Annotated[_OptionalId, Field(validation_alias="contact")]
    contact_name: Annotated[OptionalText, Field(validation_alias="contactName"), LENIENT]
    date: Required[Annotated[date, PlainValidator(values.day)]]
    due_date: Annotated[
        date | None, PlainValidator(values.optional_day), Field(validation_alias="dueDate"), LENIENT
    ]
    currency: Required[Annotated[str, PlainValidator(values.currency)]]
    exchange_rate: Annotated[
        Decimal | None,
        PlainValidator(values.optional_rate),
        Field(validation_alias="currencyChange"),
        LENIENT,
    ]
    discount: Annotated[_Percent, _NO_PERCENT]
    subtotal: Required[_Number]
    tax: Required[_Number]
    total: Required[_Number]
    payments_total: Annotated[_Number, Field(validation_alias="paymentsTotal"), LENIENT]
    payments_pending: Required[Annotated[_Number, Field(validation_alias="paymentsPending")]]
    payments_refunds: Annotated[_Number, Field(validation_alias="paymentsRefunds"), LENIENT]
    payments: Annotated[Any, Field(validation_alias="paymentsDetail")]
    draft: Annotated[bool, PlainValidator(values.truth)]
    is_cancelled: Annotated[bool, PlainValidator(values.is_cancelled), Field(validation_alias="status")]
    approved_at: Annotated[
        datetime | None,
        PlainValidator(values.optional_instant),
        Field(validation_alias="approvedAt"),
        Lenient(note="as approved"),
    ]
    description: Annotated[OptionalText, Field(validation_alias="desc"), LENIENT]
    source_document_id: Annotated[
        str | None, PlainValidator(values.id_within), Field(validation_alias="from")
    ]
    sales_channel_id: Annotated[_OptionalId, Field(validation_alias="salesChannelId"), LENIENT]
    lines: Required[
        Annotated[list[Annotated[LineWire, AfterValidator(_line_row)]], Field(validation_alias="products")]
    ]


def _document_row(document: DocumentWire) -> dict[str, Any]:
    """A document with what follows from its fields (wire/holded.md, Invoice), its lines numbered from 1.

    Raises ValueError for an amount that the books cannot keep.
    """
    # A document without `approvedAt` is no draft for that: Holded's own example is such a one.
    is_draft = (
        document.get("document_number") is None
        or document.get("draft", False)
        or ("approved_at" in document and document["approved_at"] is None)
    )
    is_cancelled = document.get("is_cancelled", False)
    pending = document["payments_pending"]
    lines: list[Any] = document["lines"]
    currency = document["currency"]
    for number, line in enumerate(lines, 1):
        line["line_number"] = number
        line["net_amount"] = values.in_currency(line["net_amount"], currency)
    payments = _payments(document)
    return {
        **document,
        "subtotal": values.in_currency(document["subtotal"], currency),
        "tax": values.in_currency(document["tax"], currency),
        "total": values.in_currency(document["total"], currency),
        "payments_total": values.in_currency(document.get("payments_total", _ZERO), currency),
        "discount": values.rounded(document.get("discount", _ZERO), values.PERCENT_UNIT),
        "payments_pending": values.rounded(pending, CENT),
        "is_draft": is_draft,
        "is_cancelled": is_cancelled,
        "is_paid": abs(pending) < CENT and not is_draft and not is_cancelled,
        "last_payment_on": max((row["date"] for row in payments if row["fault"] is None), default=None),
        PAYMENTS_COLUMN: payments,
    }


def _payments(document: DocumentWire) -> list[dict[str, Any]]:
    """The document's payments, and a fault where they are not what it says was paid."""
    document_id, currency = document["id"], document["currency"]
    rows = payment_rows(
        document.get("payments"), document_id=document_id, day=document["date"], currency=currency
    )
    if "payments_total" not in document:
        return rows
    return rows + difference_from_total(
        rows,
        document_id=document_id,
        paid=values.in_currency(document["payments_total"], currency),
        refunded=values.rounded(document.get("payments_refunds", _ZERO), CENT),
        currency=currency,
    )


_OF_A_DOCUMENT = frozenset({"id", "docNumber", "draft", "approvedAt"})


def is_draft(record: object) -> bool:
    """Whether a record says itself that it is a draft: it counts for nothing, whatever else it says.

    What has nothing of a document is no draft of one either.
    """
    if not isinstance(record, Mapping) or record.keys().isdisjoint(_OF_A_DOCUMENT):
        return False
    is_unnumbered = record.get("docNumber") in (None, "")
    is_unapproved = "approvedAt" in record and record["approvedAt"] in (None, "", 0)
    return is_unnumbered or is_unapproved or record.get("draft") is True


_DOCUMENTS = TypeAdapter(list[Annotated[DocumentWire, AfterValidator(_document_row)]])


_TEXT, _DATE, _BOOL = pa.string(), pa.date32(), pa.bool_()

SALES_CHANNELS = tables.SERVICES.without()
CONTACTS = tables.HOLDED_CONTACTS.without()
INVOICES = tables.INVOICES.without("is_removed")
#: `account_id` is a sales channel's id; `discount` and `retention` are percentages.
INVOICE_LINES = tables.INVOICE_LINES.without()
INVOICE_PAYMENTS = tables.INVOICE_PAYMENTS.without("is_removed")
#: Within a document's row, before the lines have a frame of their own.
LINES_COLUMN = "lines"
#: Likewise, with what is wrong with a payment that could not be read.
PAYMENTS_COLUMN = "payments"
_PAYMENT = pa.struct(
    [
        *(pa.field(name, INVOICE_PAYMENTS.field(name).type) for name in ("id", "date", "amount")),
        ("fault", pa.string()),
    ]
)
_WHOLE = INVOICES.append(pa.field(LINES_COLUMN, pa.list_(pa.struct(list(INVOICE_LINES)[1:])), False)).append(
    pa.field(PAYMENTS_COLUMN, pa.list_(_PAYMENT), False)
)


def _described(record: Mapping[str, Any], kind: str, *names: str) -> tuple[str | None, str]:
    """The id of a record, and what it is called: by the first of these fields that is text, else by its id."""
    found = record.get("id")
    own_id = found.strip() or None if isinstance(found, str) else None
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            return own_id, f"{kind} {value.strip()}"
    article = "An" if kind.startswith("I") else "A"
    return own_id, f"{article} {kind.lower()}" if own_id is None else f"{kind} {own_id}"


def amount_of(record: Mapping[str, Any]) -> str | None:
    """The total of a document of any quality, in words; None where it has none that could be read."""
    try:
        total = values.rounded(values.meant_number(record.get("total")), CENT)
        return f"{total:,} {values.currency(record.get('currency'))}"
    except ValueError:
        return None


def _lost(record: Mapping[str, Any]) -> str | None:
    amount = amount_of(record)
    return None if amount is None else f"its {amount} do not count"


def _documents(document_type: DocumentType, plural: str, kind: str) -> Entity:
    return Entity(
        plural,
        document_type,
        _DOCUMENTS,
        _WHOLE,
        ("id",),
        lambda record, _: _described(record, kind, "docNumber", "document_number"),
        defaults={"document_type": document_type, "is_cancelled": False},
        operation="invoices",
        lost=_lost,
        model=DocumentWire,
    )


#: The two kinds of document, by the name that Holded's addresses have for them.
DOCUMENTS: Mapping[DocumentType, Entity] = {
    "invoice": _documents("invoice", "invoices", "Invoice"),
    "creditnote": _documents("creditnote", "credit notes", "Credit note"),
}

SALES_CHANNEL = Entity(
    "sales channels",
    "sales_channel",
    TypeAdapter(list[SalesChannelRow]),
    SALES_CHANNELS,
    ("id",),
    lambda record, _: _described(record, "Sales channel"),
    stand_ins={"name": "id"},
    operation="services",
    model=SalesChannelRow,
)

CONTACT = Entity(
    "contacts",
    "contact",
    TypeAdapter(list[ContactRow]),
    CONTACTS,
    ("id",),
    lambda record, _: _described(record, "Contact"),
    stand_ins={"name": "id"},
    operation="invoices",
    model=ContactRow,
)
