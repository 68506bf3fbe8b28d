"""Which alerts are due by the metrics."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ledger_pipelines.cfo.metrics import Metrics, due_alerts

WELL = Metrics(lag_seconds=Decimal(600), success_rate=Decimal(95), pending=900, exhausted=0, overdue=5)


def kinds(metrics: Metrics) -> list[str]:
    return [alert.kind for alert in due_alerts(metrics)]


def test_at_the_bounds_all_is_well() -> None:
    assert due_alerts(WELL) == []


def test_where_nothing_was_measured_nothing_alerts() -> None:
    assert due_alerts(Metrics(lag_seconds=None, success_rate=None, pending=0, exhausted=0, overdue=0)) == []


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("lag_seconds", Decimal("600.001"), "lag", "601 seconds after payment"),
        ("exhausted", 1, "failed", "1 invoice could not be handed to the CFO in 3 retries"),
        ("exhausted", 2, "failed", "2 invoices could not"),
        (
            "overdue",
            6,
            "pending",
            "6 invoices have been paid for more than 2 minutes and are not yet handed to the CFO",
        ),
        ("success_rate", Decimal("94.999"), "success_rate", "Only 94.9 % of the last 7 days'"),
        ("success_rate", Decimal(0), "success_rate", "Only 0.0 %"),
    ],
)
def test_one_step_beyond_a_bound_is_one_alert_that_says_so(
    name: str, value: Any, kind: str, words: str
) -> None:
    (alert,) = due_alerts(replace(WELL, **{name: value}))
    assert alert.kind == kind
    assert words in alert.message


def test_everything_may_be_wrong_at_once() -> None:
    worst = Metrics(lag_seconds=Decimal(7200), success_rate=Decimal(10), pending=90, exhausted=4, overdue=90)
    assert kinds(worst) == ["lag", "failed", "pending", "success_rate"]
