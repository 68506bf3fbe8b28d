"""Rows as files that spreadsheets read: CSV and XLSX. Text is never run as a formula in either."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from ledger_pipelines.money import decimal_places

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

#: Rows that a sheet of a workbook has, its header included.
SHEET_ROWS = 1_048_576
_CELL_LENGTH = 32_767
#: Digits that a spreadsheet's numbers keep; one with more is text, so that it is not another.
_DIGITS = 15
#: When a workbook says that it was made, as the files within it do: the same rows are the same bytes.
_CREATED = datetime(1980, 1, 1)  # noqa: DTZ001 - it is nobody's time
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount that is shown with the decimals of its currency."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:.{decimal_places(self.amount, self.currency)}f}"


Cell = str | date | datetime | Decimal | Money | int | None


def neutralised(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet would take it for a formula.

    It does where the text begins with a tab or a line's end, or with `=`, `+`, `-` or `@`, in any of their forms
    (full-width, small); space and signs that are not seen do not hide them. A text that is only a number,
    such as `-12.50`, computes nothing.
    """
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    if text[:1] in ("\t", "\r", "\n"):
        return True
    first = next((sign for sign in text if not _is_unseen(sign)), "")
    return unicodedata.normalize("NFKC", first)[:1] in tuple("=+-@") and not _NUMBER.fullmatch(text)


def _is_unseen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf")


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
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def write_workbook(
    output: Path,
    title: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    quantities: Collection[int] = (),
    sheet_rows: int = SHEET_ROWS,
) -> None:
    """A workbook: numbers are numbers, dates are dates, and text is text.

    Decimals are shown with two places, money with those of its currency, and the columns `quantities` (from 0) as they
    are. Instants are written in UTC. What one sheet does not hold goes on in the next, `title 2`, under the same header.
    Raises OSError when the file cannot be written.
    """
    import xlsxwriter

    content = io.BytesIO()
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "remove_timezone": True,
        # Beside the file itself nothing is written that could find a disk full.
        "in_memory": True,
    }
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"created": _CREATED})
        _fill(_Sheets(book, title, header, sheet_rows), rows, quantities)
    output.write_bytes(content.getbuffer())


class _Sheets:
    """The sheets of a workbook, one after another, and the looks of their cells."""

    def __init__(self, book: Workbook, title: str, header: Sequence[str], rows: int) -> None:
        self._book, self._title, self._header, self._rows = book, title, header, rows
        self._bold = book.add_format({"bold": True})
        self.day = book.add_format({"num_format": "yyyy-mm-dd"})
        self.instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        # Text also where somebody edits the cell.
        self.quoted = book.add_format({"quote_prefix": True})
        self._money: dict[int, Format] = {}
        self._count = 0
        self._begin()

    def row(self) -> tuple[Worksheet, int]:
        """Where the next row goes."""
        if self._next == self._rows:
            self.finish()
            self._begin()
        self._next += 1
        return self._sheet, self._next - 1

    def _begin(self) -> None:
        self._count += 1
        suffix = "" if self._count == 1 else f" {self._count}"
        self._sheet: Worksheet = self._book.add_worksheet(f"{self._title}{suffix}")
        for place, name in enumerate(self._header):
            self._sheet.write_string(0, place, name, self._bold)
        self._sheet.freeze_panes(1, 0)
        self._next = 1

    def finish(self) -> None:
        """Makes the sheet's columns as wide as what they hold."""
        self._sheet.autofit()

    def money(self, places: int) -> Format:
        """The number format of an amount with these decimals."""
        if places not in self._money:
            decimals = f".{'0' * places}" if places else ""
            self._money[places] = self._book.add_format({"num_format": f"#,##0{decimals}"})
        return self._money[places]


def _fill(sheets: _Sheets, rows: Iterable[Sequence[Cell]], quantities: Collection[int]) -> None:
    for row in rows:
        sheet, index = sheets.row()
        for place, cell in enumerate(row):
            _write(sheets, sheet, (index, place), cell, is_quantity=place in quantities)
    sheets.finish()


def _write(sheets: _Sheets, sheet: Worksheet, at: tuple[int, int], cell: Cell, *, is_quantity: bool) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        sheet.write_string(*at, _fitting(cell), sheets.quoted if _is_formula(cell) else None)
    elif isinstance(cell, datetime):
        sheet.write_datetime(*at, cell, sheets.instant)
    elif isinstance(cell, date):
        sheet.write_datetime(*at, cell, sheets.day)
    else:
        amount = cell.amount if isinstance(cell, Money) else cell
        if len(Decimal(amount).normalize().as_tuple().digits) > _DIGITS:
            sheet.write_string(*at, _plain(cell))
        elif isinstance(amount, int) or is_quantity:
            sheet.write_number(*at, amount)
        else:
            places = decimal_places(amount, cell.currency) if isinstance(cell, Money) else 2
            sheet.write_number(*at, amount, sheets.money(places))


def _fitting(text: str) -> str:
    """The text, or as much of it as a cell holds and how much that is."""
    if len(text) <= _CELL_LENGTH:
        return text
    message = f" … ({len(text):,} characters)"
    return text[: _CELL_LENGTH - len(message)] + message
