"""A list of records with their ids, as wide as the terminal.

An id stands on a line of its own below its record: beside the rest it fits no narrow terminal, and one that is cut or
folded cannot be given to the next command.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.text import Text

_GAP = 2
_NARROWEST = 12


def print_listing(
    console: Console,
    headings: Sequence[str],
    records: Iterable[tuple[str, Sequence[str]]],
    *,
    name: str,
    amounts: Collection[str] = (),
) -> None:
    """Prints each record's id and cells. The column `name` takes what room there is; `amounts` stand on the right."""
    found = list(records)
    widths = [
        max(Text(cell).cell_len for cell in column)
        for column in zip(headings, *(cells for _, cells in found), strict=True)
    ]
    place = headings.index(name)
    room = console.width - sum(widths) + widths[place] - _GAP * (len(widths) - 1)
    widths[place] = max(_NARROWEST, min(room, widths[place]))
    is_amount = [heading in amounts for heading in headings]
    console.print(_line(headings, widths, is_amount), style="bold", soft_wrap=True)
    for record, cells in found:
        console.print(_line(cells, widths, is_amount), soft_wrap=True)
        console.print(Text(f"  {record}", style="dim"), soft_wrap=True)


def _line(cells: Sequence[str], widths: Sequence[int], is_amount: Sequence[bool]) -> Text:
    parts = []
    for cell, width, is_right in zip(cells, widths, is_amount, strict=True):
        # A name may have line breaks.
        text = Text(" ".join(cell.split()))
        if is_right:
            text.align("right", width)
        else:
            text.truncate(width, overflow="ellipsis", pad=True)
        parts.append(text)
    return Text(" " * _GAP).join(parts)
