"""Accrual inputs as hypothesis draws them: few clients, services and months, every kind of period and odd ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
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

_signed = st.sampled_from(["6000", "6000", "1200.05", "0.01", "100", "-100", "-6000", "999999.99"])
_positive = st.sampled_from(["6000", "1200.05", "0.01", "100", "33.33"]).map(Decimal)
_days = st.dates(date(2023, 9, 1), date(2024, 1, 31)) | st.dates(date(2023, 9, 1), date(2024, 8, 31))
_lengths = st.sampled_from([0, 6, 26, 27, 59, 139, 200])
_programs = st.sampled_from(["Full Stack", "data", "ful stack", "", None, "Data-Science"])
_emails = st.sampled_from(["ann@example.com", " Bob@Example.com", "", "nobody@example.com", None])
_statuses = st.sampled_from(["ACTIVE", "ACTIVE", "POSTPONED", "POSTPONED", "DROPPED", "ENDED"])


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
    contracts = draw(_contracts(_positive if tidy else _signed.map(Decimal)))
    return {
        "contracts": contracts,
        "services": [
            {**draw(_terms()), "id": name, "name": label}
            for name, label in (
                ("bootcamp", "ES - Full Stack Bootcamp"),
                ("data", "Data"),
            )
        ],
        "clients": [
            {"contact_id": "ann", "name": "Ann Lee", "email": "ann@example.com", "user_id": 1},
            {"contact_id": "bob", "name": None, "email": "bob@example.com", "user_id": draw(_users)},
            {"contact_id": "eve", "name": "Eve", "email": "eve@x.test; ANN@example.com", "user_id": None},
        ],
        "periods": draw(st.lists(_period(), max_size=6)),
        "enrolled": [] if tidy else draw(st.lists(_enrolled(), max_size=1)),
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


_users = st.sampled_from([1, 1, 1, 2, None])


def _key(draw: st.DrawFn) -> dict[str, str]:
    return {
        "contact_id": draw(st.sampled_from(CONTACTS)),
        "service_id": draw(st.sampled_from(SERVICES)),
        "currency": draw(st.sampled_from(["EUR", "EUR", "USD"])),
    }


@st.composite
def _contracts(draw: st.DrawFn, values: st.SearchStrategy[Decimal]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        key = _key(draw)
        month = draw(st.sampled_from(MONTHS))
        early = draw(st.sampled_from([0, 0, 14, 19, 40]))
        found.append(
            {
                **key,
                "month": month,
                "contract_date": month + timedelta(days=draw(st.sampled_from([0, 12, 14, 15, 27])) - early),
                "amount": draw(values),
                "document_id": f"d{number}" if draw(st.integers(0, 9)) else "",
                "made_from": f"d{draw(st.integers(0, 3))}" if draw(st.integers(0, 4)) == 0 else None,
            }
        )
    # One row of a month, contract and document; of one document all rows have one date, and none was made from
    # another that was made from a third.
    rows = {(row["month"], *(row[name] for name in _KEY), row["document_id"]): row for row in found}
    made = {row["document_id"] for row in rows.values() if row["made_from"]}
    return [row | ({"made_from": None} if row["made_from"] in made else {}) for row in rows.values()]


_KEY = ("contact_id", "service_id", "currency")


@st.composite
def _enrolled(draw: st.DrawFn) -> dict[str, Any]:
    return {"user_id": draw(_users), "email": draw(_emails)}


def _terms() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "total_sessions": st.sampled_from([None, 60, 7]),
            "sessions_per_week": st.sampled_from([None, 3, 5]),
            "method": st.sampled_from([None, "sessions", "days", "days", "even_months"]),
        }
    )


@st.composite
def _period(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(_days)
    length = draw(_lengths)
    status = draw(_statuses)
    changed = None
    if status != "ACTIVE" and draw(st.integers(0, 9)):
        changed = start + timedelta(days=draw(st.integers(-40, length + 20)))
    return {
        "user_id": draw(_users),
        "email": draw(_emails),
        "program_name": draw(_programs),
        "program_slug": draw(_programs),
        "start_date": start,
        "end_date": start + timedelta(days=length),
        "status": status,
        "status_change_date": changed,
        "is_removed": draw(st.integers(0, 9)) == 0,
    }


@st.composite
def _page(draw: st.DrawFn) -> dict[str, Any]:
    statuses = ["Active", "Dropped", "SUSPENDED", "Graduated", "Not Completing", "Postponed", None]
    return {
        "email": draw(_emails),
        "educational_status": draw(st.sampled_from(statuses)),
        "drop_date": draw(st.none() | _days),
        "certificated_at": draw(st.none() | _days),
        "last_edited_at": datetime(2024, draw(st.integers(1, 3)), 1, tzinfo=UTC),
    }


@st.composite
def _bookings(
    draw: st.DrawFn, closed: Sequence[date], contracts: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    if not closed:
        return []
    found = {}
    for _ in range(draw(st.integers(1, 6))):
        month = draw(st.sampled_from([*closed, MONTHS[-1]]))
        key = draw(st.sampled_from(contracts)) if draw(st.integers(0, 4)) else _key(draw)
        key = {name: key[name] for name in _KEY}
        number = draw(st.sampled_from([1, 1, 1, 2]))
        found[month, *key.values(), number] = {
            **key,
            "contract_number": number,
            "month": month,
            "contract_amount": draw(st.sampled_from(["6000", "6000", "100", "-100"])),
            "recognised": draw(st.sampled_from(["100", "-50", "0", "6000"])),
            "contract_status": draw(st.sampled_from(["ACTIVE", "CLOSED", "CLOSED", "CANCELED", "CANCELED"])),
        }
    return list(found.values())
