"""The vectorised rule against the plain one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import add
from typing import Any

from hypothesis import HealthCheck, given, settings

from ledger_pipelines.accruals.outputs import CONTRACT_KEY, NOTICE_KEY
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines_tests.accruals.generated import Drawn, drawn_inputs
from ledger_pipelines_tests.accruals.reference import reckon


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn_inputs(books=5))
def test_every_accrual_deferral_and_notice_is_what_the_rule_reckoned_by_hand_gives(drawn: Drawn) -> None:
    """Of several books at once, and by hand of each alone."""
    result = accrue(drawn.inputs, drawn.months)
    books = [reckon(inputs, drawn.months) for inputs in drawn.each]

    accruals: dict[Any, Any] = {}
    for row in result.accruals.to_pylist():
        accruals[row.pop("month"), tuple(row.pop(name) for name in CONTRACT_KEY)] = row
    assert _differing(accruals, _all(one.accruals for one in books)) == {}
    assert len(accruals) == result.accruals.num_rows

    deferred = {
        (row["month"], row["currency"]): (row["opening"], row["invoiced"], row["recognised"], row["closing"])
        for row in result.deferred_revenue.to_pylist()
    }
    assert _differing(deferred, _sums(one.deferred for one in books)) == {}

    notices = {tuple(row[name] for name in NOTICE_KEY): row["amount"] for row in result.notices.to_pylist()}
    assert _differing(notices, _all(one.notices for one in books)) == {}
    assert len(notices) == result.notices.num_rows


def _all(books: Iterable[Mapping[Any, Any]]) -> dict[Any, Any]:
    """The rows of all books, whose keys are none of another's."""
    return {key: row for book in books for key, row in book.items()}


def _sums(books: Iterable[Mapping[Any, tuple[Decimal, ...]]]) -> dict[Any, tuple[Decimal, ...]]:
    """The amounts of all books by key."""
    sums: dict[Any, tuple[Decimal, ...]] = {}
    for book in books:
        for key, amounts in book.items():
            sums[key] = tuple(map(add, sums.get(key, [Decimal(0)] * len(amounts)), amounts))
    return sums


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
