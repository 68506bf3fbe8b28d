"""The tables' descriptions against the migrated database."""

from __future__ import annotations

import re

import psycopg
import pytest

from ledger_pipelines.billing import devices
from ledger_pipelines.store.edits.tables import ALL, Editable
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.lineage import LINEAGE
from ledger_pipelines.tables.table import Table

_COLUMNS = """SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull, pg_get_expr(adbin, adrelid),
                     attidentity <> ''
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"""
_PRIMARY_KEY = """SELECT attname FROM pg_index, unnest(indkey) WITH ORDINALITY AS k(number, place)
JOIN pg_attribute ON attrelid = to_regclass(%s) AND attnum = number
WHERE indrelid = attrelid AND indisprimary ORDER BY place"""
_CHECKS = """SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = to_regclass(%s) AND contype = 'c' AND pg_get_constraintdef(oid) LIKE %s"""
_OURS = sorted(name for name in TABLES if name != "cfo_transactions")


@pytest.mark.parametrize("name", _OURS)
def test_a_table_is_in_the_database_as_it_is_described(connection: psycopg.Connection, name: str) -> None:
    table = TABLES[name]
    found = {row[0]: row[1:] for row in connection.execute(_COLUMNS, [name]).fetchall()}
    described = {
        column.name: (column.sql_type, column.is_optional, column.default, column.is_identity)
        for column in table.all_columns
    }
    if table.is_monthly:
        # A run gives every column of its rows.
        found = {
            name: (kind, optional, None, numbered) for name, (kind, optional, _, numbered) in found.items()
        }
    assert found == described
    if table.is_monthly:
        key = [row[0] for row in connection.execute(_PRIMARY_KEY, [name]).fetchall()]
        assert key == ["month", *table.key]


def test_every_month_table_of_the_database_is_described(connection: psycopg.Connection) -> None:
    partitioned = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'ledger'::regnamespace"
    ).fetchall()
    assert {name for (name,) in partitioned} == {table.name for table in TABLES.values() if table.is_monthly}


@pytest.mark.parametrize("editable", [one for one in ALL if one.choices], ids=lambda one: one.name)
def test_what_a_person_may_choose_is_what_the_database_takes_and_the_rule_bills(
    connection: psycopg.Connection, editable: Editable
) -> None:
    for column, words in editable.choices:
        checks = connection.execute(_CHECKS, [editable.name, f"%({column} %"]).fetchall()
        # Another check of the column says when a custom cost is needed.
        assert max((set(re.findall(r"'([^']*)'", check)) for (check,) in checks), key=len) == set(words)
        if column == "billing_type":
            assert set(devices.DEVICE_TYPES.rates) == set(words)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_keys_and_previews_name_columns_and_every_column_has_its_line(table: Table) -> None:
    assert table.row.startswith("A row is")
    assert {*table.key, *table.preview} - _NAMED_FOR_PEOPLE <= set(table.by_name)
    assert all(column.line for column in table.all_columns)
    assert len(table.by_name) == len(table.all_columns)


def test_column_lineage_names_columns_that_are_there() -> None:
    for name, columns in LINEAGE.items():
        assert set(columns) <= set(TABLES[name].by_name), name
        for source in {one for sources in columns.values() for one in sources}:
            table, _, column = source.partition(".")
            assert column in TABLES[table].by_name, source


#: What a preview shows beside a table's own columns: names in place of ids.
_NAMED_FOR_PEOPLE = {"client", "service", "company_name"}
