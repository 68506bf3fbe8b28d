"""Records of Holded, 4Geeks and Notion as they come, each whole but for what a test changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

#: 2024-03-15 00:00 in Madrid.
IDES = 1710457200
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def line(price: Any = 299, units: Any = 1, discount: Any = 0, **more: Any) -> dict[str, Any]:
    """A line of a document."""
    fields = {"line_id": "l1", "name": "Bootcamp", "price": price, "units": units, "discount": discount}
    return {**fields, "tax": 21, "account": "ch1", "sku": 0, "productId": "p1"} | more


def document(number: int = 1, **more: Any) -> dict[str, Any]:
    """An approved, unpaid invoice of the 15th of March."""
    fields = {
        "id": f"inv{number:05}",
        "contact": "c1",
        "contactName": "Mapple Inc",
        "desc": "",
        "date": IDES,
        "dueDate": IDES,
        "approvedAt": IDES + 3600,
        "draft": None,
        "products": [line()],
        "tax": 62.79,
        "subtotal": 299,
        "discount": 0,
        "total": 361.79,
        "status": 0,
        "docNumber": f"F{number:05}",
        "currency": "eur",
        "currencyChange": 1,
        "paymentsTotal": 0,
        "paymentsPending": 361.79,
        "paymentsDetail": [],
    }
    return fields | more


def contact(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"c{number:05}", "name": f"Client {number}", "email": "", "billAddress": {}} | more


def student(number: int = 1, **more: Any) -> dict[str, Any]:
    fields = {"id": number, "first_name": "Ana", "last_name": "Ruiz", "email": "ana@school.example"}
    user = {"id": number + 1000, "email": "Ana.Ruiz@school.example", "first_name": "Ana"}
    return {**fields, "user": user, "status": "ACTIVE", "created_at": "2024-01-10T09:00:00.123456Z"} | more


def membership(number: int = 1, **more: Any) -> dict[str, Any]:
    program = {"id": 1, "version": 1, "slug": "full-stack", "name": "Full Stack", "syllabus": 1}
    cohort = {"id": 1429, "slug": "spain-fs-pt-42", "name": "Madrid XLII", "syllabus_version": program}
    cohort |= {
        "kickoff_date": "2024-01-01T20:00:00Z",
        "ending_date": "2024-05-19T22:30:00Z",
        "stage": "STARTED",
    }
    fields = {"id": number, "user": {"id": 7, "email": " ANA@school.example "}, "cohort": cohort}
    times = {"created_at": "2023-12-20T18:32:22.713896Z", "updated_at": "2024-03-10T23:59:59Z"}
    return {
        **fields,
        "role": "STUDENT",
        "finantial_status": None,
        "educational_status": "ACTIVE",
        **times,
    } | more


def written(moment: datetime) -> str:
    """A time as Notion writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def page_properties(**more: Any) -> dict[str, Any]:
    """The properties of a page of a client who goes on; `email`, `status`, `drop` and `certificated` replace one."""
    named = {
        "email": "Email",
        "status": "Educational Status",
        "drop": "Drop Date",
        "certificated": "Certificated At",
    }
    return {
        "Name": {"id": "title", "type": "title", "title": [{"type": "text", "plain_text": "Ana"}]},
        "Email": {"type": "email", "email": "ana@school.example"},
        "Educational Status": {"type": "select", "select": {"name": "Active"}},
        "Drop Date": {"type": "date", "date": None},
        "Certificated At": {"type": "date", "date": None},
    } | {named[name]: value for name, value in more.items()}


def page(number: int = 0, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A page, each created a minute after the one before."""
    created = written(NEW_YEAR + timedelta(minutes=number))
    fields = {
        "object": "page",
        "id": f"page-{number:05}",
        "created_time": created,
        "last_edited_time": created,
    }
    if properties is None:
        properties = page_properties()
    state = {"archived": False, "in_trash": False, "url": f"https://notion.example/{number}"}
    return {**fields, "properties": properties, **state} | more
