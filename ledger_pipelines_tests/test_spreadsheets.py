"""Files that spreadsheets read."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from ledger_pipelines.spreadsheets import csv_text, write_workbook


def test_text_that_would_run_as_a_formula_is_text_and_numbers_stay_numbers() -> None:
    text = csv_text(
        ["Name", "Amount", "Day", "At"],
        [
            ("=1+1", Decimal("-12.50"), date(2024, 3, 1), datetime(2024, 3, 1, 9, tzinfo=UTC)),
            (None, 7, None, None),
        ],
    )
    assert text == "Name,Amount,Day,At\r\n'=1+1,-12.50,2024-03-01,2024-03-01T09:00:00+00:00\r\n,7,,\r\n"


def test_a_workbook_has_numbers_as_numbers_and_text_as_text(tmp_path: Path) -> None:
    file = tmp_path / "sheet.xlsx"
    write_workbook(file, "Sheet", ["Name", "Amount"], [("=1+1", Decimal("12.50")), (None, Decimal("0.10"))])
    with zipfile.ZipFile(file) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        texts = archive.read("xl/sharedStrings.xml").decode()
    assert "<v>12.5" in sheet
    assert "<f>" not in sheet
    assert "<t>=1+1</t>" in texts
