"""What a bookkeeper looks at: the aging of open items, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.exports.bar_charts import Bar, Panel
from ledger_pipelines.general_ledger.aging import COLUMNS, Aging, age
from ledger_pipelines.orchestration.pictures import picture
from ledger_pipelines.orchestration.previews import preview
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT

_OWED, _CREDIT = "#3f6fb5", "#b5523f"
_NOTHING = Decimal(0)


def balances_of(rows: pa.Table) -> dict[str, Decimal]:
    """What remains of the rows of a sub-ledger, by currency."""
    sums = rows.group_by("currency", use_threads=False).aggregate([("remaining_amount", "sum")])
    return {row["currency"]: row["remaining_amount_sum"] for row in sums.to_pylist()}


def aging_table(items: pa.Table, day: date) -> dg.MetadataValue[Any]:
    """The aging by party on a day, as a table: the largest totals first. `items` has the columns of `open_items`."""
    largest = sorted(_aged(items, "name", day).items(), key=lambda one: -abs(one[1].total))
    rows = [{"party": party, "currency": currency, **_amounts(aging)} for (party, currency), aging in largest]
    names = [*COLUMNS, "total"]
    schema = pa.schema(
        [pa.field("party", pa.string()), pa.field("currency", pa.string())]
        + [pa.field(name, LEDGER_AMOUNT) for name in names]
    )
    return preview(pa.Table.from_pylist(rows, schema), ["party", *names, "currency"], rows=25)


def aging_picture(items: pa.Table, day: date) -> dg.MetadataValue[Any]:
    """The aging of all parties together on a day, as bars, a panel for each currency."""
    panels = []
    whole = items.set_column(items.column_names.index("name"), "name", pa.array([""] * items.num_rows))
    for (_, currency), aging in _aged(whole, "name", day).items():
        amounts = [getattr(aging, name) for name in COLUMNS]
        bars = [
            Bar(place, min(amount, _NOTHING), max(amount, _NOTHING), _OWED if amount >= 0 else _CREDIT)
            for place, amount in enumerate(amounts)
        ]
        panels.append(Panel([name.replace("_", " ") for name in COLUMNS], currency, bars))
    return picture(panels, {_OWED: "Open items", _CREDIT: "Unallocated credits"}, f"Aging on {day}")


def _aged(items: pa.Table, name: str, day: date) -> Mapping[tuple[str, str], Aging]:
    columns = [items[one].to_pylist() for one in (name, "currency", "due_date", "remaining")]
    return age(zip(*columns, strict=True), day)


def _amounts(aging: Aging) -> dict[str, Decimal]:
    return {name: getattr(aging, name) for name in COLUMNS} | {"total": aging.total}
