"""A table as everybody knows it: what a row is, its key, its columns with a line each, and which a person sees first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

TEXT = pa.string()
DATE = pa.date32()
INSTANT = pa.timestamp("us", "UTC")
BOOLEAN = pa.bool_()
INTEGER = pa.int32()
BIGINT = pa.int64()


def numeric(precision: int, scale: int) -> pa.Decimal128Type:
    """An exact number, as `numeric(precision, scale)` in PostgreSQL."""
    return pa.decimal128(precision, scale)


#: Hours: whole seconds divided by 3,600 have eighteen decimals at most that matter (rules/billing.md, Ticket hours).
HOURS = numeric(28, 18)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type in frames, and a line on what it means; `is_optional` where it may be null.

    `default` is what the database fills in, as SQL writes it, `is_identity` that it numbers the rows by itself.
    """

    name: str
    kind: pa.DataType
    line: str
    is_optional: bool = False
    default: str | None = None
    is_identity: bool = False

    @property
    def sql_type(self) -> str:
        """The column's type in PostgreSQL."""
        if pa.types.is_decimal(self.kind):
            return f"numeric({self.kind.precision},{self.kind.scale})"
        return _SQL_TYPES[self.kind]


_SQL_TYPES: dict[pa.DataType, str] = {
    TEXT: "text",
    DATE: "date",
    INSTANT: "timestamp with time zone",
    BOOLEAN: "boolean",
    INTEGER: "integer",
    BIGINT: "bigint",
}
MONTH = Column("month", DATE, "the month, by its first day")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the ledger.

    `row` says what a row is; `key` are the columns that identify a row, in a monthly table within their month;
    `preview` are the columns that a person sees first. A monthly table has the month as its first column, which
    `columns` need not name.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    preview: tuple[str, ...] = ()
    is_monthly: bool = True
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.all_columns})

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The columns, with the month."""
        return (MONTH, *self.columns) if self.is_monthly else self.columns

    @property
    def schema(self) -> pa.Schema:
        """The schema of a frame that fills the table: its columns in their order, null only where they may be."""
        return pa.schema([pa.field(one.name, one.kind, nullable=one.is_optional) for one in self.all_columns])

    def without(self, *names: str) -> pa.Schema:
        """The schema of what is read anew for a month: without the month, and without these columns."""
        return pa.schema([field for field in self.schema if field.name not in {MONTH.name, *names}])

    def part(self, names: Iterable[str]) -> pa.Schema:
        """The schema of a frame that is read from the table. Raises KeyError for a name that is no column."""
        return pa.schema([pa.field(name, self.by_name[name].kind) for name in names])
