"""Files that a person saves: exports of what a page shows, and the header that gives a browser their names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from starlette.responses import Response

from ledger_pipelines.console.listing import Heading
from ledger_pipelines.exports.archive import ascii_name
from ledger_pipelines.exports.spreadsheets import Cell, Money
from ledger_pipelines.workflows.exports import Export, sheet

Format = Literal["csv", "xlsx"]
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def download(export: Export, stem: str, kind: Format) -> Response:
    """The export as a file; `stem` is its name without the suffix, of plain signs."""
    if kind == "csv":
        content = export.csv().encode()
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export.xlsx"
            export.write_xlsx(path)
            content = path.read_bytes()
    return Response(content, headers=disposition(f"{stem}.{kind}"), media_type=_TYPES[kind])


def list_export(title: str, headings: Sequence[Heading], rows: Iterable[Mapping[str, Any]]) -> Export:
    """What a list shows, under the same heads; a decimal of a row with a `currency` has the decimals of that.

    `title` is the sheet's: at most 31 signs, none of `[]:*?/\\`.
    """
    cells = [[_cell(row, heading.name) for heading in headings] for row in rows]
    return sheet(title, [heading.label for heading in headings], cells)


def _cell(row: Mapping[str, Any], name: str) -> Cell:
    value = row[name]
    if isinstance(value, bool):
        return "Yes" if value else "No"
    currency = row.get("currency")
    if isinstance(value, Decimal) and currency:
        return Money(value, currency)
    cell: Cell = value
    return cell


def disposition(name: str) -> dict[str, str]:
    """The header that makes it a file to be saved, by its name, and in ASCII for who knows no other."""
    in_ascii = ascii_name(name)
    value = f"attachment; filename=\"{in_ascii}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": value}
