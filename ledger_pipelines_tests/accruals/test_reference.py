"""The vectorised rule against the plain one."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from ledger_pipelines.accruals.outputs import CONTRACT_KEY, NOTICE_KEY
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.generated import Drawn, drawn_inputs
from ledger_pipelines_tests.accruals.reference import reckon


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_inputs())
def test_every_accrual_deferral_and_notice_is_what_the_rule_reckoned_by_hand_gives(drawn: Drawn) -> None:
    result = accrue(drawn.inputs, drawn.months)
    books = reckon(drawn.inputs, drawn.months)

    accruals: dict[Any, Any] = {}
    for row in result.accruals.to_pylist():
        accruals[row.pop("month"), tuple(row.pop(name) for name in CONTRACT_KEY)] = row
    assert _differing(accruals, books.accruals) == {}
    assert len(accruals) == result.accruals.num_rows

    deferred = {
        (row["month"], row["currency"]): (row["opening"], row["invoiced"], row["recognised"], row["closing"])
        for row in result.deferred_revenue.to_pylist()
    }
    assert _differing(deferred, books.deferred) == {}

    notices = {tuple(row[name] for name in NOTICE_KEY): row["amount"] for row in result.notices.to_pylist()}
    assert _differing(notices, books.notices) == {}
    assert len(notices) == result.notices.num_rows


def _differing(ours: dict[Any, Any], theirs: dict[Any, Any]) -> dict[Any, Any]:
    """What both say where they differ; of two rows, only the columns."""
    found = {}
    for key in {*ours, *theirs}:
        one, other = ours.get(key, "missing"), theirs.get(key, "missing")
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            found[key] = {name: (one[name], other[name]) for name in one if one[name] != other[name]}
        else:
            found[key] = (one, other)
    return found
