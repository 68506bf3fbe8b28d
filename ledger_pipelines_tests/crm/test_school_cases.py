"""Cases of `../shared/data/school`, as far as the reading of 4Geeks and Notion decides them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger_pipelines.store.memberships import add_unpaid_cohort
from ledger_pipelines_tests.crm.building import SchoolLedger, case, memberships

COURSE = (date(2024, 1, 1), date(2024, 5, 19))
#: Others in the school, so that one who is gone is not half of the list.
OTHERS = memberships(1, 2, 3)


@pytest.mark.parametrize(("name", "free", "paid"), [("A02a", 10300, 10301), ("A02b", 10400, 10401)])
def test_an_unpaid_cohort_is_no_period_and_who_is_in_it_is_enrolled(
    name: str, free: int, paid: int, ledger: SchoolLedger
) -> None:
    ledger.says(case(name)["records"])
    ledger.read("enrollments")
    assert [period[0] for period in ledger.spans()] == [free, paid]
    with ledger.database.connect() as connection:
        for pattern in ("YoMeQuedoEnCasa", "*-pt-general"):
            add_unpaid_cohort(connection, pattern, note="Nobody pays.", person="ana")
    ledger.read("enrollments", "2024-02")
    assert ledger.spans() == [(paid, *COURSE, "ACTIVE", None)]
    assert len(ledger.enrolled()) == 1
    assert ledger.is_complete("enrollments") is True


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("A13", {"A13x": 1018, "A13y": 1018}),
        ("A14", {"A14": 1019}),
        ("A15", {"A15": 1020}),
        ("A16z", {"A16z": 1021}),
        ("A17m", {"A17m": 1023}),
        ("A41", {"A41": 1022}),
    ],
)
def test_each_client_is_the_student_whose_address_is_meant(
    name: str, users: dict[str, int], ledger: SchoolLedger
) -> None:
    ledger.says(case(name)["records"])
    ledger.read("clients")
    assert ledger.users() == users
    ledger.read("enrollments")
    [period] = ledger.periods()
    assert {period["user_id"]} == set(users.values())


@pytest.mark.parametrize(
    ("name", "zone", "start", "end"),
    [
        ("A24", None, date(2024, 2, 1), date(2024, 2, 29)),
        ("T1", "America/New_York", date(2024, 1, 31), date(2024, 2, 29)),
    ],
)
def test_own_days_are_the_school_s(
    name: str, zone: str | None, start: date, end: date, ledger: SchoolLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    if zone:
        monkeypatch.setenv("FOURGEEKS_TIMEZONE", zone)
    ledger.says(case(name)["records"])
    ledger.read("enrollments")
    [period] = ledger.spans()
    assert period[1:3] == (start, end)


def test_who_is_in_a_cohort_without_an_end_is_enrolled_and_the_list_is_complete(ledger: SchoolLedger) -> None:
    ledger.says(case("A26")["records"])
    ledger.read("enrollments")
    assert ledger.spans() == []
    assert ledger.enrolled() == {(1029, "a26@school.test")}
    assert ledger.is_complete("enrollments") is True
    [error] = ledger.errors()
    assert (error.external_id, "has no end date" in error.message) == ("11400", True)


@pytest.mark.parametrize("name", ["A27", "A27b", "A27d"])
def test_a_property_of_another_type_is_read(name: str, ledger: SchoolLedger) -> None:
    records = case(name)["records"]
    ledger.says(records)
    ledger.read("external_ids")
    [page] = ledger.state("external_ids")
    assert (page["email"], page["educational_status"]) == (f"{name.lower()}@school.test", "Active")
    assert (ledger.errors(), ledger.is_complete("external_ids")) == ([], True)


def closed(ledger: SchoolLedger, name: str) -> dict[str, Any]:
    """Closes January to March of a case; what is so afterwards."""
    found = case(name)
    before = found["when_january_to_march_are_closed"]
    ledger.says(before | {"memberships": before["memberships"] + OTHERS})
    for step in ("clients", "enrollments"):
        ledger.read(step, "2024-01", "2024-03")
    ledger.close("2024-01", "2024-02", "2024-03")
    after: dict[str, Any] = found["afterwards"]
    ledger.says(after | {"memberships": after.get("memberships", []) + OTHERS})
    return after


def spans_without_others(ledger: SchoolLedger) -> list[tuple[Any, ...]]:
    return [period for period in ledger.spans() if period[0] > len(OTHERS)]


def test_b5_a_client_stays_matched_by_the_user(ledger: SchoolLedger) -> None:
    closed(ledger, "B5")
    for step in ("clients", "enrollments"):
        ledger.read(step, "2024-04")
    assert ledger.users() == {"B5": 2006}
    [period] = [one for one in ledger.periods() if one["user_id"] == 2006]
    assert (period["id"], period["status"], period["email"]) == (20060, "ACTIVE", "new-address@school.test")


@pytest.mark.parametrize(("name", "number", "user"), [("B7", 20080, 2008), ("B9", 20100, 2010)])
def test_b7_and_b9_a_membership_that_is_gone_is_postponed(
    name: str, number: int, user: int, ledger: SchoolLedger
) -> None:
    closed(ledger, name)
    for step in ("clients", "enrollments"):
        ledger.read(step, "2024-04")
    assert spans_without_others(ledger) == [(number, *COURSE, "POSTPONED", date(2024, 3, 31))]
    [period] = [one for one in ledger.periods() if one["id"] == number]
    assert (period["is_removed"], period["user_id"]) == (True, user)
    assert ledger.users() == {name: user}
    assert user not in {one for one, _ in ledger.enrolled()}


def test_b8_who_is_moved_to_another_cohort_has_two_periods(ledger: SchoolLedger) -> None:
    closed(ledger, "B8")
    ledger.read("enrollments", "2024-04", "2024-06")
    assert spans_without_others(ledger) == [
        (20090, *COURSE, "POSTPONED", date(2024, 3, 31)),
        (20099, date(2024, 4, 1), date(2024, 8, 18), "ACTIVE", None),
    ]
