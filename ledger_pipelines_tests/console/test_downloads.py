"""What a list shows, as a file."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from ledger_pipelines.console.downloads import Format, disposition, download, list_export
from ledger_pipelines.console.listing import Heading

_HEADINGS = (Heading("name", "Name"), Heading("total", "Total", is_number=True), Heading("closed", "Closed"))
_HOSTILE = [
    "=1+1",
    "@SUM(A1)",
    "+a",
    "-a",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "<script>",
    "'; DROP TABLE x; --",
    "{{ 7*7 }}",
]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_list_has_its_heads_and_no_text_is_a_formula(kind: Format) -> None:
    rows = [{"name": name, "total": Decimal("1.5"), "closed": True, "currency": "KWD"} for name in _HOSTILE]
    answer = download(list_export("Companies", _HEADINGS, rows), "companies-2025-03", kind)
    assert answer.headers["content-disposition"].startswith(
        f'attachment; filename="companies-2025-03.{kind}";'
    )
    content = bytes(answer.body)
    if kind == "xlsx":
        assert content.startswith(b"PK")
        return
    head, *found = csv.reader(io.StringIO(content.decode(), newline=""))
    assert head == ["Name", "Total", "Closed"]
    assert [row[1:] for row in found] == [["1.500", "Yes"]] * len(_HOSTILE)
    assert [row[0] for row in found] == [f"'{name}" for name in _HOSTILE[:7]] + _HOSTILE[7:]


def test_no_name_ends_the_header() -> None:
    (value,) = disposition('a"; filename=x\r\nSet-Cookie: b=c.csv').values()
    assert not set(value) & set("\r\n")
    assert value.count('"') == 2
