"""What a person sees in Dagster's pages: column schemas, previews, and how long an asset may go unrefreshed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa

#: By the morning of the third, the month's close must have run since the first: the schedule runs it on the second.
MONTHLY_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 6 3 * *", lower_bound_delta=timedelta(days=2))
OWNER = "team:finance-data"

_COLUMN_TYPES = (
    (pa.types.is_string, "text"),
    (pa.types.is_date, "date"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_timestamp, "timestamptz"),
)


def table_metadata(
    table: str, schema: pa.Schema, notes: Mapping[str, str] | None = None
) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that is a month table: its name and its columns, with notes on some of them."""
    with_month = pa.schema(
        [pa.field("month", pa.date32()), *(field for field in schema if field.name != "month")]
    )
    return named_table(f"ledger.{table}", with_month, notes)


def named_table(
    name: str, schema: pa.Schema, notes: Mapping[str, str] | None = None
) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that fills any table: its name and its columns, with notes on some of them."""
    notes = notes or {}
    columns = [
        dg.TableColumn(field.name, _column_type(field.type), description=notes.get(field.name))
        for field in schema
    ]
    return {
        "dagster/table_name": dg.MetadataValue.text(name),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }


def month_asset(
    table: str,
    schema: pa.Schema,
    description: str,
    *,
    deps: Sequence[dg.AssetDep | str],
    group: str,
    kinds: Collection[str],
    notes: Mapping[str, str] | None = None,
) -> dg.AssetSpec:
    """The spec of an asset that fills the month table of its name."""
    return dg.AssetSpec(
        table,
        deps=deps,
        description=description,
        metadata=table_metadata(table, schema, notes),
        group_name=group,
        owners=[OWNER],
        kinds=set(kinds),
        freshness_policy=MONTHLY_FRESHNESS,
    )


def _column_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    return next(name for is_kind, name in _COLUMN_TYPES if is_kind(kind))
