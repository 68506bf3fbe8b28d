"""What a person sees in Dagster's pages: column schemas, previews, and how long an asset may go unrefreshed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.lineage import LINEAGE, Sources
from ledger_pipelines.tables.table import Table

#: By the morning of the third, the month's close must have run since the first: the schedule runs it on the second.
MONTHLY_FRESHNESS = dg.FreshnessPolicy.cron(deadline_cron="0 6 3 * *", lower_bound_delta=timedelta(days=2))
OWNER = "team:finance-data"
CODE_REFERENCES = "dagster/code_references"


def month_asset(
    name: str, *, deps: Sequence[dg.AssetDep | str], group: str, kinds: Collection[str]
) -> dg.AssetSpec:
    """The spec of an asset that fills the month table of its name."""
    table = TABLES[name]
    return dg.AssetSpec(
        name,
        deps=deps,
        description=table.row,
        metadata=table_metadata(table),
        group_name=group,
        owners=[OWNER],
        kinds=set(kinds),
        freshness_policy=MONTHLY_FRESHNESS,
    )


def table_metadata(table: Table, name: str | None = None) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that fills a table: its name in its database, its columns with a
    line each, and from which columns the computed ones come."""
    columns = [dg.TableColumn(one.name, one.sql_type, description=one.line) for one in table.all_columns]
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "dagster/table_name": dg.MetadataValue.text(name or f"ledger.{table.name}"),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
    }
    if table.name in LINEAGE:
        metadata["dagster/column_lineage"] = _column_lineage(LINEAGE[table.name])
    return metadata


def _column_lineage(columns: Sources) -> dg.MetadataValue[Any]:
    deps = {
        name: [dg.TableColumnDep(dg.AssetKey(table), column) for table, _, column in map(_split, sources)]
        for name, sources in columns.items()
    }
    return dg.MetadataValue.column_lineage(dg.TableColumnLineage(deps_by_column=deps))


def _split(source: str) -> tuple[str, str, str]:
    return source.partition(".")


def source_of(function: Callable[..., object]) -> dict[str, dg.MetadataValue[Any]]:
    """The metadata of an asset that this function defines, where a decorator of ours makes the asset of it."""
    _, line = inspect.getsourcelines(function)
    reference = dg.LocalFileCodeReference(file_path=inspect.getfile(function), line_number=line)
    return {CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[reference])}
