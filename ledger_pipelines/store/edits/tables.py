"""The tables that people edit, as SQLAlchemy knows them, and what a person may write to each.

Each is described in `tables/edits.py`; here is what is true of editing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger_pipelines.tables import edits
from ledger_pipelines.tables.table import BIGINT, BOOLEAN, DATE, INTEGER, TEXT, Column, Table

_METADATA = sa.MetaData()
_TYPES: dict[pa.DataType, sa.types.TypeEngine[Any]] = {
    TEXT: sa.Text(),
    DATE: sa.Date(),
    BOOLEAN: sa.Boolean(),
    INTEGER: sa.Integer(),
    BIGINT: sa.BigInteger(),
}
_DEVICES = ("Workstation", "Server", "VM", "Switch", "Firewall", "Custom", "No Charge")
_PEOPLE = ("Paid", "Free", "Custom")


@dataclass(frozen=True, slots=True)
class Editable:
    """A table that people edit.

    `row` is what a row is called; `key` are the columns that name one, beside the month from which it holds; `choices`
    the words that a column may have; `alternatives` groups of columns of which a row fills exactly one, which is its
    kind: rows of one key and several kinds hold side by side, and so do those that differ in a column of `occasions`.
    """

    table: sa.Table
    row: str
    key: tuple[str, ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
    occasions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.table.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that identify its rows."""
        return ("id",) if "id" in self.table.columns else (*self.key, *self.beginning)

    @property
    def beginning(self) -> tuple[str, ...]:
        """The month's column, where its rows hold from a month on."""
        return tuple(name for name in ("from_month",) if name in self.table.columns)

    @property
    def fields(self) -> dict[str, sa.Column[Any]]:
        """The columns that a person fills, by name: neither the key nor what the database keeps by itself."""
        fixed = {*self.key, "id", "from_month"}
        return {
            column.name: column
            for column in self.table.columns
            if column.name not in fixed and not self.is_switch(column.name)
        }

    def is_switch(self, column: str) -> bool:
        """Whether the column only says that another one counts."""
        return column.endswith("_enabled") and column.removesuffix("_enabled") in self.table.columns

    def switch_of(self, column: str) -> str | None:
        """The column that says whether this one counts, if there is one."""
        name = f"{column}_enabled"
        return name if name in self.table.columns else None


def _column(column: Column) -> sa.Column[Any]:
    kind = (
        sa.Numeric(column.kind.precision, column.kind.scale)
        if pa.types.is_decimal(column.kind)
        else _TYPES[column.kind]
    )
    return sa.Column(
        column.name,
        kind,
        *([sa.Identity(always=True)] if column.is_identity else []),
        primary_key=column.is_identity,
        nullable=column.is_optional,
        server_default=None if column.default is None else sa.text(column.default),
        comment=column.line,
    )


def _editable(table: Table, row: str, **more: Any) -> Editable:
    columns = map(_column, table.all_columns)
    return Editable(sa.Table(table.name, _METADATA, *columns), row, table.key, **more)


PLANS = _editable(edits.BILLING_PLANS, "plan")
OVERRIDES = {
    "client": _editable(edits.CLIENT_BILLING_OVERRIDES, "override of company"),
    "asset": _editable(
        edits.ASSET_BILLING_OVERRIDES, "override of device", choices=(("billing_type", _DEVICES),)
    ),
    "user": _editable(
        edits.USER_BILLING_OVERRIDES, "override of person", choices=(("payment_type", _PEOPLE),)
    ),
    "feature": _editable(edits.CLIENT_FEATURE_OVERRIDES, "override of feature"),
}
ITEMS = {
    "charge": _editable(
        edits.CUSTOM_LINE_ITEMS,
        "charge",
        alternatives=(
            ("monthly_fee",),
            ("one_off_fee", "one_off_year", "one_off_month"),
            ("yearly_fee", "yearly_month"),
        ),
        occasions=("one_off_year", "one_off_month"),
    ),
    "asset": _editable(edits.MANUAL_ASSETS, "manual device", choices=(("billing_type", _DEVICES),)),
    "user": _editable(edits.MANUAL_USERS, "manual person", choices=(("payment_type", _PEOPLE),)),
}
FEATURES = _editable(edits.FEATURE_OPTIONS, "feature option")
ALL = (PLANS, FEATURES, *OVERRIDES.values(), *ITEMS.values())
