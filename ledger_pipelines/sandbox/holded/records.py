"""Holded's records: sales channels, contacts and documents as they go over the wire (wire/holded.md).

What varies there varies here: numbers that are "" when nothing was entered, `sku` 0, account numbers as text.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from ledger_pipelines.sandbox.hivematrix.world import Record
from ledger_pipelines.sandbox.school.model import Channel, Document, Line, Person, moment

MADRID = ZoneInfo("Europe/Madrid")
_COLOURS = ("#507C6C", "#E0B13A", "#3A6EE0", "#B0413E")
_FOUNDED = moment(date(2020, 9, 13))
#: What a dollar document's amounts are in euros: 1 divided by it (wire/holded.md, `currencyChange`).
_DOLLARS_FOR_A_EURO = 1.0832


def number(amount: int, scale: int = 100) -> int | float:
    """`amount / scale` as JSON writes it: whole where it is whole."""
    whole, rest = divmod(amount, scale)
    return amount / scale if rest else whole


@cache
def local_midnight(day: date) -> int:
    """Unix seconds of the midnight in Madrid with which `day` begins."""
    return int(datetime.combine(day, time(), tzinfo=MADRID).timestamp())


def object_id(kind: int, place: int, made: int) -> str:
    """An identifier of 24 hexadecimal digits, starting with when it was made, as Holded's do."""
    return f"{made:08x}{kind:02x}1d6d82{place:08x}"


def channel_record(channel: Channel, place: int) -> Record:
    """A sales channel; its account number comes in one of three ways."""
    record: Record = {"id": channel.id, "name": channel.name, "desc": "", "color": _COLOURS[place % 4]}
    if channel.form == "number":
        return record | {"accountNum": channel.account}
    return record | {"accNum" if channel.form == "accNum" else "accountNum": str(channel.account)}


def contact_record(person: Person, contact_id: str, place: int) -> Record:
    """A contact. Holded gives it no timestamps."""
    country = ("Spain", "ES") if place % 7 else ("United States", "US")
    # PHP writes an empty object as an empty array.
    address: Record | list[object] = [] if place % 11 == 3 else _address(place, country)
    return {
        "id": contact_id,
        "customId": "" if place % 5 else None,
        "name": person.name,
        "code": "" if place % 3 == 0 else f"B{10_000_000 + place}",
        "email": person.billed_as,
        "mobile": "",
        "phone": "" if place % 2 else f"+34 555 0{place % 1000:03d}",
        "type": "client",
        "billAddress": address,
        "tags": [],
        "customFields": [],
    }


def _address(place: int, country: tuple[str, str]) -> Record:
    return {
        "address": f"Calle Ejemplo {place % 90 + 1}",
        "city": "Ávila",
        "postalCode": f"{5_000 + place % 900:05d}",
        "province": "Ávila",
        "country": country[0],
        "countryCode": country[1],
        "info": "",
    }


def supplier_record(contact_id: str, place: int) -> Record:
    """A contact to whom nothing is ever sold."""
    who = Person("Suministros", f"{place} S.L.", "", _FOUNDED, billed_as="")
    return contact_record(who, contact_id, place) | {"type": "supplier"}


def document_record(
    document: Document,
    *,
    document_id: str,
    number_text: str,
    contact: tuple[str, str],
    source_id: str | None,
    place: int,
    until: date,
    is_news_published: bool = False,
) -> Record:
    """An invoice or credit note. `contact` is id and name; `place` is its place among all, from 0.

    Once the news is published, a payment may be there no more.
    """
    date_seconds = local_midnight(document.day)
    subtotal = sum(line.net for line in document.lines)
    tax = sum(line.tax_amount for line in document.lines)
    total = subtotal + tax - sum(line.withheld for line in document.lines)
    payments = _payments(document, total, until, is_news_published=is_news_published)
    paid = sum(cents for _, _, cents in payments)
    refunded = -sum(cents for _, _, cents in payments if cents < 0)
    made = date_seconds + 28_800 + place % 14_400
    # A draft may have a number or be approved, but not both.
    numbered, approved = (not document.draft or place % 3 == 1), (not document.draft or place % 3 == 2)
    record: Record = {
        "id": document_id,
        "contact": contact[0],
        "contactName": contact[1],
        "desc": "" if place % 4 else "Course fee",
        "date": date_seconds,
        "dueDate": local_midnight(document.day + timedelta(days=30)) if place % 9 else None,
        "accountingDate": made,
        "approvedAt": made if approved else None,
        "draft": True if document.draft else None,
        "notes": "",
        "products": [_product(line, document_id, at, place) for at, line in enumerate(document.lines)],
        "tax": number(tax) if tax or place % 2 else "",
        "subtotal": number(subtotal),
        "discount": "" if place % 6 == 5 else 0,
        "total": number(total),
        "language": "es" if place % 3 else "en",
        "status": _status(document, paid, total, place),
        "tags": [],
        "docNumber": number_text if numbered else None,
        "currency": document.currency if place % 8 else document.currency.upper(),
        "currencyChange": _DOLLARS_FOR_A_EURO if document.currency == "usd" else 1 if place % 7 else "",
        "paymentsTotal": number(paid) if paid or place % 2 else "",
        "paymentsPending": number(total - paid),
        "paymentsRefunds": number(refunded) if refunded or place % 4 else "",
        "paymentsDetail": [_payment(document_id, *payment) for payment in payments],
        "salesChannelId": document.lines[0].channel.id if place % 10 else None,
    }
    if source_id is not None:
        record["from"] = {"docType": "invoice", "id": source_id}
    return record


def as_some_have_it(record: Record, document: Document, place: int) -> Record:
    """The same document, worth the same, as some schools write theirs.

    A line's service may be given by the document's sales channel alone, a discount may be the whole document's, and a
    credit note may take units back. `place` is the document's among all.
    """
    products = record["products"]
    channel = record["salesChannelId"]
    if place % 9 == 4 and {product["account"] for product in products} == {channel}:
        products = [product | {"account": None} for product in products]
    if place % 12 == 7 and len(products) == 1 and document.lines[0].price % 4 == 0:
        # Four fifths of five fourths: the same to the cent.
        products = [products[0] | {"price": number(document.lines[0].price * 5 // 4, 10_000)}]
        record = record | {"discount": 20}
    if document.kind == "creditnote" and place % 2:
        products = [product | {"units": -product["units"]} for product in products]
    return record | {"products": products}


def _status(document: Document, paid: int, total: int, place: int) -> int:
    """3 is cancelled; whether the others say the truth about payment is a matter of chance."""
    if document.cancelled:
        return 3
    truth = 1 if paid >= total else 2 if paid else 0
    return 0 if place % 13 == 4 else truth


def _payments(
    document: Document, total: int, until: date, *, is_news_published: bool
) -> list[tuple[int, int, int]]:
    """Which of the document's payments, when (unix seconds) and how much (cents), as far as history goes."""
    payments = []
    for at, (days, percent) in enumerate(document.payments):
        day = document.day + timedelta(days=days)
        is_there = day <= until and not (is_news_published and at == document.taken_out)
        if is_there and not document.draft and not document.cancelled:
            cents = (total * abs(percent) + 50) // 100
            payments.append((at, local_midnight(day) + 36_000, cents if percent > 0 else -cents))
    return payments


def _payment(document_id: str, at: int, seconds: int, cents: int) -> Record:
    return {"id": f"{at + 0xC0:02x}{document_id[2:]}", "amount": number(cents), "date": seconds}


def _product(line: Line, document_id: str, at: int, place: int) -> Record:
    return {
        "line_id": f"{at + 0xA0:02x}{document_id[2:]}",
        "name": line.channel.name.partition(" - ")[2] or line.channel.name,
        "desc": "",
        "price": number(line.price, 10_000),
        "units": line.units,
        "tax": line.tax if line.tax or place % 3 else "",
        "taxes": [f"s_iva_{line.tax}"] if line.tax else [],
        "discount": line.discount if line.discount or place % 5 else "",
        "retention": line.retention if line.retention or place % 4 != 1 else "",
        "account": line.channel.id,
        "sku": 0 if place % 3 else f"SKU-{line.channel.account}",
        "productId": None,
        "serviceId": line.channel.id if place % 2 else None,
        "projectid": "",
    }
