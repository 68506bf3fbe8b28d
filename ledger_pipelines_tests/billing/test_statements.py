"""The statement as a whole, and what its run promises."""

from __future__ import annotations

import dataclasses
import random
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_pipelines.billing.inputs import COLUMNS, SCHEMAS, BillingInputs
from ledger_pipelines.billing.outputs import STATEMENT_LINES, STATEMENTS, TICKET_HOURS
from ledger_pipelines.billing.statements import BillingResult, bill
from ledger_pipelines.errors import FrameError
from ledger_pipelines_tests.billing.building import (
    MARCH,
    bill_month,
    make_inputs,
    only_statement,
    statement_of,
)
from ledger_pipelines_tests.billing.generated import TOGETHER, Drawn, drawn_inputs, drawn_together

together_settings = settings(
    max_examples=28 // TOGETHER,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


#: Of a case's own plans, which `drawn_together` gives its number.
_plan = st.sampled_from(["Gold", "Silver"]).flatmap(
    lambda name: st.integers(0, TOGETHER - 1).map(lambda number: f"{name} {number}")
) | st.sampled_from(["No such plan", "inactive", None])


def rows(frame: pa.Table, *, without: str | None = None) -> list[Any]:
    """The frame's rows in an order of their own, without those of accounts that begin like this."""
    kept = (
        row for row in frame.to_pylist() if without is None or not row["account_number"].startswith(without)
    )
    return sorted(map(str, kept))


def everything(result: BillingResult, *, without: str | None = None) -> list[Any]:
    """All that a run gives, in an order of its own; without accounts that begin like this."""
    problems = [str(one) for one in result.problems if without is None or without not in str(one)]
    frames = (result.lines, result.statements, result.ticket_hours, result.unbilled_hours)
    return [*(rows(frame, without=without) for frame in frames), problems]


class TestStatement:
    def test_has_a_number_a_date_and_thirty_days_to_pay(self) -> None:
        statement = statement_of(month=date(2024, 2, 1), companies=[{"account_number": "620547"}])
        assert statement["statement_number"] == "620547-202402"
        assert statement["statement_date"] == date(2024, 2, 29)
        assert statement["due_date"] == date(2024, 3, 30)
        assert statement["company_name"] == "Acme Dental Group"
        assert statement["currency"] == "USD"

    def test_is_there_also_for_a_company_with_nothing_to_bill(self) -> None:
        result = bill_month()
        assert only_statement(result)["total"] == Decimal("0.00")
        assert result.lines.num_rows == 0

    def test_rounds_each_line_once_and_adds_up_the_rounded_lines(self) -> None:
        """Three users at 0.335 are 0.34 each, so 1.02 and not 1.01."""
        statement = statement_of(contacts=[{}, {}, {}], plans=[{"per_user_cost": "0.335"}])
        assert statement["total"] == Decimal("1.02")

    def test_falls_back_from_a_missing_support_level_of_the_company_to_the_plans(self) -> None:
        assert statement_of(plans=[{"support_level": "All Inclusive"}])["support_level"] == "All Inclusive"
        assert statement_of()["support_level"] is None

    def test_comes_by_month_and_account(self) -> None:
        months = [MARCH, date(2025, 2, 1)]
        companies = [
            {"month": month, "account_number": account} for account in ("B", "A") for month in months
        ]
        inputs = make_inputs(companies=companies, plans=[{"month": month} for month in months])
        statements = bill(inputs, months, currency="NOK").statements
        assert statements["statement_number"].to_pylist() == ["A-202502", "B-202502", "A-202503", "B-202503"]
        assert set(statements["currency"].to_pylist()) == {"NOK"}


def test_a_statement_says_which_parts_of_its_company_could_not_be_read() -> None:
    result = bill_month(
        companies=[{"account_number": account} for account in ("A1", "A2")],
        snapshot_gaps=[{"account_number": "A1", "table_name": name} for name in ("tickets", "assets")]
        + [{"account_number": "A2", "table_name": "assets", "month": date(2025, 4, 1)}],
    )
    assert result.statements["incomplete_parts"].to_pylist() == ["assets, tickets", None]


class TestFrames:
    def test_are_those_of_their_tables(self) -> None:
        result = bill_month(contacts=[{}], tickets=[{"hours": "1"}])
        assert result.lines.schema == STATEMENT_LINES
        assert result.statements.schema == STATEMENTS
        assert result.ticket_hours.schema == TICKET_HOURS

    def test_of_no_month_and_of_no_company_are_empty(self) -> None:
        for result in (bill(make_inputs(), [], currency="USD"), bill_month(companies=[], plans=[])):
            assert (result.lines.num_rows, result.statements.num_rows, result.ticket_hours.num_rows) == (
                0,
                0,
                0,
            )
            assert result.lines.schema == STATEMENT_LINES
            assert result.statements.schema == STATEMENTS

    def test_lacking_a_column_are_refused_by_name(self) -> None:
        inputs = make_inputs()
        lacking = dataclasses.replace(inputs, assets=inputs.assets.drop_columns(["hostname"]))
        with pytest.raises(FrameError, match=r"assets lacks the column.*hostname"):
            bill(lacking, [MARCH], currency="USD")

    def test_of_a_wrong_type_are_refused_by_name(self) -> None:
        inputs = make_inputs(contacts=[{}])
        wrong = inputs.contacts.set_column(2, "id", pa.array(["x"]))
        with pytest.raises(FrameError, match="contacts does not have the types"):
            bill(dataclasses.replace(inputs, contacts=wrong), [MARCH], currency="USD")


def test_real_months_bill_the_whole_company_list_one_line_for_each_record() -> None:
    accounts = [f"{number:06}" for number in range(500)]
    result = bill_month(
        companies=[{"account_number": account} for account in accounts],
        contacts=[{"account_number": account} for account in accounts * 2],
        assets=[{"account_number": account} for account in accounts * 3],
    )
    assert result.lines.num_rows == 2500
    assert set(result.statements["total"].to_pylist()) == {Decimal("180.00")}


@together_settings
@given(drawn_together(drawn_inputs))
def test_quantity_times_rate_is_the_amount_on_every_line_and_totals_are_their_sums(drawn: Drawn) -> None:
    for currency, unit in (("USD", "0.01"), ("JPY", "1"), ("KWD", "0.001")):
        _adds_up(bill(drawn.inputs, drawn.months, currency=currency), Decimal(unit))


def _adds_up(result: BillingResult, unit: Decimal) -> None:
    sums: dict[Any, Decimal] = {}
    for line in result.lines.to_pylist():
        key = line["month"], line["account_number"]
        sums[key] = sums.get(key, Decimal(0)) + line["amount"]
        assert (line["quantity"] * line["rate"]).quantize(unit, ROUND_HALF_UP) == line["amount"]
        assert line["quantity"] == line["quantity"].quantize(Decimal("0.000001"))
    for one in result.statements.to_pylist():
        parts = ["total_user_charges", "total_asset_charges", "ticket_charge", "backup_charge"]
        assert one["total"] == sum(one[name] for name in [*parts, "total_line_item_charges"])
        assert one["total"] == sums.pop((one["month"], one["account_number"]), Decimal(0))
        assert one["overage_charge"] <= one["backup_charge"]
    assert sums == {}


@together_settings
@given(drawn_together(drawn_inputs), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter_nor_how_they_are_cut_into_chunks(
    drawn: Drawn, shuffler: random.Random
) -> None:
    shuffled = {}
    for name in SCHEMAS:
        frame: pa.Table = getattr(drawn.inputs, name)
        order = list(range(frame.num_rows))
        shuffler.shuffle(order)
        cut = shuffler.randint(0, frame.num_rows)
        mixed = frame.take(pa.array(order, pa.int64()))
        shuffled[name] = pa.concat_tables([mixed.slice(0, cut), mixed.slice(cut)])
    other = BillingInputs(**shuffled, closed_months=drawn.inputs.closed_months)
    expected = bill(drawn.inputs, drawn.months, currency="USD")
    assert everything(bill(other, drawn.months[::-1], currency="USD")) == everything(expected)


@together_settings
@given(drawn_together(drawn_inputs), st.data())
def test_a_range_is_its_months_however_they_are_grouped(drawn: Drawn, data: st.DataObject) -> None:
    whole = bill(drawn.inputs, drawn.months, currency="USD")
    cut = data.draw(st.integers(0, len(drawn.months)))
    groups = [drawn.months[:cut], drawn.months[cut:]]
    parts = [bill(drawn.inputs, group, currency="USD") for group in groups]
    together = BillingResult(
        pa.concat_tables([part.lines for part in parts]),
        pa.concat_tables([part.statements for part in parts]),
        pa.concat_tables([part.ticket_hours for part in parts]),
        pa.concat_tables([part.unbilled_hours for part in parts]),
        [problem for part in parts for problem in part.problems],
    )
    assert everything(together) == everything(whole)


@together_settings
@given(drawn_together(drawn_inputs))
def test_a_run_again_gives_the_same_and_leaves_its_inputs_alone(drawn: Drawn) -> None:
    before = {name: getattr(drawn.inputs, name).to_pylist() for name in SCHEMAS}
    first, again = (bill(drawn.inputs, drawn.months, currency="USD") for _ in range(2))
    assert first.lines.equals(again.lines)
    assert first.statements.equals(again.statements)
    assert first.ticket_hours.equals(again.ticket_hours)
    assert first.problems == again.problems
    assert before == {name: getattr(drawn.inputs, name).to_pylist() for name in SCHEMAS}


@together_settings
@given(drawn_together(drawn_inputs))
def test_only_the_columns_that_are_asked_for_are_needed(drawn: Drawn) -> None:
    frames = {name: getattr(drawn.inputs, name).select(COLUMNS[name]) for name in SCHEMAS}
    lean = BillingInputs(**frames, closed_months=drawn.inputs.closed_months)
    expected = bill(drawn.inputs, drawn.months, currency="USD")
    assert everything(bill(lean, drawn.months, currency="USD")) == everything(expected)


@together_settings
@given(drawn_together(drawn_inputs), st.lists(_plan, min_size=TOGETHER, max_size=TOGETHER))
def test_another_company_changes_nobody_elses_statement(drawn: Drawn, plans: list[str | None]) -> None:
    """One more company for each case of the call, on a plan of that case, of any other, or of none."""
    month = drawn.months[-1]
    records = drawn.records
    new = [{"account_number": f"NEW-{number}"} for number in range(len(plans))]
    crowded = drawn.with_records(
        companies=[
            *records["companies"],
            *(
                {**one, "month": own, "billing_plan": plan}
                for one, plan in zip(new, plans, strict=True)
                for own in drawn.months
            ),
        ],
        assets=[
            *records["assets"],
            *(
                {**one, "month": month, "id": 9000 + number, "backup_data_bytes": 2**42}
                for number, one in enumerate(new)
            ),
        ],
        contacts=[
            *records["contacts"],
            *({**one, "month": month, "id": 9000 + number} for number, one in enumerate(new)),
        ],
        tickets=[
            *records["tickets"],
            *({**one, "month": month, "ticket_number": "N1", "hours": "9"} for one in new),
        ],
        client_billing_overrides=[
            *records["client_billing_overrides"],
            *({**one, "billing_plan": f"Gold {number}"} for number, one in enumerate(new)),
        ],
        manual_assets=[*records["manual_assets"], *new],
        custom_line_items=[*records["custom_line_items"], *({**one, "monthly_fee": "1"} for one in new)],
    )
    alone = bill(drawn.inputs, drawn.months, currency="USD")
    crowd = bill(crowded, drawn.months, currency="USD")
    assert everything(crowd, without="NEW-") == everything(alone, without="NEW-")
