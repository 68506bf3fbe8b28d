"""Each invariant holds of what the rule makes, and catches the one thing that it is there to catch."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import HealthCheck, given, settings

from ledger_pipelines.billing.invariants import (
    billed_twice,
    contracts_ending,
    lines_without_source,
    statements_missing_or_doubled,
    tickets_billed_beyond_their_hours,
    tickets_billed_twice,
    totals_that_do_not_add_up,
)
from ledger_pipelines.billing.statements import bill
from ledger_pipelines_tests.billing.building import MARCH, TERABYTE, make_frame, make_inputs
from ledger_pipelines_tests.billing.generated import TOGETHER, Drawn, drawn_inputs, drawn_together

TWO = ({"account_number": "A1"}, {"account_number": "A2"})
INPUTS = make_inputs(
    companies=[*TWO, {"account_number": "A3", "billing_plan": "inactive"}],
    contacts=TWO,
    assets=[{**one, "backup_data_bytes": 2 * TERABYTE} for one in TWO],
    tickets=[{**one, "hours": "2"} for one in TWO],
    manual_users=TWO,
    manual_assets=TWO,
    custom_line_items=[{**one, "monthly_fee": "5"} for one in TWO],
)
RESULT = bill(INPUTS, [MARCH], currency="USD")


def doubled(frame: pa.Table, row: int = 0) -> pa.Table:
    """The frame with one row twice."""
    return pa.concat_tables([frame, frame.slice(row, 1)])


def with_first(frame: pa.Table, name: str, value: Any) -> pa.Table:
    """The frame with another value in the first row of a column."""
    values = [value, *frame[name].to_pylist()[1:]]
    return frame.set_column(
        frame.column_names.index(name),
        frame.schema.field(name),
        pa.array(values, frame.schema.field(name).type),
    )


@settings(
    max_examples=28 // TOGETHER,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn_together(drawn_inputs))
def test_all_hold_of_whatever_the_rule_makes(drawn: Drawn) -> None:
    result = bill(drawn.inputs, drawn.months, currency="USD")
    assert statements_missing_or_doubled(drawn.inputs, result.statements, drawn.months).num_rows == 0
    assert totals_that_do_not_add_up(result.lines, result.statements).num_rows == 0
    assert billed_twice(result.lines).num_rows == 0
    assert tickets_billed_twice(result.ticket_hours).num_rows == 0
    assert lines_without_source(result.lines, drawn.inputs).num_rows == 0


class TestOneStatementForEachActiveCompany:
    def offenders(self, statements: pa.Table) -> list[dict[str, Any]]:
        return statements_missing_or_doubled(INPUTS, statements, [MARCH]).to_pylist()

    def test_a_missing_one(self) -> None:
        expected = [{"month": MARCH, "account_number": "A1", "statements": 0}]
        assert self.offenders(RESULT.statements.slice(1)) == expected

    def test_one_twice(self) -> None:
        expected = [{"month": MARCH, "account_number": "A1", "statements": 2}]
        assert self.offenders(doubled(RESULT.statements)) == expected

    def test_one_of_a_company_without_a_plan(self) -> None:
        offenders = self.offenders(with_first(doubled(RESULT.statements), "account_number", "A3"))
        assert offenders == [{"month": MARCH, "account_number": "A3", "statements": 1}]

    def test_other_months_are_not_looked_at(self) -> None:
        other = bill(make_inputs(month=date(2025, 2, 1)), [date(2025, 2, 1)], currency="USD").statements
        assert self.offenders(pa.concat_tables([RESULT.statements, other])) == []


class TestTotals:
    def test_a_total_that_is_a_cent_off(self) -> None:
        total = RESULT.statements["total"][0].as_py()
        statements = with_first(RESULT.statements, "total", total + Decimal("0.01"))
        assert totals_that_do_not_add_up(RESULT.lines, statements).to_pylist() == [
            {"month": MARCH, "account_number": "A1", "total": total + Decimal("0.01"), "lines": total}
        ]

    def test_lines_without_a_statement(self) -> None:
        (row,) = totals_that_do_not_add_up(RESULT.lines, RESULT.statements.slice(1)).to_pylist()
        assert (row["account_number"], row["total"]) == ("A1", None)

    def test_a_statement_without_its_lines(self) -> None:
        lines = RESULT.lines.filter(pc.not_equal(RESULT.lines["account_number"], "A1"))
        (row,) = totals_that_do_not_add_up(lines, RESULT.statements).to_pylist()
        assert (row["account_number"], row["lines"]) == ("A1", Decimal(0))


class TestNothingTwice:
    def test_any_line_twice(self) -> None:
        for row, line in enumerate(RESULT.lines.to_pylist()):
            told = ("source_type", "source_id", "account_number", "description", "amount", "currency")
            named = {"month": MARCH} | {name: line[name] for name in told}
            assert billed_twice(doubled(RESULT.lines, row)).to_pylist() == [named, named]

    def test_an_asset_billed_to_two_companies_but_not_a_contact_of_two(self) -> None:
        for kind, expected in (("assets", 2), ("contacts", 0)):
            records = {kind: [{**one, "id": 5} for one in TWO]}
            result = bill(make_inputs(companies=TWO, **records), [MARCH], currency="USD")
            assert billed_twice(result.lines).num_rows == expected

    def test_a_ticket_twice_but_not_a_number_under_two_companies(self) -> None:
        tickets = [{**one, "ticket_number": "T1", "hours": "1"} for one in TWO]
        result = bill(make_inputs(companies=TWO, tickets=tickets), [MARCH], currency="USD")
        assert tickets_billed_twice(result.ticket_hours).num_rows == 0
        expected = {
            "month": MARCH,
            "account_number": "A1",
            "ticket_number": "T1",
            "times": 2,
            "hours": Decimal(2),
        }
        found = tickets_billed_twice(doubled(result.ticket_hours.sort_by("account_number")))
        assert found.to_pylist() == [expected]


class TestTicketsOfClosedMonths:
    def beyond(self, *booked: tuple[int, str, str], ids: tuple[int, ...] = (1, 1)) -> list[dict[str, Any]]:
        """What is found in March of T1's hours in closed months: (month, hours, total hours)."""
        records = [
            {
                "month": date(2025, month, 1),
                "ticket_number": "T1",
                "ticket_id": number,
                "hours": hours,
                "total_hours": total,
            }
            for (month, hours, total), number in zip(booked, ids, strict=True)
        ]
        return tickets_billed_beyond_their_hours(
            make_frame("booked_ticket_hours", records), MARCH
        ).to_pylist()

    def test_billed_up_to_its_hours(self) -> None:
        assert self.beyond((1, "2", "2"), (2, "1.5", "3.5")) == []

    def test_billed_up_to_its_hours_in_whole_seconds(self) -> None:
        """0.9166666666666666 h and the rest of 1.5 h are 3,300 and 2,100 s, whatever their decimals add up to."""
        assert (
            self.beyond((1, "0.916666666666666667", "0.9166666666666666"), (2, "0.583333333333333334", "1.5"))
            == []
        )

    def test_billed_beyond_its_hours(self) -> None:
        assert self.beyond((1, "2", "2"), (2, "1.5", "3.4")) == [
            {
                "month": MARCH,
                "account_number": "A1",
                "ticket_number": "T1",
                "billed": Decimal("3.5"),
                "hours": Decimal("3.4"),
            }
        ]

    def test_what_later_months_billed_is_theirs_to_tell(self) -> None:
        assert self.beyond((2, "2", "2"), (4, "1", "2")) == []

    def test_a_number_that_started_again_has_the_hours_of_both_its_tickets(self) -> None:
        assert self.beyond((1, "2", "2"), (3, "1.5", "1.5"), ids=(1, 2)) == []


class TestSources:
    def test_each_kind_of_line_needs_its_record(self) -> None:
        for name, sources in {
            "contacts": {"contact"},
            "assets": {"asset", "backup"},
            "manual_users": {"manual_user"},
            "manual_assets": {"manual_asset"},
            "custom_line_items": {"line_item"},
            "tickets": {"tickets"},
        }.items():
            frame: pa.Table = getattr(INPUTS, name)
            gone = dataclasses.replace(
                INPUTS, **{name: frame.filter(pc.equal(frame["account_number"], "A2"))}
            )
            offenders = lines_without_source(RESULT.lines, gone).to_pylist()
            assert {one["source_type"] for one in offenders} == sources
            assert {one["account_number"] for one in offenders} == {"A1"}

    def test_a_source_that_nobody_knows(self) -> None:
        (row,) = lines_without_source(with_first(RESULT.lines, "source_type", "gift"), INPUTS).to_pylist()
        assert row["source_type"] == "gift"

    def test_another_months_record_is_not_this_months(self) -> None:
        earlier = make_frame("contacts", TWO, month=date(2025, 2, 1))
        moved = dataclasses.replace(INPUTS, contacts=earlier)
        assert lines_without_source(RESULT.lines, moved).num_rows == 2


def test_contracts_that_end_within_sixty_days_of_the_months_last_day() -> None:
    ends = ["2025-03-30", "2025-03-31", "2025-05-30", "2025-05-31", None]
    companies = [
        {"account_number": f"A{number}", "contract_end_date": date.fromisoformat(end) if end else None}
        for number, end in enumerate(ends)
    ]
    statements = bill(make_inputs(companies=companies), [MARCH], currency="USD").statements
    ending = contracts_ending(statements)
    assert ending["contract_end_date"].to_pylist() == [date(2025, 3, 31), date(2025, 5, 30)]
    assert contracts_ending(statements, within_days=61).num_rows == 3
