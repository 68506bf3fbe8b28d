"""What a notice says."""

from __future__ import annotations

from typing import Any

from ledger_pipelines.accruals.outputs import ACCRUAL_NOTICES
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.building import day, make_inputs

INVOICE = {"month": "2024-01-20", "amount": "1000"}
SHORT = {"start_date": "2024-01-01", "end_date": "2024-01-28"}


def messages(month: str, **records: Any) -> dict[str, str]:
    """The month's messages by kind."""
    notices = accrue(make_inputs(**records), [day(month)]).notices
    assert notices.schema.equals(ACCRUAL_NOTICES)
    return {row["kind"]: row["message"] for row in notices.to_pylist()}


def test_each_names_client_and_service_and_amount_and_says_what_to_do() -> None:
    assert messages("2024-01", contracts=[INVOICE]) == {
        "missing_crm_data": "Ann Lee bought ES - Full Stack Bootcamp and is neither enrolled in 4Geeks nor in "
        "Notion: enrol the client, or 1000.00 EUR are recognised as resigned 15 days after the first invoice."
    }
    in_notion = messages("2024-02", contracts=[INVOICE], pages=[{"educational_status": "Dropped"}])
    assert in_notion == {
        "not_in_crm": "Ann Lee is in Notion, but not enrolled in 4Geeks for ES - Full Stack Bootcamp: enrol the "
        "client, or date an ended or dropped status in Notion; 1000.00 EUR wait for that.",
        "undated_notion_status": "Ann Lee has an ended or dropped status in Notion without its date: fill in Drop "
        "Date or Certificated At; 1000.00 EUR wait for that.",
        "stalled": "1000.00 EUR of ES - Full Stack Bootcamp of Ann Lee are left, no period runs on and nothing "
        "will release them: extend or correct the period, or credit them.",
    }


def test_a_contradicted_status_is_named_with_the_one_of_today() -> None:
    booked = [
        {"month": "2024-01", "recognised": "1000", "contract_amount": "1000", "contract_status": "CANCELED"}
    ]
    course = {"start_date": "2024-02-01", "end_date": "2024-12-01"}
    found = messages("2024-02", contracts=[INVOICE], periods=[course], booked=booked, closed=["2024-01"])
    assert found == {
        "not_congruent_status": "ES - Full Stack Bootcamp of Ann Lee was booked as CANCELED in a closed month, but "
        "the period that decides is now ACTIVE: nothing more is recognised. 900.00 EUR are recognised beyond what the "
        "period gives. Correct the status in 4Geeks, or reopen the month."
    }


def test_clients_and_services_without_a_name_are_named_by_their_ids() -> None:
    clients = [{"name": None}]
    (message,) = messages("2024-01", contracts=[INVOICE], clients=clients, services=[]).values()
    assert message.startswith("ann bought bootcamp and")
    (message,) = messages("2024-02", contracts=[INVOICE], clients=[], services=[]).values()
    assert message.startswith("ann bought bootcamp and was not found")


def test_a_client_who_cannot_be_said_to_have_resigned_is_named_with_the_reason() -> None:
    unusable = messages("2024-01", contracts=[INVOICE], enrolled=[{}])
    assert "has a membership in 4Geeks, but none that is a period" in unusable["unusable_membership"]
    unread = messages("2024-02", contracts=[INVOICE], complete=False)
    assert "nobody is taken for resigned" in unread["crm_not_read"]
    gone = {"start_date": "2024-01-01", "end_date": "2024-05-19", "is_removed": True}
    told = messages("2024-02", contracts=[INVOICE], periods=[{**gone, "status": "POSTPONED"}])
    assert "is in 4Geeks no more" in told["membership_gone"]


def test_an_unassigned_period_is_named_with_its_program() -> None:
    contracts = [INVOICE, {**INVOICE, "service_id": "data"}]
    found = messages("2024-01", contracts=contracts, periods=[{**SHORT, "program_name": "Cooking"}])
    assert found["unassigned_period"] == (
        "The period 1 of Ann Lee belongs to none or several of the client's services, as its program is Cooking: "
        "name the service after the program."
    )
    nameless = messages("2024-01", contracts=contracts, periods=[{**SHORT, "program_name": None}])
    assert "its program is without a name" in nameless["unassigned_period"]


def test_notices_are_those_of_the_months_asked_and_end_when_nothing_is_left() -> None:
    contracts = [{**INVOICE, "amount": "120"}, {"month": "2024-03-01", "amount": "-96"}]
    for month, expected in (("2024-01", 1), ("2024-02", 1), ("2024-03", 1)):
        assert len(messages(month, contracts=contracts, periods=[SHORT])) == expected
    dropped = {**SHORT, "status": "DROPPED", "status_change_date": "2024-02-10"}
    assert messages("2024-01", contracts=contracts, periods=[dropped]) == {}
    assert messages("2024-02", contracts=contracts, periods=[dropped]) == {}
    assert messages("2023-12", contracts=contracts, periods=[SHORT]) == {}
