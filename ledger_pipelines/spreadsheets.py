"""Rows as files that spreadsheets read: CSV and XLSX. Text is never run as a formula in either."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

Cell = str | date | datetime | Decimal | int | None

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")


def neutralised(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet would take it for a formula.

    It does where the text begins with `=`, `+`, `-`, `@`, tab or CR; space before a sign does not hide it. A
    text that is only a number, such as `-12.50`, computes nothing.
    """
    if text[:1] in ("\t", "\r", "\n") or (
        text.lstrip(" ")[:1] in tuple("=+-@") and not _NUMBER.fullmatch(text)
    ):
        return f"'{text}"
    return text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The rows as CSV text: dates and instants in ISO form, numbers as they are, text neutralised, None empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([neutralised(name) for name in header])
    for row in rows:
        writer.writerow([_plain(cell) for cell in row])
    return text.getvalue()


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return neutralised(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def write_workbook(
    output: Path,
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    quantities: Collection[int] = (),
) -> None:
    """A workbook with one sheet: numbers are numbers, dates are dates, and text is text.

    Decimals are shown with two places, those of the columns `quantities` (from 0) as they are. Instants are written
    in UTC. Raises OSError when the file cannot be written.
    """
    import xlsxwriter

    output.open("ab").close()  # the library tells what is wrong with a path in its own way, and late
    options = {"strings_to_formulas": False, "strings_to_urls": False, "remove_timezone": True}
    with xlsxwriter.Workbook(output, options) as workbook:
        sheet = workbook.add_worksheet(title)
        money = workbook.add_format({"num_format": "#,##0.00"})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        instant = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_row(0, 0, header, workbook.add_format({"bold": True}))
        for index, row in enumerate(rows, start=1):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(index, place, cell)
                elif isinstance(cell, datetime):
                    sheet.write_datetime(index, place, cell, instant)
                elif isinstance(cell, date):
                    sheet.write_datetime(index, place, cell, day)
                elif isinstance(cell, Decimal) and place not in quantities:
                    sheet.write_number(index, place, cell, money)
                elif cell is not None:
                    sheet.write_number(index, place, cell)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
