"""Pictures of bars over months: where the bars end, and that the axis has them all."""

from __future__ import annotations

import base64
import re
from datetime import date
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.defs.accruals.charts import waterfall
from ledger_pipelines.defs.billing.charts import statement_chart
from ledger_pipelines.exports.bar_charts import Bar, Panel, ticks
from ledger_pipelines.money import AMOUNT
from ledger_pipelines.orchestration.pictures import picture

AMOUNTS = st.decimals(Decimal(-(10**12)), Decimal(10**12), places=2)
_SVG = "{http://www.w3.org/2000/svg}"


def drawing(markdown: object) -> ElementTree.Element:
    (data,) = re.findall(r"\(data:image/svg\+xml;base64,([^)]*)\)", str(markdown))
    return ElementTree.fromstring(base64.b64decode(data).decode())


def bars(root: ElementTree.Element, colour: str) -> list[tuple[int, int]]:
    """Top and bottom of each bar of a colour in pixels; the legend's square is the last."""
    found = [each for each in root.iter(f"{_SVG}rect") if each.get("fill") == colour]
    return [(int(each.attrib["y"]), int(each.attrib["y"]) + int(each.attrib["height"])) for each in found]


def texts(root: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in root.iter(f"{_SVG}text")]


@given(AMOUNTS, AMOUNTS)
def test_an_axis_has_few_round_amounts_and_holds_both_ends(one: Decimal, other: Decimal) -> None:
    low, high = min(one, other), max(one, other)
    marks = ticks(low, high)
    assert marks[0] <= low
    assert marks[-1] >= high
    assert len(marks) <= 8
    if low < 0 < high:
        assert 0 in marks
    steps = {later - before for before, later in pairwise(marks)}
    assert len(steps) <= 1
    for step in steps:
        assert step.normalize().as_tuple().digits in {(1,), (2,), (2, 5), (5,)}


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=12))
def test_higher_amounts_stand_higher_and_nothing_leaves_the_picture(
    ends: list[tuple[Decimal, Decimal]],
) -> None:
    months = [f"2025-{number:02}" for number in range(1, len(ends) + 1)]
    drawn = [Bar(place, min(pair), max(pair), "#123456") for place, pair in enumerate(ends)]
    root = drawing(picture([Panel(months, "EUR", drawn)], {}, "Bars").value)
    height = int(root.attrib["height"])
    found = bars(root, "#123456")
    assert len(found) == len(ends)
    assert all(0 <= top < bottom <= height + 1 for top, bottom in found)
    by_height = sorted(zip(drawn, found, strict=True), key=lambda each: each[0].high)
    tops = [top for _, (top, _) in by_height]
    assert tops == sorted(tops, reverse=True)


def test_a_waterfall_rises_by_what_was_invoiced_and_falls_by_what_was_recognised() -> None:
    rows = {"month": [date(2025, 1, 1), date(2025, 2, 1)], "currency": ["EUR", "EUR"]}
    amounts = {"opening": [0, 700], "invoiced": [1000, 0], "recognised": [300, 200], "closing": [700, 500]}
    frame = pa.table(
        rows | {name: pa.array(map(Decimal, values), AMOUNT) for name, values in amounts.items()}
    )
    root = drawing(waterfall(frame).value)
    (first, second, _), (fell, fell_again, _) = bars(root, "#5aa469"), bars(root, "#b5523f")
    closing = bars(root, "#3f6fb5")
    # The first month rises from nothing to 1,000 and falls to 700, where the second one begins.
    assert fell[0] == first[0]
    assert abs((first[1] - first[0]) * 3 - (fell[1] - fell[0]) * 10) <= 10
    assert second == (fell[1], fell[1] + 1)
    assert [top for top, _ in closing[:2]] == [fell[1], fell_again[1]]
    assert {"2025-01", "2025-02", "EUR", "Invoiced", "Recognised", "Closing", "1,000", "0"} <= set(
        texts(root)
    )


def test_credits_stand_below_nothing() -> None:
    totals = pa.table(
        {
            "month": [date(2025, 1, 1)] * 2,
            "kind": ["user", "custom"],
            "currency": ["USD", "USD"],
            "amount": pa.array([Decimal(300), Decimal(-100)], AMOUNT),
        }
    )
    root = drawing(statement_chart(totals).value)
    users, credits = bars(root, "#3f6fb5")[0], bars(root, "#8a6bb1")[0]
    assert users[1] == credits[0]
    assert abs(users[1] - users[0] - 3 * (credits[1] - credits[0])) <= 3


def test_small_amounts_have_the_decimals_of_their_steps_and_nothing_is_ever_minus_nothing() -> None:
    small = Panel(["2025-01"], "EUR", [Bar(0, Decimal("-0.4"), Decimal("11"), "#123456")])
    shown = texts(drawing(picture([small], {}, "Bars").value))
    assert {"-2.5", "0.0", "2.5", "12.5"} <= set(shown)
    assert not [text for text in shown if text.startswith("-0")]
    assert len(shown) == len(set(shown))
