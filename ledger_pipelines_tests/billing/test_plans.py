"""Which plan a company is on and at which rates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.billing.inputs import RATES
from ledger_pipelines.billing.statements import bill
from ledger_pipelines_tests.billing.building import MARCH, bill_month, enabled, make_inputs, statement_of


@pytest.mark.parametrize("text", ["1-Year", "1 year", "1 Year", " 1  YEAR ", "1 years", "1-yr"])
def test_every_spelling_of_one_year_is_one_term(text: str) -> None:
    assert normalise_term(text) == "1 Year"
    assert normalise_term(text.replace("1", "3")) == "3 Year"


@pytest.mark.parametrize("text", [None, "", "   ", "month to month", "Month-to-Month"])
def test_a_blank_term_is_month_to_month(text: str | None) -> None:
    assert normalise_term(text) == "Month to Month"


def test_a_term_that_nobody_knows_stays_as_it_is_written() -> None:
    assert normalise_term(" Until  further notice ") == "Until further notice"


def test_a_company_is_on_the_plan_of_its_name_and_term_however_the_term_is_written() -> None:
    result = bill_month(
        companies=[{"billing_plan": " Standard ", "contract_term_length": "2-year"}],
        plans=[
            {"term_length": "1 Year", "per_user_cost": "11"},
            {"term_length": "2 Year", "per_user_cost": "22"},
            {"term_length": "Month to Month", "per_user_cost": "33"},
        ],
        contacts=[{}],
    )
    (statement,) = result.statements.to_pylist()
    assert (statement["billing_plan"], statement["contract_term"]) == ("Standard", "2 Year")
    assert statement["total"] == Decimal("22.00")


def test_a_local_plan_wins_over_codex_with_the_same_key_whole() -> None:
    statement = statement_of(
        contacts=[{}], assets=[{}], billing_plans=[{"term_length": "1-year", "per_user_cost": "9.99"}]
    )
    assert statement["total_user_charges"] == Decimal("9.99")
    assert statement["total_asset_charges"] == Decimal("0.00")


def test_a_local_plan_of_another_term_leaves_codexs_alone() -> None:
    statement = statement_of(contacts=[{}], billing_plans=[{"term_length": "2 Year", "per_user_cost": "1"}])
    assert statement["total"] == Decimal("15.00")


def test_a_rate_that_the_plan_does_not_state_is_nothing() -> None:
    assert statement_of(contacts=[{}], plans=[{"per_user_cost": None}])["total"] == Decimal("0.00")


def test_plans_are_those_of_the_months_own_snapshot() -> None:
    statement = statement_of(
        contacts=[{}], plans=[{"month": date(2025, 2, 1), "per_user_cost": "1"}, {"per_user_cost": "2"}]
    )
    assert statement["total"] == Decimal("2.00")


class TestPlanOverride:
    gold = (
        {"per_user_cost": "15"},
        {"plan_name": "Gold", "per_user_cost": "40", "support_level": "All Inclusive"},
    )

    def statement(self, override: Mapping[str, Any], **company: Any) -> dict[str, Any]:
        return statement_of(
            companies=[{"support_level": "Billed Hourly", **company}],
            plans=self.gold,
            contacts=[{}],
            client_billing_overrides=[override],
        )

    def test_replaces_the_name_and_keeps_the_companys_term(self) -> None:
        statement = self.statement(enabled(billing_plan="Gold"))
        assert (statement["billing_plan"], statement["contract_term"]) == ("Gold", "1 Year")
        assert statement["total"] == Decimal("40.00")

    def test_brings_its_support_level(self) -> None:
        assert self.statement(enabled(billing_plan="Gold"))["support_level"] == "All Inclusive"
        assert self.statement({})["support_level"] == "Billed Hourly"

    def test_the_override_s_own_support_level_comes_first_where_it_is_enabled_and_not_blank(self) -> None:
        given = enabled(billing_plan="Gold", support_level=" Gold level ")
        assert self.statement(given)["support_level"] == "Gold level"
        assert self.statement({**given, "support_level_enabled": False})["support_level"] == "All Inclusive"
        assert self.statement(enabled(support_level="  "))["support_level"] == "Billed Hourly"

    def test_counts_only_while_it_is_enabled(self) -> None:
        assert self.statement({"billing_plan": "Gold"})["billing_plan"] == "Standard"

    def test_blank_replaces_nothing(self) -> None:
        assert self.statement(enabled(billing_plan="  "))["billing_plan"] == "Standard"

    def test_bills_a_company_that_codex_calls_inactive(self) -> None:
        assert self.statement(enabled(billing_plan="Gold"), billing_plan="Inactive")["total"] == Decimal(
            "40.00"
        )


class TestRateOverride:
    def total(self, **override: Any) -> Decimal:
        return Decimal(statement_of(contacts=[{}], client_billing_overrides=[override])["total"])

    def test_replaces_the_plans_rate(self) -> None:
        assert self.total(**enabled(per_user_cost="12.345")) == Decimal("12.35")

    def test_of_zero_counts(self) -> None:
        assert self.total(**enabled(per_user_cost="0")) == Decimal("0.00")

    def test_that_is_not_enabled_or_has_no_value_leaves_the_plans_rate(self) -> None:
        assert self.total(per_user_cost="1") == Decimal("15.00")
        assert self.total(per_user_cost_enabled=True) == Decimal("15.00")

    def test_of_another_client_does_not_matter(self) -> None:
        assert self.total(account_number="A2", **enabled(per_user_cost="1")) == Decimal("15.00")

    @pytest.mark.parametrize("rate", [*RATES, "prepaid_hours_monthly", "prepaid_hours_yearly"])
    def test_is_stated_for_every_rate(self, rate: str) -> None:
        assert statement_of(client_billing_overrides=[enabled(**{rate: "3.25"})])[rate] == Decimal("3.25")


class TestNoStatement:
    @pytest.mark.parametrize("plan", ["inactive", "Inactive", " INACTIVE "])
    def test_an_inactive_plan_is_no_error(self, plan: str) -> None:
        result = bill_month(
            companies=[{"billing_plan": plan}], contacts=[{}], assets=[{}], tickets=[{"hours": "3"}]
        )
        assert (result.statements.num_rows, result.lines.num_rows, result.ticket_hours.num_rows) == (0, 0, 0)
        assert list(result.problems) == []

    def test_a_plan_that_does_not_exist_is_one_problem_and_the_others_go_on(self) -> None:
        result = bill_month(
            companies=[{}, {"account_number": "A2", "billing_plan": "Legacy Gold"}],
            contacts=[{}, {"account_number": "A2"}],
        )
        assert result.statements["account_number"].to_pylist() == ["A1"]
        assert result.lines["account_number"].to_pylist() == ["A1"]
        (problem,) = result.problems
        assert (problem.integration, problem.operation) == ("billing", "statements")
        assert (problem.entity_type, problem.external_id, problem.month) == ("company", "A2", "2025-03")
        assert "'Legacy Gold'" in problem.message
        assert "'1 Year'" in problem.message
        assert problem.details["billing_plan"] == "Legacy Gold"

    def test_the_names_case_matters(self) -> None:
        assert bill_month(companies=[{"billing_plan": "STANDARD"}]).statements.num_rows == 0

    @pytest.mark.parametrize("plan", [None, "", "  "])
    def test_no_plan_at_all_says_so(self, plan: str | None) -> None:
        (problem,) = bill_month(companies=[{"billing_plan": plan}]).problems
        assert problem.message.startswith("Company A1 has no billing plan: ")

    @pytest.mark.parametrize("account", [None, "", " "])
    def test_a_company_without_an_account_number_is_named(self, account: str | None) -> None:
        result = bill_month(companies=[{"account_number": account}, {"account_number": "A2"}])
        assert result.statements["account_number"].to_pylist() == ["A2"]
        (problem,) = result.problems
        assert problem.external_id == "Acme Dental Group"
        assert "no account number" in problem.message

    def test_is_reported_for_every_month_asked(self) -> None:
        months = [date(2025, 2, 1), MARCH]

        inputs = make_inputs(companies=[{"month": month, "billing_plan": "Nope"} for month in months])
        problems = bill(inputs, months, currency="USD").problems
        assert [problem.month for problem in problems] == ["2025-02", "2025-03"]
