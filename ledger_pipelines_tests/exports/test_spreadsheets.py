"""Files that spreadsheets read."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ledger_pipelines.exports.spreadsheets import Cell, Money, csv_text, neutralised, write_workbook

_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FULL_WIDTH = ["\uff1d", "\uff0b", "\uff0d", "\uff20"]


def test_text_that_would_run_as_a_formula_is_text_and_numbers_stay_numbers() -> None:
    text = csv_text(
        ["Name", "Amount", "Day", "At"],
        [
            ("=1+1", Decimal("-12.50"), date(2024, 3, 1), datetime(2024, 3, 1, 9, tzinfo=UTC)),
            (None, 7, None, None),
        ],
    )
    assert text == "Name,Amount,Day,At\r\n'=1+1,-12.50,2024-03-01,2024-03-01T09:00:00+00:00\r\n,7,,\r\n"


@pytest.mark.parametrize("sign", [*"=+-@", *FULL_WIDTH, "\ufe62", "\ufe63", "\ufe66", "\ufe6b"])
@pytest.mark.parametrize(
    "before", ["", " ", "\t", "\r", "\n", "\u00a0", "\u3000", "\u200b", "\ufeff", " \u200b\t"]
)
def test_no_form_of_a_sign_and_nothing_before_it_makes_a_formula(sign: str, before: str) -> None:
    text = f"{before}{sign}cmd|' /C calc'!A0"
    assert neutralised(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-12.50", "+47 ", "PC-17", "a=b", "", "  ", "1+1", "ada@example.com", "\u0141\u00f3d\u017a"]
)
def test_what_computes_nothing_stays_as_it_is(text: str) -> None:
    assert neutralised(text) == (f"'{text}" if text == "+47 " else text)


def test_amounts_have_the_decimals_of_their_currency(tmp_path: Path) -> None:
    cells = [
        Money(Decimal("1234.00"), "JPY"),
        Money(Decimal("1.50"), "KWD"),
        Money(Decimal("2.5"), "EUR"),
        Money(Decimal("12.50"), "JPY"),
    ]
    assert csv_text(["a"] * 4, [cells]).splitlines()[1] == "1234,1.500,2.50,12.5"
    book = tmp_path / "money.xlsx"
    write_workbook(book, "Money", ["a"] * 4, [cells])
    with zipfile.ZipFile(book) as archive:
        styles = archive.read("xl/styles.xml").decode()
    # Those of none and of two decimals are the spreadsheet's own.
    assert '"#,##0.000"' in styles
    assert [Decimal(cell) for cell in sheets(book)[0][1]] == [cell.amount for cell in cells]


def test_a_workbook_has_numbers_as_numbers_and_text_as_text(tmp_path: Path) -> None:
    file = tmp_path / "sheet.xlsx"
    rows: list[Sequence[Cell]] = [("=1+1", Decimal("12.50")), ("\uff1d1", Decimal("0.10"))]
    write_workbook(file, "Sheet", ["=Name", "Amount"], rows)
    with zipfile.ZipFile(file) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        texts = archive.read("xl/sharedStrings.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    assert "<v>12.5" in sheet
    assert "<f>" not in sheet
    assert "<t>=1+1</t>" in texts
    assert "<t>=Name</t>" in texts
    # Text it stays, also where somebody edits the cell.
    assert 'quotePrefix="1"' in styles


def test_what_a_cell_cannot_hold_is_never_lost_silently(tmp_path: Path) -> None:
    file = tmp_path / "long.xlsx"
    exact = Decimal("1234567890123456.78")
    write_workbook(file, "Sheet", ["Text", "Amount"], [("x" * 40_000, exact)])
    text, amount = sheets(file)[0][1]
    assert len(text) == 32_767
    assert text.endswith(" … (40,000 characters)")
    assert amount == str(exact)


def test_rows_beyond_a_sheet_go_on_in_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "many.xlsx"
    write_workbook(file, "Statements", ["Number"], ([number] for number in range(25)), sheet_rows=11)
    found = sheets(file)
    assert [len(sheet) for sheet in found] == [11, 11, 6]
    assert {sheet[0][0] for sheet in found} == {"Number"}
    assert [int(row[0]) for sheet in found for row in sheet[1:]] == list(range(25))
    with zipfile.ZipFile(file) as archive:
        book = ET.fromstring(archive.read("xl/workbook.xml"))
    names = [sheet.get("name") for sheet in book.iter(f"{_SPACE}sheet")]
    assert names == ["Statements", "Statements 2", "Statements 3"]


def sheets(book: Path) -> list[list[list[str]]]:
    """The cells of each sheet as text."""
    with zipfile.ZipFile(book) as parts:
        shared = [
            "".join(item.itertext())
            for name in parts.namelist()
            if name == "xl/sharedStrings.xml"
            for item in ET.fromstring(parts.read(name)).iter(f"{_SPACE}si")
        ]
        names = sorted(name for name in parts.namelist() if name.startswith("xl/worksheets/sheet"))
        return [
            [
                [
                    shared[int(cell.findtext(f"{_SPACE}v", ""))]
                    if cell.get("t") == "s"
                    else cell.findtext(f"{_SPACE}v", "")
                    for cell in row.iter(f"{_SPACE}c")
                ]
                for row in ET.fromstring(parts.read(name)).iter(f"{_SPACE}row")
            ]
            for name in names
        ]
