"""The CFO's table as it is: its name, columns, keys and ids, and what it lacks to take paid invoices.

It may be another system's (rules/cfo_sync.md, A table that is not ours): nothing here changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from ledger_pipelines.errors import LedgerError

#: Where `transactions` is when the CFO has no database of their own.
CFO_SCHEMA = "cfo"

#: How the `source_file` of what came from here begins: of files that the CFO loads, such as a bank's statement,
#: many transactions may name the same one.
OURS = ("crypto_invoice_", "holded_invoice_")
#: The columns that a paid invoice fills, each with the kinds of PostgreSQL's types that take it.
_TEXT, _DATE, _NUMBER = frozenset("S"), frozenset("DS"), frozenset("NS")
COLUMNS: dict[str, frozenset[str]] = {
    "date": _DATE,
    "description": _TEXT,
    "amount": _NUMBER,
    "classified_entity": _TEXT,
    "business_unit": _TEXT,
    "source_file": _TEXT,
    "transaction_type": _TEXT,
    "confidence": _NUMBER,
    "classification_reason": _TEXT,
    "origin": _TEXT,
    "destination": _TEXT,
    "identifier": _TEXT,
    "currency": _TEXT,
    "subcategory": _TEXT,
}
_KIND_WORDS = {_TEXT: "text", _DATE: "a time or text", _NUMBER: "a number or text"}
#: What a CFO's own table may lack.
_OPTIONAL = {"subcategory"}
_WHOLE_NUMBERS = ("smallint", "integer", "bigint")
_TEXT_TYPES = ("text", "character varying", "character")
_NO_TABLES = {"v": "a view", "m": "a materialised view", "S": "a sequence", "f": "a foreign table"}


class UnfitTableError(LedgerError):
    """The CFO's table cannot take paid invoices as it is: a person must change it. It was left as it was."""


@dataclass(frozen=True, slots=True)
class Key:
    """A unique index on one column alone; `condition` is which rows it is over, all for None."""

    name: str
    column: str
    condition: str | None
    is_constraint: bool
    is_owned: bool

    @property
    def holds_for_ours(self) -> bool:
        """Whether it keeps a second hand-over out."""
        return self.condition is None or all(f"'{start}'" in self.condition for start in OURS)


@dataclass(frozen=True, slots=True)
class CfoTable:
    """The CFO's table. `columns` names its columns by what we call them, the optional ones where they are there.

    `id_keys` are the indexes that refuse an id that is there, `id_sequence` is what gives the ids, where it is known.
    `faults` are why it cannot take paid invoices.
    """

    oid: int
    schema: str
    relation: str
    columns: Mapping[str, str]
    types: Mapping[str, str]
    keys: Sequence[Key]
    id_keys: frozenset[str]
    id_sequence: str | None
    is_owned: bool
    faults: Sequence[str]

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.relation)

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.relation}"

    def column(self, name: str, table: str | None = None) -> sql.Identifier:
        """The table's own name of one of our columns, of `table` where a query names several."""
        own = self.columns[name]
        return sql.Identifier(own) if table is None else sql.Identifier(table, own)

    def is_ours(self, table: str | None = None) -> sql.Composed:
        """The condition that a row came from here, in the words of our keys."""
        starts = (
            sql.SQL("starts_with({}::text, {})").format(self.column("source_file", table), sql.Literal(start))
            for start in OURS
        )
        return sql.SQL("({})").format(sql.SQL(" OR ").join(starts))

    def amount(self, table: str) -> sql.Composed:
        """A row's amount as a text with two decimals; null where the CFO's text is no number."""
        return self._read("amount", table, r"^\s*-?[0-9]+(\.[0-9]+)?\s*$", "{}::numeric(18, 2)::text")

    def date(self, table: str) -> sql.Composed:
        """A row's date as a text, `2025-10-22 12:00:00` in UTC; null where the CFO's text is no date."""
        expression = "to_char({}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        return self._read("date", table, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.+ Z-]*)?$", expression)

    def _read(self, name: str, table: str, pattern: str, expression: LiteralString) -> sql.Composed:
        column = self.column(name, table)
        value = sql.SQL(expression).format(column)
        if self.types[name] not in _TEXT_TYPES:
            return value
        return sql.SQL("CASE WHEN {} ~ {} THEN {} END").format(column, sql.Literal(pattern), value)

    def require_fit(self, database: str) -> CfoTable:
        """The table. Raises UnfitTableError where it cannot take paid invoices, with all that is wrong with it."""
        if self.faults:
            raise UnfitTableError(
                f"The CFO's table {self.label} in {database} cannot take paid invoices and was left as it was: "
                f"{'; '.join(self.faults)}. Have its owner mend that, or name another database in CFO_DATABASE_URL."
            )
        return self


def find_table(connection: psycopg.Connection) -> CfoTable | None:
    """The CFO's table of transactions, fit or not; None where there is none. Its name may be in any case."""
    row = connection.execute(
        """SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, pg_has_role(c.relowner, 'USAGE')
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE lower(c.relname) = 'transactions' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
             AND n.nspname = ANY (current_schemas(false))
           ORDER BY c.relname <> 'transactions', array_position(current_schemas(false), n.nspname), c.relname LIMIT 1"""
    ).fetchone()
    if row is None:
        return None
    oid, schema, relation, kind, is_owned = row
    if kind in _NO_TABLES:
        faults = [f"it is {_NO_TABLES[kind]}, and must be a table"]
        return CfoTable(oid, schema, relation, {}, {}, (), frozenset(), None, is_owned, faults)
    found = _columns(connection, oid)
    columns, faults = _named(found)
    keys, id_keys = _keys(connection, oid, columns)
    faults += [
        *_missing(columns),
        *_wrong_types(columns, found),
        *([] if id_keys or "id" not in columns else ["its id has no key"]),
        *_needed(columns, found),
        *_forbidden(connection, oid),
    ]
    types = {name: found[own].type for name, own in columns.items()}
    sequence = None if "id" not in columns else _sequence(connection, oid, columns["id"])
    return CfoTable(oid, schema, relation, columns, types, keys, id_keys, sequence, is_owned, faults)


@dataclass(frozen=True, slots=True)
class _Found:
    type: str
    kind: str
    is_needed: bool


def _columns(connection: psycopg.Connection, oid: int) -> dict[str, _Found]:
    """The table's columns; needed is one that must be filled and that neither a default nor a trigger fills."""
    rows = connection.execute(
        """SELECT attname, format_type(atttypid, NULL), typcategory::text,
                  attnotnull AND NOT atthasdef AND attidentity = '' AND NOT EXISTS (
                      SELECT FROM pg_trigger WHERE tgrelid = attrelid AND NOT tgisinternal AND tgtype & 7 = 7)
           FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
           WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped""",
        [oid],
    ).fetchall()
    return {name: _Found(kind, category, is_needed) for name, kind, category, is_needed in rows}


def _named(found: Mapping[str, _Found]) -> tuple[dict[str, str], list[str]]:
    """The table's own names of our columns, in any case; and those that several could be."""
    columns, faults = {}, []
    for name in ("id", *COLUMNS):
        alike = sorted(own for own in found if own.lower() == name)
        if name in alike or len(alike) == 1:
            columns[name] = name if name in alike else alike[0]
        elif alike:
            faults.append(f"its {' and '.join(alike)} differ in case alone")
    return columns, faults


def _missing(columns: Mapping[str, str]) -> list[str]:
    lacking = [name for name in ("id", *COLUMNS) if name not in columns and name not in _OPTIONAL]
    named = ["id (a whole number that is its key)" if name == "id" else name for name in lacking]
    return [f"it lacks {', '.join(named)}"] if named else []


def _wrong_types(columns: Mapping[str, str], found: Mapping[str, _Found]) -> list[str]:
    faults = []
    if "id" in columns and (kind := found[columns["id"]].type) not in _WHOLE_NUMBERS:
        faults.append(f"its id is {kind}, and must be a whole number")
    for name, kinds in COLUMNS.items():
        if name in columns and found[columns[name]].kind not in kinds:
            faults.append(
                f"its {columns[name]} is {found[columns[name]].type}, and must be {_KIND_WORDS[kinds]}"
            )
    return faults


def _needed(columns: Mapping[str, str], found: Mapping[str, _Found]) -> list[str]:
    filled = {own for name, own in columns.items() if name != "id"}
    lacking = [own for own, one in found.items() if one.is_needed and own not in filled]
    return (
        [f"it needs {', '.join(lacking)}, which an invoice does not have: give a default"] if lacking else []
    )


def _forbidden(connection: psycopg.Connection, oid: int) -> list[str]:
    ((user, *rights),) = connection.execute(
        """SELECT current_user::text, has_any_column_privilege(%(oid)s::oid, 'SELECT'),
                  has_any_column_privilege(%(oid)s::oid, 'INSERT')""",
        {"oid": oid},
    ).fetchall()
    lacking = [right for right, has in zip(("SELECT", "INSERT"), rights, strict=True) if not has]
    return [f"{user} may not {' and '.join(lacking)}"] if lacking else []


def _keys(
    connection: psycopg.Connection, oid: int, columns: Mapping[str, str]
) -> tuple[list[Key], frozenset[str]]:
    """The keys on a single one of our columns, and the names of those that an id that is there violates."""
    rows: list[tuple[Any, ...]] = connection.execute(
        """SELECT c.relname, i.indnkeyatts, i.indexprs IS NULL, pg_get_expr(i.indpred, i.indrelid),
                  EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid), pg_has_role(c.relowner, 'USAGE'),
                  ARRAY(SELECT attname::text FROM pg_attribute
                        WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey[0:i.indnkeyatts - 1]))
           FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid""",
        [oid],
    ).fetchall()
    own_names = {own: name for name, own in columns.items()}
    keys = [
        Key(name, own_names[on[0]], condition, is_constraint, is_owned)
        for name, count, is_plain, condition, is_constraint, is_owned, on in rows
        if is_plain and count == 1 and on[0] in own_names
    ]
    id_keys = {
        name for name, *_, condition, _, _, on in rows if columns.get("id") in on and condition is None
    }
    return keys, frozenset(id_keys)


def _sequence(connection: psycopg.Connection, oid: int, own_id: str) -> str | None:
    """The sequence that gives the ids, where the column owns one or takes its default from one."""
    row = connection.execute(
        """SELECT d.objid::regclass::text FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
           JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           WHERE d.refobjid = %(oid)s AND a.attname = %(id)s AND d.deptype IN ('a', 'i')
           UNION ALL
           SELECT d.refobjid::regclass::text
           FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
           JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
           JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
           WHERE f.adrelid = %(oid)s AND a.attname = %(id)s
           LIMIT 1""",
        {"oid": oid, "id": own_id},
    ).fetchone()
    return None if row is None else str(row[0])


#: How far ahead of a sequence ids are looked for.
_AHEAD = 1000


def lag_of_ids(connection: psycopg.Connection, table: CfoTable) -> str | None:
    """That the sequence of the ids lags behind them, with what to do; None where it does not, or that is unknown."""
    if table.id_sequence is None:
        return None
    row = connection.execute(
        """SELECT CASE WHEN has_sequence_privilege(seqrelid, 'USAGE, SELECT')
                       THEN coalesce(pg_sequence_last_value(seqrelid), seqstart - 1) END
           FROM pg_sequence WHERE seqrelid = %s::regclass""",
        [table.id_sequence],
    ).fetchone()
    if row is None or row[0] is None:
        return None
    (last,) = row
    query = sql.SQL(
        "SELECT max({id}), count(*) FILTER (WHERE {id} <= {ahead}) FROM {table} WHERE {id} > {last}"
    )
    ((highest, taken),) = connection.execute(
        query.format(
            id=table.column("id"), table=table.name, last=sql.Literal(last), ahead=sql.Literal(last + _AHEAD)
        )
    ).fetchall()
    return behind(table, highest) if taken else None


def behind(table: CfoTable, highest: int) -> str:
    """That the sequence of the ids gives ids that are there, of which this is the highest."""
    sequence = table.id_sequence or "of its own"
    mending = "" if table.id_sequence is None else f" SELECT setval('{sequence}', {highest})"
    return (
        f"The id sequence {sequence} of the CFO's transactions lags behind and gives ids that are there; they go up to "
        f"{highest:,}. Have its owner set it right{':' if mending else ''}{mending}, then force the sync of what failed."
    )
