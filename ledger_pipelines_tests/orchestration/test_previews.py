"""What a person looks at in Dagster's metadata."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree

import pyarrow as pa
import pytest

from ledger_pipelines.money import AMOUNT
from ledger_pipelines.orchestration.previews import amount_metadata, month_bars, month_previews, preview

YEAR = [date(2025, month, 1) for month in range(1, 13)]
HOURS = pa.decimal128(38, 18)


def lines(table: pa.Table, columns: Sequence[str], **more: int) -> list[str]:
    return str(preview(table, columns, **more).value).splitlines()


def test_amounts_stand_at_the_right_with_their_currency_and_hours_without_their_decimals() -> None:
    rows = pa.table(
        {
            "company_name": ["Acme | Sons", "Bolt"],
            "total": pa.array([Decimal("80369.46"), Decimal("-5.00")], AMOUNT),
            "hours": pa.array([Decimal("22.75"), None], HOURS),
            "currency": ["USD", "JPY"],
        }
    )
    assert lines(rows, ["company_name", "total", "hours"]) == [
        "| company name | total | hours |",
        "| --- | ---: | ---: |",
        "| Acme \\| Sons | 80,369.46 USD | 22.75 |",
        "| Bolt | -5 JPY |  |",
    ]


def test_a_currency_that_has_a_column_is_not_said_twice() -> None:
    rows = pa.table({"total": pa.array([Decimal("1.5")], AMOUNT), "currency": ["KWD"]})
    assert lines(rows, ["total", "currency"])[2] == "| 1.500 | KWD |"


def test_times_and_whatever_is_in_a_name_stay_on_their_line() -> None:
    rows = pa.table({"name": ["two\nlines"], "at": pa.array([datetime(2025, 3, 1, 12, 30, 5, tzinfo=UTC)])})
    assert lines(rows, ["name", "at"])[2] == "| two lines | 2025-03-01 12:30 |"


@pytest.mark.parametrize(("rows", "end"), [(10, "| 9 |"), (11, "10 of 11 rows.")])
def test_a_preview_says_how_many_rows_there_are(rows: int, end: str) -> None:
    assert lines(pa.table({"number": list(range(rows))}), ["number"])[-1] == end


def test_each_month_shows_its_own_rows_and_how_many_they_are() -> None:
    frames = {month: pa.table({"id": [f"{month:%m}-{place}" for place in range(11)]}) for month in YEAR[:2]}

    def named(rows: pa.Table) -> pa.Table:
        return rows.append_column("name", pa.array([f"number {one}" for one in rows["id"].to_pylist()]))

    january, february = (str(shown.value) for shown in month_previews(frames, ["name"], named=named).values())
    assert "number 01-9" in january
    assert january.endswith("10 of 11 rows.")
    assert "02-" not in january
    assert "number 02-0" in february
    assert month_previews({}, ["name"]) == {}


@pytest.mark.parametrize(
    "amounts",
    [
        [Decimal(place * 1000) for place in range(12)],
        [Decimal(-place) for place in range(12)],
        [Decimal("0.00")] * 12,
        [Decimal(10) ** 14 * (-1) ** place for place in range(12)],
    ],
)
def test_twelve_bars_are_small_enough_to_be_shown_in_their_place(amounts: list[Decimal]) -> None:
    shown = str(month_bars(dict(zip(YEAR, amounts, strict=True)), "USD").value)
    assert len(shown) < 1000
    (data,) = re.findall(r"\(data:image/svg\+xml;base64,([^)]*)\)", shown)
    drawing = ElementTree.fromstring(base64.b64decode(data).decode())
    height = int(drawing.get("height") or 0)
    path = drawing[0].get("d") or ""
    assert path.count("M") == 12
    ends = [int(number) for number in re.findall(r"V(-?\d+)h", path)]
    assert all(0 <= end <= height for end in ends)
    assert ends == sorted(ends, reverse=amounts[-1] > amounts[0]) or len(set(amounts)) <= 2


def test_amounts_are_text_for_people_and_numbers_to_draw() -> None:
    shown = amount_metadata("total", {"USD": Decimal("80369.46"), "EUR": Decimal("1.00")})
    assert shown == {"total": "1.00 EUR, 80,369.46 USD", "total_USD": 80369.46, "total_EUR": 1.0}
    assert amount_metadata("total", {}) == {"total": "none"}


def test_a_single_month_is_told_with_its_amount_also_below_nothing() -> None:
    shown = str(month_bars({YEAR[0]: Decimal(-100)}, "USD").value)
    assert shown.endswith("2025-01 -100.00 USD")
