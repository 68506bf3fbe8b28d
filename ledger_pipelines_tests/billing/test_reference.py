"""The vectorised rule against the plain one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings

from ledger_pipelines.billing.statements import bill
from ledger_pipelines_tests.billing.generated import (
    TOGETHER,
    Drawn,
    drawn_hours,
    drawn_inputs,
    drawn_together,
)
from ledger_pipelines_tests.billing.reference import reckon

_settings = settings(
    max_examples=120 // TOGETHER,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@_settings
@given(drawn_together(drawn_inputs))
def test_every_line_statement_hour_and_problem_is_what_the_rule_reckoned_by_hand_gives(drawn: Drawn) -> None:
    _agrees(drawn)


@_settings
@given(drawn_together(drawn_hours, least_closed=1))
def test_hours_that_came_late_too(drawn: Drawn) -> None:
    _agrees(drawn)


def _agrees(drawn: Drawn) -> None:
    result = bill(drawn.inputs, drawn.months, currency="USD")
    books = reckon(drawn.inputs, drawn.months)

    lines: dict[Any, dict[Any, Any]] = {key: {} for key in books.bills}
    for line in result.lines.to_pylist():
        values = (line["type"], *(Fraction(line[name]) for name in ("quantity", "rate", "amount")))
        lines[line["month"], line["account_number"]][line["source_type"], line["source_id"]] = values
    assert lines == {key: one.lines for key, one in books.bills.items()}

    statements = {(one["month"], one["account_number"]): one for one in result.statements.to_pylist()}
    for key, expected in books.bills.items():
        facts = {name: statements[key][name] for name in expected.facts}
        facts["overage_bytes"] = Fraction(facts["overage_bytes"])
        assert facts == expected.facts
    assert statements.keys() == books.bills.keys()

    hours = {
        (row["month"], row["account_number"], row["ticket_number"]): tuple(
            Fraction(row[name]) for name in ("total_hours", "billed_before", "hours")
        )
        for row in result.ticket_hours.to_pylist()
    }
    assert hours == books.ticket_hours
    assert {
        (row["month"], row["account_number"], row["ticket_number"])
        for row in result.unbilled_hours.to_pylist()
        if (row["month"], row["account_number"]) in books.bills
    } == books.unbilled

    problems = {(one.entity_type, one.external_id, one.month) for one in result.problems}
    assert problems == books.problems
    assert len(result.problems) == len(problems)
