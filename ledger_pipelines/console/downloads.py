"""Exports of what a page shows, as a file for a person's programs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from starlette.responses import Response

from ledger_pipelines.workflows.exports import Export

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
    headers = {"Content-Disposition": f'attachment; filename="{stem}.{kind}"'}
    return Response(content, headers=headers, media_type=_TYPES[kind])
