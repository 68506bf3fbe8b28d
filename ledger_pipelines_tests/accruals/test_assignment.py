"""Which contract a service period belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import day, make_inputs

SERVICES = [
    {"id": "fs", "name": "Full-Stack"},
    {"id": "fspt", "name": "ES - Full Stack (Part Time)"},
    {"id": "ds", "name": "Data Science Bootcamp"},
    {"id": "ai", "name": "Data Science & AI"},
]


def assigned(*contracts: Any, periods: Any, clients: Any = ({},)) -> dict[str, int | None]:
    """The period at each contract in January, by contact and service; unassigned ones by `?` and contact."""
    inputs = make_inputs(
        services=SERVICES,
        clients=clients,
        contracts=[{"month": "2024-01-01", "amount": "600", **one} for one in contracts],
        periods=[{"start_date": "2024-01-01", "end_date": "2024-05-19", **one} for one in periods],
    )
    result = accrue(inputs, [day("2024-01")])
    found = {
        f"{row['contact_id']} {row['service_id']}": row["period_id"] for row in result.accruals.to_pylist()
    }
    unassigned = {
        f"? {row['contact_id']}": row["period_id"]
        for row in result.notices.to_pylist()
        if row["kind"] == "unassigned_period"
    }
    return {**found, **unassigned}


FS, FSPT, DS, AI = ({"service_id": one["id"]} for one in SERVICES)


def test_a_client_with_one_contract_takes_it_whatever_the_program() -> None:
    assert assigned(DS, periods=[{"program_name": "Cooking"}]) == {"ann ds": 1}


@pytest.mark.parametrize(
    ("program", "service"),
    [
        ({"program_name": "FULL STACK"}, "fs"),
        ({"program_name": None, "program_slug": "full-stack"}, "fs"),
        ({"program_name": "part time"}, "fspt"),
        ({"program_name": "Full Stack Part-Time"}, "fspt"),
        ({"program_name": "Science", "program_slug": None}, "ds"),
    ],
)
def test_the_service_is_the_one_with_the_programs_name_or_that_contains_it(
    program: dict[str, Any], service: str
) -> None:
    found = assigned(FS, FSPT, DS, periods=[program])
    assert [key for key, period in found.items() if period] == [f"ann {service}"]


@pytest.mark.parametrize("program", ["Cooking", "Data Science", "Stac", None, " - "])
def test_none_or_several_matches_leave_it_unassigned(program: str | None) -> None:
    found = assigned(FS, DS, AI, periods=[{"program_name": program}])
    assert found == {"ann ai": None, "ann ds": None, "ann fs": None, "? ann": 1}


def test_two_currencies_of_one_service_share_the_period() -> None:
    inputs = {"contact_id": "ann", "service_id": "fs"}
    found = assigned({**inputs, "currency": "EUR"}, {**inputs, "currency": "USD"}, periods=[{}])
    assert found == {"ann fs": 1}


def test_a_contract_that_was_credited_in_full_does_not_compete() -> None:
    credit = {"month": "2024-01-09", "contract_date": "2024-01-09"}
    inputs = make_inputs(
        services=SERVICES,
        contracts=[
            {**FS, "month": "2023-12-01", "amount": "600"},
            {**FS, **credit, "amount": "-600"},
            {**DS, **credit, "amount": "600"},
        ],
        periods=[{"start_date": "2024-01-01", "end_date": "2024-05-19", "program_name": "Cooking"}],
    )
    rows = accrue(inputs, [day("2024-02")]).accruals.to_pylist()
    assert [(row["service_id"], row["period_id"]) for row in rows] == [("ds", 1)]


ANN = {"contact_id": "ann", "user_id": 7, "email": "ann@example.com"}


def test_the_user_counts_before_the_e_mail() -> None:
    clients = [ANN, {"contact_id": "bob", "user_id": 8, "email": "bob@example.com"}]
    contracts = (FS, {**FS, "contact_id": "bob"})
    by_user = assigned(*contracts, clients=clients, periods=[{"user_id": 8}])
    assert by_user == {"ann fs": None, "bob fs": 1}
    by_email = assigned(*contracts, clients=clients, periods=[{"user_id": 9}])
    assert by_email == {"ann fs": 1, "bob fs": None}
    without_user = assigned(
        *contracts, clients=clients, periods=[{"user_id": None, "email": " BOB@example.com "}]
    )
    assert without_user == {"ann fs": None, "bob fs": 1}


def test_each_of_several_contacts_with_one_e_mail_takes_it() -> None:
    clients = [{**ANN, "user_id": None}, {**ANN, "user_id": None, "contact_id": "ann again"}]
    contracts = (FS, {**FS, "contact_id": "ann again"})
    assert assigned(*contracts, clients=clients, periods=[{}]) == {"ann fs": 1, "ann again fs": 1}


def test_a_contact_that_is_no_client_and_people_without_e_mail_have_no_periods() -> None:
    clients = [{**ANN, "contact_id": "bob", "user_id": None, "email": None}]
    contracts = (FS, {**FS, "contact_id": "bob"})
    found = assigned(*contracts, clients=clients, periods=[{"user_id": None, "email": None}])
    assert found == {"ann fs": None, "bob fs": None}


def test_a_client_with_an_unassigned_period_has_not_resigned() -> None:
    inputs = make_inputs(
        services=SERVICES,
        contracts=[{**one, "month": "2024-01-01", "amount": "600"} for one in (FS, DS)],
        periods=[{"start_date": "2024-01-01", "end_date": "2024-05-19", "program_name": "Cooking"}],
    )
    result = accrue(inputs, [day("2024-03")])
    assert [row["recognised"] for row in result.accruals.to_pylist()] == [0, 0]
    notices = {(row["service_id"], row["kind"], row["amount"]) for row in result.notices.to_pylist()}
    assert notices == {("fs", "stalled", 600), ("ds", "stalled", 600), ("", "unassigned_period", None)}
