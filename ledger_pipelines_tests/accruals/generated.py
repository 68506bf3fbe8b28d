"""Accrual inputs as hypothesis draws them: few clients, services and months, every kind of period and odd ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import strategies as st

from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines_tests.accruals.building import make_inputs, months

CONTACTS = ("ann", "ann", "bob", "cy", "eve")
SERVICES = ("bootcamp", "bootcamp", "data", "loose")
#: Over a year's end; periods may begin before and run on for long after.
MONTHS = tuple(months("2023-10", 10))
#: The end of everything that is drawn: by then all that will ever be recognised is.
AT_LAST = months("2026-12", 1)[0]

_SIGNED = ("6000", "6000", "1200.05", "0.01", "100", "-100", "-6000", "999999.99")
_POSITIVE = ("6000", "1200.05", "0.01", "100", "33.33")
_days = st.dates(date(2023, 9, 1), date(2024, 1, 31)) | st.dates(date(2023, 9, 1), date(2024, 8, 31))
_PROGRAMS = ("Full Stack", "data", "ful stack", "", None, "Data-Science")
_EMAILS = ("ann@example.com", " Bob@Example.com", "", "nobody@example.com", None)
_USERS = (1, 1, 1, 2, None)


def _each(**choices: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One of the values of each name, any with any. It is one draw: what a case costs are its draws."""
    return st.sampled_from(list(product(*choices.values()))).map(
        lambda values: dict(zip(choices, values, strict=True))
    )


Records = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Drawn:
    """Inputs, the months asked for, and the records that they were made of: those of several books that know nothing
    of one another, so that one call of the rule tries them all.
    """

    inputs: AccrualInputs
    months: Sequence[date]
    books: Sequence[Records]
    closed: frozenset[date]
    complete: bool = True

    @property
    def records(self) -> Records:
        """Those of all books."""
        return _together(self.books)

    @property
    def each(self) -> list[AccrualInputs]:
        """The inputs of each book alone."""
        return [make_inputs(closed=self.closed, complete=self.complete, **one) for one in self.books]

    def changed(self, closed: Sequence[date] | frozenset[date] = (), **records: Any) -> AccrualInputs:
        """The inputs with other records of some kinds, and other closed months."""
        return make_inputs(closed=closed, complete=self.complete, **{**self.records, **records})


@st.composite
def drawn_inputs(draw: st.DrawFn, *, books: int = 4, tidy: bool = False) -> Drawn:
    """Anything that the tables allow; `tidy`: amounts are positive and nothing is closed.

    So many books have their closed months, and the months that are asked for, in common.
    """
    closed = frozenset(() if tidy else draw(st.sets(st.sampled_from(MONTHS), max_size=5)))
    complete = tidy or draw(st.integers(0, 4)) > 0
    asked = draw(st.just(MONTHS) | st.sets(st.sampled_from(MONTHS), min_size=1, max_size=6))
    drawn = [_apart(draw(_book(sorted(closed), tidy=tidy)), number) for number in range(books)]
    inputs = make_inputs(closed=closed, complete=complete, **_together(drawn))
    return Drawn(inputs, sorted(asked), drawn, closed, complete)


@st.composite
def _book(draw: st.DrawFn, closed: Sequence[date], *, tidy: bool) -> Records:
    contracts = draw(_contracts(_tidy_documents if tidy else _documents))
    return {
        "contracts": contracts,
        "services": [
            {**draw(_terms), "id": name, "name": label}
            for name, label in (
                ("bootcamp", "ES - Full Stack Bootcamp"),
                ("data", "Data"),
            )
        ],
        "clients": [
            {"contact_id": "ann", "name": "Ann Lee", "email": "ann@example.com", "user_id": 1},
            {
                "contact_id": "bob",
                "name": None,
                "email": "bob@example.com",
                "user_id": draw(st.sampled_from(_USERS)),
            },
            {"contact_id": "eve", "name": "Eve", "email": "eve@x.test; ANN@example.com", "user_id": None},
        ],
        "periods": draw(st.lists(_period(), max_size=6)),
        "enrolled": [] if tidy else draw(st.lists(_each(user_id=_USERS, email=_EMAILS), max_size=1)),
        "pages": draw(st.lists(_page(), max_size=2)),
        "booked": draw(_bookings(closed, contracts)),
    }


def _apart(book: Records, number: int) -> Records:
    """The book with clients, services, users and addresses that no other number has."""

    def renamed(name: str, row: dict[str, Any], place: int) -> dict[str, Any]:
        row = {**row}
        for column in {"contact_id", "service_id"} & row.keys():
            row[column] = f"{number} {row[column]}"
        if name == "services":
            row["id"] = f"{number} {row['id']}"
        if name == "periods":
            row["id"] = number * 100 + place + 1
        if name == "pages":
            row["page_id"] = f"page {number} {place}"
        if row.get("user_id") is not None:
            row["user_id"] += number * 100
        if row.get("email"):
            row["email"] = row["email"].replace("@", f"@{number}.")
        return row

    return {
        name: [renamed(name, row, place) for place, row in enumerate(rows)] for name, rows in book.items()
    }


def _together(books: Sequence[Records]) -> Records:
    return {name: [row for book in books for row in book[name]] for name in books[0]}


_keys = _each(contact_id=CONTACTS, service_id=SERVICES, currency=("EUR", "EUR", "USD"))
_documents, _tidy_documents = (
    _each(
        **{"contact_id": CONTACTS, "service_id": SERVICES, "currency": ("EUR", "EUR", "USD")},
        **{"month": MONTHS, "amount": values},
    )
    for values in (_SIGNED, _POSITIVE)
)
#: How many days a document's date lies after its month's first, and how many of them it is earlier.
_dated = _each(after=(0, 12, 14, 15, 27), early=(0, 0, 14, 19, 40))


@st.composite
def _contracts(draw: st.DrawFn, documents: st.SearchStrategy[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        document, dated, made_from = draw(documents), draw(_dated), draw(_made_from)
        amount = Decimal(document["amount"])
        found.append(
            {
                **document,
                "contract_date": document["month"] + timedelta(days=dated["after"] - dated["early"]),
                "amount": amount,
                "document_id": f"d{number}" if draw(st.integers(0, 9)) else "",
                # Credit notes alone are made from another document.
                "made_from": made_from if amount < 0 else None,
            }
        )
    # One row of a month, contract and document; of one document all rows have one date, and none was made from
    # another that was made from a third.
    rows = {(row["month"], *(row[name] for name in _KEY), row["document_id"]): row for row in found}
    made = {row["document_id"] for row in rows.values() if row["made_from"]}
    return [row | ({"made_from": None} if row["made_from"] in made else {}) for row in rows.values()]


_KEY = ("contact_id", "service_id", "currency")


_made_from = st.sampled_from([None] * 8 + [f"d{number}" for number in range(4)])
_terms = _each(
    total_sessions=(None, 60, 7),
    sessions_per_week=(None, 3, 5),
    method=(None, "sessions", "days", "days", "even_months"),
)
_memberships = _each(user_id=_USERS, email=_EMAILS, program_name=_PROGRAMS, program_slug=_PROGRAMS)
_courses = _each(
    length=(0, 6, 26, 27, 59, 139, 200),
    status=("ACTIVE", "ACTIVE", "POSTPONED", "POSTPONED", "DROPPED", "ENDED"),
    is_removed=(False,) * 9 + (True,),
)


@st.composite
def _period(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(_days)
    course = draw(_courses)
    length = course.pop("length")
    changed = None
    if course["status"] != "ACTIVE" and draw(st.integers(0, 9)):
        changed = start + timedelta(days=draw(st.integers(-40, length + 20)))
    return {
        **draw(_memberships),
        **course,
        "start_date": start,
        "end_date": start + timedelta(days=length),
        "status_change_date": changed,
    }


_edited = _each(
    email=_EMAILS,
    educational_status=("Active", "Dropped", "SUSPENDED", "Graduated", "Not Completing", "Postponed", None),
    last_edited_at=tuple(datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3)),
)


@st.composite
def _page(draw: st.DrawFn) -> dict[str, Any]:
    return {
        **draw(_edited),
        "drop_date": draw(st.none() | _days),
        "certificated_at": draw(st.none() | _days),
    }


_booked = _each(
    contract_number=(1, 1, 1, 2),
    contract_amount=("6000", "6000", "100", "-100"),
    recognised=("100", "-50", "0", "6000"),
    contract_status=("ACTIVE", "CLOSED", "CLOSED", "CANCELED", "CANCELED"),
)


@st.composite
def _bookings(
    draw: st.DrawFn, closed: Sequence[date], contracts: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    if not closed:
        return []
    found = {}
    for _ in range(draw(st.integers(1, 6))):
        month = draw(st.sampled_from([*closed, MONTHS[-1]]))
        key = draw(st.sampled_from(contracts)) if draw(st.integers(0, 4)) else draw(_keys)
        booking = {**{name: key[name] for name in _KEY}, "month": month, **draw(_booked)}
        found[tuple(booking[name] for name in ("month", *_KEY, "contract_number"))] = booking
    return list(found.values())
