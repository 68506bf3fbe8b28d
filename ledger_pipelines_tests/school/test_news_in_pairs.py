"""After January to March were closed: what may happen in April moves nothing but what the rule says (rules/accruals.md).

Each pair of happenings meets two clients, one each, in one school that has all pairs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations_with_replacement
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger_pipelines_tests.school.building import INVOICES, School
from ledger_pipelines_tests.sources.school_records import contact, document, line, membership, student

Client = dict[str, Any]
_CLOSED = ("2024-01", "2024-02", "2024-03")


def _seconds(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=ZoneInfo("Europe/Madrid")).timestamp())


def client(number: int, status: str = "ACTIVE") -> Client:
    """A client with 6000 for 140 days from the first of January; another status is of the 10th of February."""
    email = f"client{number}@school.test"
    changed = "2024-01-01T09:00:00Z" if status == "ACTIVE" else "2024-02-10T09:00:00Z"
    cohort = deepcopy(membership()["cohort"]) | {"id": number, "slug": f"spain-{number}"}
    cohort |= {"kickoff_date": "2024-01-01T09:00:00Z", "ending_date": "2024-05-19T18:00:00Z"}
    return {
        "contacts": [contact(number, email=email)],
        "invoices": [_document(number, f"F{number:05}", _seconds(2024, 1, 1), 6000)],
        "creditnotes": [],
        "students": [student(number, email=email, user={"id": number, "email": email})],
        "memberships": [
            membership(
                number,
                user={"id": number, "email": email},
                cohort=cohort,
                educational_status=status,
                created_at="2023-12-20T09:00:00Z",
                updated_at=changed,
            )
        ],
    }


def _document(number: int, name: str, date: int, amount: int, **more: Any) -> dict[str, Any]:
    fields = {
        "contact": f"c{number:05}",
        "docNumber": name,
        "date": date,
        "tax": 0,
        "paymentsPending": amount,
    }
    lines = [line(amount, account="chFS", tax=0)]
    return document(number, **fields, subtotal=amount, total=amount, products=lines) | more


def _attendance(records: Client) -> None:
    records["memberships"][0]["updated_at"] = "2024-04-15T09:00:00Z"


def _deleted(records: Client) -> None:
    records["memberships"] = []


def _moved(records: Client) -> None:
    old = records["memberships"][0]
    cohort = old["cohort"] | {
        "id": old["cohort"]["id"] + 50_000,
        "slug": f"{old['cohort']['slug']}-moved",
        "kickoff_date": "2024-04-01T09:00:00Z",
        "ending_date": "2024-08-18T18:00:00Z",
    }
    records["memberships"] = [old | {"id": old["id"] + 50_000, "cohort": cohort}]


def _doubled(records: Client) -> None:
    old = records["memberships"][0]
    records["memberships"].append(old | {"id": old["id"] + 50_000, "updated_at": "2024-04-10T09:00:00Z"})


def _readdressed(records: Client) -> None:
    for record in (records["students"][0], records["students"][0]["user"], records["memberships"][0]["user"]):
        record["email"] = f"new-{record['email']}"


def _credited(records: Client) -> None:
    invoice = records["invoices"][0]
    number = int(invoice["id"].removeprefix("inv")) + 50_000
    credit = _document(number, f"CN{number}", _seconds(2024, 4, 2), 600, **{"contact": invoice["contact"]})
    records["creditnotes"] = [credit | {"from": {"docType": "invoice", "id": invoice["id"]}}]


def _extended(records: Client) -> None:
    records["memberships"][0]["cohort"]["ending_date"] = "2024-07-28T18:00:00Z"


def _hidden(records: Client) -> None:
    """The document is deleted from no list but the one that is read: `test_…` hides it."""


@dataclass(frozen=True)
class Happening:
    """What happens in April, to whom, and what April recognises then."""

    name: str
    happen: Callable[[Client], None]
    april: str
    status: str = "ACTIVE"


HAPPENINGS = (
    Happening("attendance of one who was suspended", _attendance, "0", "SUSPENDED"),
    Happening("attendance of one who graduated", _attendance, "0", "GRADUATED"),
    Happening("attendance of one who is postponed", _attendance, "0", "POSTPONED"),
    Happening("membership deleted", _deleted, "0"),
    Happening("moved to another cohort", _moved, "500"),
    Happening("membership doubled", _doubled, "1300"),
    Happening("e-mail changed", _readdressed, "1300"),
    Happening("invoice not shown while the list is read", _hidden, "1300"),
    # 5400 x 52 / 60 less the 3900 that were booked, with the words of the rule.
    Happening("credit note", _credited, "780"),
    Happening("cohort extended", _extended, "-400"),
)
PAIRS = list(combinations_with_replacement(HAPPENINGS, 2))


def _clients() -> Iterator[tuple[str, Happening, int]]:
    """Each client by contact id, with what happens to it and its number."""
    for place, pair in enumerate(PAIRS):
        for side, happening in enumerate(pair):
            number = 1 + 2 * place + side
            yield f"c{number:05}", happening, number


def _all_records(clients: list[Client]) -> Client:
    kinds = ("contacts", "invoices", "creditnotes", "students", "memberships")
    return {kind: [record for one in clients for record in one[kind]] for kind in kinds}


@pytest.fixture(scope="module")
def april(make_school: Callable[..., School]) -> dict[tuple[str, str], Decimal]:
    """What April recognised, by client and month, and what was booked before."""
    found = make_school("pairs")
    everybody = {number: client(number, happening.status) for _, happening, number in _clients()}
    found.says(_all_records(list(everybody.values())))
    assert found.run("2024-01", "2024-03") == []
    found.close(*_CLOSED)
    booked = found.by_month()
    for _, happening, number in _clients():
        happening.happen(everybody[number])
        if happening.happen is _hidden:
            found.holded.hidden.add(everybody[number]["invoices"][0]["id"])
    records = _all_records(list(everybody.values()))
    found.says(records)
    assert len(found.holded.lists[INVOICES]) == len(everybody)
    assert found.run("2024-01", "2024-04") == []
    after = found.by_month()
    assert {key: amount for key, amount in after.items() if key[1] in _CLOSED} == booked
    return after


@pytest.mark.parametrize(
    "pair", range(len(PAIRS)), ids=[f"{one.name} and {other.name}" for one, other in PAIRS]
)
def test_in_april_each_client_has_what_the_rule_says(
    pair: int, april: dict[tuple[str, str], Decimal]
) -> None:
    for side, happening in enumerate(PAIRS[pair]):
        contact_id = f"c{1 + 2 * pair + side:05}"
        assert april.get((contact_id, "2024-04"), Decimal(0)) == Decimal(happening.april), happening.name
