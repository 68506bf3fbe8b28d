"""The vectorised rule against the plain one."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.generated import Drawn, drawn_inputs
from ledger_pipelines_tests.accruals.reference import reckon


@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_inputs())
def test_every_accrual_deferral_and_notice_is_what_the_rule_reckoned_by_hand_gives(drawn: Drawn) -> None:
    result = accrue(drawn.inputs, drawn.months)
    books = reckon(drawn.inputs, drawn.months)

    accruals: dict[Any, Any] = {}
    for row in result.accruals.to_pylist():
        key = row.pop("month"), (row.pop("contact_id"), row.pop("service_id"), row.pop("currency"))
        accruals[key] = row
    assert accruals == books.accruals
    assert len(accruals) == result.accruals.num_rows

    deferred = {
        (row["month"], row["currency"]): (row["opening"], row["invoiced"], row["recognised"], row["closing"])
        for row in result.deferred_revenue.to_pylist()
    }
    assert deferred == books.deferred

    names = ("month", "contact_id", "service_id", "currency", "kind", "period_id")
    notices = {tuple(row[name] for name in names): row["amount"] for row in result.notices.to_pylist()}
    assert notices == books.notices
    assert len(notices) == result.notices.num_rows
