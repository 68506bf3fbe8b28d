"""What a benchmark says is kept with what was promised of it, and a broken promise is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import close_run, growth, sections
from benchmarks.report import Measure, Section, write_json


@pytest.mark.parametrize(
    ("measure", "is_kept", "promise"),
    [
        (Measure("a", 2.5, "ratio", 3), True, "at most 3.00"),
        (Measure("a", 3.5, "ratio", 3), False, "at most 3.00"),
        (Measure("a", 900_000, "a second", 800_000, is_least=True), True, "at least 800,000"),
        (Measure("a", 700_000, "a second", 800_000, is_least=True), False, "at least 800,000"),
        (Measure("a", 3.5), True, ""),
    ],
)
def test_a_promise_is_kept_or_not(measure: Measure, is_kept: bool, promise: str) -> None:
    assert (measure.is_kept, measure.promise) == (is_kept, promise)


def test_sections_are_kept_as_json(tmp_path: Path) -> None:
    section = Section("Posting", [Measure("Posting / bare COPY", 5.0, "ratio", 4)])
    path = tmp_path / "results" / "today.json"
    write_json(path, [section], taken_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    found = json.loads(path.read_text())
    assert found["taken_at"] == "2026-01-02T03:04:05+00:00"
    assert found["sections"][0]["measures"][0] == {
        "name": "Posting / bare COPY",
        "value": 5.0,
        "unit": "ratio",
        "limit": 4,
        "is_least": False,
        "is_kept": False,
    }
    printed = StringIO()
    Console(file=printed, width=100, color_system="standard", force_terminal=True).print(section.table())
    assert "\x1b[31m5.00" in printed.getvalue()


def test_what_grows_faster_than_the_data_breaks_its_promise() -> None:
    squares = growth.section("Squares", "rows", [1, 10, 100], lambda count: float(count * count))
    assert [one.is_kept for one in squares.measures] == [True, True, True, False, False]
    lines = growth.section("Lines", "rows", [1, 10, 100], float)
    assert all(one.is_kept for one in lines.measures)


def test_the_close_of_one_size_is_promised() -> None:
    promised = sections.of_close(close_run.Figures(10_000, 23.0, 20.0, 900.0, {"codex": 7.0}))
    other = sections.of_close(close_run.Figures(500, 23.0, 20.0, 900.0, {"codex": 7.0}))
    assert [one.name for one in promised.measures if not one.is_kept] == ["Close of a new ledger's month"]
    assert all(one.is_kept for one in other.measures)
