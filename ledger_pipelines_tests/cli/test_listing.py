"""Lists of records with their ids on terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from ledger_pipelines.cli.listing import print_listing
from ledger_pipelines.cli.printing import PrintableConsole

ID = "holded/67b975f0021d6d8200000021/c0b975f0021d6d8200000021"
RECORDS = [
    (ID, ("2025-03-27", "City of Willow Creek, Department of Parks and Recreation", "-12,490.58", "EUR")),
    ("csv/[bold]1", ("2025-03-28", "株式会社\nみらい [red]", "no row", "USD")),
]


@pytest.mark.parametrize("width", [44, 80, 200])
def test_ids_and_amounts_are_whole_and_names_take_the_room(width: int) -> None:
    told = io.StringIO()
    headings = ("Date", "Party", "Amount", "Cur.")
    print_listing(
        PrintableConsole(file=told, width=width), headings, RECORDS, name="Party", amounts=("Amount",)
    )
    heading, first, first_id, second, second_id = told.getvalue().splitlines()
    assert (first_id.strip(), second_id.strip()) == (ID, "csv/[bold]1")
    assert first.split()[-2:] == ["-12,490.58", "EUR"]
    assert "株式会社" in second
    assert max(map(cell_len, (heading, first, second))) <= width
    # Amounts end in one column, whatever letters stand before them.
    assert cell_len(first.partition("58")[0]) + 2 == cell_len(second.partition(" row")[0]) + 4
    assert ("Recreation" in first) == (width == 200)
    assert ("…" in first) == (width < 200)
