"""The lineage of the real definitions as a picture: assets in rows by what they are made of, SVG without scripts.

Its colours are the page's own, so that it is read in light and dark.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _GAP, _ROW = 172, 24, 12, 58
_MARGIN = 4


def lineage() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each asset's group and what it is made of, as Dagster knows it."""
    # Before the definitions are built, which have a month's partitions.
    os.environ.setdefault("LEDGER_FIRST_MONTH", "2024-01")
    from ledger_pipelines.definitions import definitions

    graph = definitions().resolve_asset_graph()
    return {
        key.to_user_string(): (
            graph.get(key).group_name,
            tuple(sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)),
        )
        for key in graph.toposorted_asset_keys
    }


def picture(assets: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """The assets as an SVG element, from the sources at the top to the reports at the bottom."""
    rows = _rows({name: parents for name, (_, parents) in assets.items()})
    width = max(map(len, rows)) * (_WIDTH + _GAP) - _GAP + 2 * _MARGIN
    height = (len(rows) - 1) * _ROW + _HEIGHT + 2 * _MARGIN
    places = {name: place for number, row in enumerate(rows) for name, place in _places(row, number, width)}
    lines = [
        _line(places[parent], places[name]) for name, (_, parents) in assets.items() for parent in parents
    ]
    boxes = [_box(name, assets[name][0], place) for name, place in places.items()]
    title = "The ledger's assets and what each is made of"
    return (
        f'<svg class="lineage" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _rows(parents: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The names by how far they are from a source, each row in the order of what it is made of."""
    depth: dict[str, int] = {}
    for name in parents:
        depth[name] = 1 + max((depth[parent] for parent in parents[name]), default=-1)
    for name in parents:
        # A source stands just above the first asset that reads it, so that its lines are short.
        children = [depth[child] for child, of in parents.items() if name in of]
        if not parents[name] and children:
            depth[name] = min(children) - 1
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, number in depth.items():
        rows[number].append(name)
    middles: dict[str, float] = {}
    for row in rows:
        of = {name: [middles[parent] for parent in parents[name] if parent in middles] for name in row}
        row.sort(key=lambda name: sum(of[name]) / len(of[name]) if of[name] else 0.0)
        middles |= {name: (place + 0.5) / len(row) for place, name in enumerate(row)}
    return rows


def _places(row: Sequence[str], number: int, width: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Where each box of a row stands: the row in the middle, its boxes as far apart as there is room."""
    share = (width - 2 * _MARGIN + _GAP) // len(row)
    for place, name in enumerate(row):
        yield name, (_MARGIN + place * share + (share - _GAP - _WIDTH) // 2, _MARGIN + number * _ROW)


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + _WIDTH // 2, start[1] + _HEIGHT
    to_x, to_y = end[0] + _WIDTH // 2, end[1]
    bend = (_ROW - _HEIGHT) // 2
    return f'<path d="M{x} {y}C{x} {y + bend} {to_x} {to_y - bend} {to_x} {to_y}"/>'


def _box(name: str, group: str, place: tuple[int, int]) -> str:
    x, y = place
    return (
        f'<g class="{escape(group)}"><title>{escape(group)}</title>'
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4"/>'
        f'<text x="{x + _WIDTH // 2}" y="{y + 16}">{escape(name)}</text></g>'
    )
