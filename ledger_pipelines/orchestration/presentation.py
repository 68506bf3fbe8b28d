"""What a person sees in Dagster's pages: column schemas, previews, and how long an asset may go unrefreshed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
import pyarrow as pa

from ledger_pipelines.tables.columns import column_line

#: By the morning of the third, the month's close must have run since the first: the schedule runs it on the second.
MONTHLY_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 6 3 * *", lower_bound_delta=timedelta(days=2))
OWNER = "team:finance-data"
CODE_REFERENCES = "dagster/code_references"

_COLUMN_TYPES = (
    (pa.types.is_string, "text"),
    (pa.types.is_date, "date"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_timestamp, "timestamptz"),
)


def table_metadata(table: str, schema: pa.Schema) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that is a month table: its name and its columns, each with what it means."""
    with_month = pa.schema(
        [pa.field("month", pa.date32()), *(field for field in schema if field.name != "month")]
    )
    return named_table(f"ledger.{table}", with_month, table)


def named_table(name: str, schema: pa.Schema, table: str) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that fills any table: its name there, its columns, and what `tables` says of each."""
    columns = [
        dg.TableColumn(column.name, _column_type(column.type), description=column_line(table, column.name))
        for column in schema
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
) -> dg.AssetSpec:
    """The spec of an asset that fills the month table of its name."""
    return dg.AssetSpec(
        table,
        deps=deps,
        description=description,
        metadata=table_metadata(table, schema),
        group_name=group,
        owners=[OWNER],
        kinds=set(kinds),
        freshness_policy=MONTHLY_FRESHNESS,
    )


def _column_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    return next(name for is_kind, name in _COLUMN_TYPES if is_kind(kind))


def source_of(function: Callable[..., object]) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that this function defines, where a decorator of ours makes the asset of it."""
    _, line = inspect.getsourcelines(function)
    reference = dg.LocalFileCodeReference(file_path=inspect.getfile(function), line_number=line)
    return {CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[reference])}
