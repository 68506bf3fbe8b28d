"""What a person looks at in Dagster's metadata: the first rows of a table, and pictures.

Dagster shows Markdown in its place only below 1,000 characters, and behind a button from there on: so a small picture
stands beside each large one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.money import format_amount, is_amount
from ledger_pipelines.months import format_month
from ledger_pipelines.tables.labels import format_value

#: How many rows of a table a month's page shows.
ROWS = 10
#: The small picture's size and the width of a bar with its gap, in pixels.
_HEIGHT, _BAR, _STRIDE = 40, 12, 16


def preview(
    frame: pa.Table, columns: Sequence[str], *, rows: int = ROWS, of: int | None = None
) -> dg.MetadataValue[Any]:
    """The first rows of a frame as a Markdown table, and of how many they are: of all that it has, or of `of`.

    Numbers stand at the right, with thousands separators; an amount has its currency, where that is no column of its
    own.
    """
    schema = frame.schema
    previewed = frame.slice(0, rows).to_pylist()
    rules = ["---:" if pa.types.is_decimal(schema.field(name).type) else "---" for name in columns]
    lines = [_row([name.replace("_", " ") for name in columns]), _row(rules)]
    for row in previewed:
        beside = None if "currency" in columns else row.get("currency")
        lines.append(
            _row([_cell(row[name], schema.field(name).type, row.get("currency"), beside) for name in columns])
        )
    total = frame.num_rows if of is None else of
    if total > len(previewed):
        lines += ["", f"{len(previewed):,} of {total:,} rows."]
    return dg.MetadataValue.md("\n".join(lines))


def month_previews(
    frames: Mapping[date, pa.Table],
    columns: Sequence[str],
    *,
    named: Callable[[pa.Table], pa.Table] | None = None,
) -> dict[date, dg.MetadataValue[Any]]:
    """A preview of each month's rows. `named` puts names beside ids, at once in the rows that are shown."""
    heads = [rows.slice(0, ROWS) for rows in frames.values()]
    if not heads:
        return {}
    previewed, start = pa.concat_tables(heads, promote_options="default"), 0
    if named is not None:
        previewed = named(previewed)
    previews = {}
    for (month, rows), head in zip(frames.items(), heads, strict=True):
        previews[month] = preview(previewed.slice(start, head.num_rows), columns, of=rows.num_rows)
        start += head.num_rows
    return previews


def month_bars(amounts: Mapping[date, Decimal], currency: str) -> dg.MetadataValue[Any]:
    """Bars of an amount by month, small enough that Dagster shows them in their place: a year is 500 characters."""
    values = [amounts[month] for month in sorted(amounts)]
    top, bottom = max([*values, Decimal(0)]), min([*values, Decimal(0)])
    scale = _HEIGHT / (top - bottom) if top > bottom else Decimal(0)
    zero = round(top * scale)
    path = "".join(
        f"M{place * _STRIDE} {zero}V{round((top - value) * scale)}h{_BAR}V{zero}z"
        for place, value in enumerate(values)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{len(values) * _STRIDE}" height="{_HEIGHT}">'
        f'<path fill="#3f6fb5" d="{path}"/></svg>'
    )
    encoded = base64.b64encode(svg.encode()).decode()
    first, last = min(amounts), max(amounts)
    span = format_month(first) if first == last else f"{format_month(first)} to {format_month(last)}, up to"
    title = f"{span} {format_amount(values[0] if first == last else top, currency)} {currency}"
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{encoded})\n\n{title}")


def amount_metadata(name: str, amounts: Mapping[str, Decimal]) -> dict[str, Any]:
    """Amounts by currency as text for people, and as numbers, which Dagster draws over the months.

    The number's name has its currency, `total_USD`; it is for drawing only, and never read back.
    """
    text = ", ".join(
        f"{format_amount(amount, currency)} {currency}" for currency, amount in sorted(amounts.items())
    )
    numbers = {f"{name}_{currency}": float(amount) for currency, amount in amounts.items()}
    return {name: text or "none", **numbers}


def _cell(value: object, kind: pa.DataType, currency: str | None, beside: str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal) and is_amount(kind):
        return f"{format_amount(value, currency or '')} {beside or ''}".rstrip()
    return format_value(value, kind, currency).replace("\\", "\\\\").replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
