"""The tables that people edit, described to SQLAlchemy: what names a row, what may stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ledger_pipelines.tables.billing import PREPAID, RATES

_METADATA = sa.MetaData()
_MONEY = sa.Numeric(14, 4)
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
    def fields(self) -> dict[str, sa.Column[Any]]:
        """The columns that a person fills, by name: neither the key nor what the database keeps by itself."""
        kept = {*self.key, "id", "from_month"}
        return {
            column.name: column
            for column in self.table.columns
            if column.name not in kept and not self.is_switch(column.name)
        }

    def is_switch(self, column: str) -> bool:
        """Whether the column only says that another one counts."""
        return column.endswith("_enabled") and column.removesuffix("_enabled") in self.table.columns

    def switch_of(self, column: str) -> str | None:
        """The column that says whether this one counts, if there is one."""
        name = f"{column}_enabled"
        return name if name in self.table.columns else None


def _table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(name, _METADATA, *columns, sa.Column("from_month", sa.Date, comment="from when it holds"))


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def _text(name: str, comment: str, *, needed: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=not needed, comment=comment)


def _money(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, _MONEY, comment=comment)


def _overridable(columns: dict[str, sa.Column[Any]]) -> list[sa.Column[Any]]:
    """Each column, and beside it the one that says whether it counts."""
    return [
        each
        for name, column in columns.items()
        for each in (
            column,
            sa.Column(f"{name}_enabled", sa.Boolean, nullable=False, server_default=sa.false()),
        )
    ]


PLANS = Editable(
    _table(
        "billing_plans",
        _id(),
        _text("billing_plan", "the plan's name, as the company has it", needed=True),
        _text("term_length", "the contract term that it is for", needed=True),
        _text("support_level", "as a statement shows it"),
        *(
            sa.Column(name, _MONEY, nullable=False, server_default="0", comment=told)
            for name, told in RATES.items()
        ),
    ),
    "plan",
    ("billing_plan", "term_length"),
)
OVERRIDES = {
    "client": Editable(
        _table(
            "client_billing_overrides",
            _text("account_number", "the company", needed=True),
            *_overridable(
                {"billing_plan": _text("billing_plan", "the plan in place of Codex's")}
                | {name: _money(name, told) for name, told in (RATES | PREPAID).items()}
            ),
        ),
        "override of company",
        ("account_number",),
    ),
    "asset": Editable(
        _table(
            "asset_billing_overrides",
            sa.Column("asset_id", sa.BigInteger, nullable=False, comment="the device's id in Codex"),
            _text("billing_type", "as what it is billed"),
            _money("custom_cost", "a month, where it is billed as Custom"),
        ),
        "override of device",
        ("asset_id",),
        (("billing_type", _DEVICES),),
    ),
    "user": Editable(
        _table(
            "user_billing_overrides",
            sa.Column("user_id", sa.BigInteger, nullable=False, comment="the person's id in Codex"),
            _text("payment_type", "whether they are billed"),
            _money("custom_cost", "a month, where they are billed as Custom"),
        ),
        "override of person",
        ("user_id",),
        (("payment_type", _PEOPLE),),
    ),
    "feature": Editable(
        _table(
            "client_feature_overrides",
            _text("account_number", "the company", needed=True),
            _text("feature_type", "which of the plan's features", needed=True),
            _text("value", "what the company has in place of the plan's"),
            sa.Column(
                "enabled", sa.Boolean, nullable=False, server_default=sa.true(), comment="whether it counts"
            ),
        ),
        "override of feature",
        ("account_number", "feature_type"),
    ),
}
ITEMS = {
    "charge": Editable(
        _table(
            "custom_line_items",
            _id(),
            _text("account_number", "the company", needed=True),
            _text("name", "as the statement names it", needed=True),
            _text("description", "as the statement explains it"),
            _money("monthly_fee", "each month"),
            _money("one_off_fee", "once, in one_off_month of one_off_year"),
            sa.Column("one_off_year", sa.Integer, comment="1900 to 9999"),
            sa.Column("one_off_month", sa.Integer, comment="1 to 12"),
            _money("yearly_fee", "each year, in yearly_month"),
            sa.Column("yearly_month", sa.Integer, comment="1 to 12"),
        ),
        "charge",
        ("account_number", "name"),
        alternatives=(
            ("monthly_fee",),
            ("one_off_fee", "one_off_year", "one_off_month"),
            ("yearly_fee", "yearly_month"),
        ),
        occasions=("one_off_year", "one_off_month"),
    ),
    "asset": Editable(
        _table(
            "manual_assets",
            _id(),
            _text("account_number", "the company", needed=True),
            _text("hostname", "the device's name", needed=True),
            _text("billing_type", "as what it is billed", needed=True),
            _money("custom_cost", "a month, where it is billed as Custom"),
        ),
        "manual device",
        ("account_number", "hostname"),
        (("billing_type", _DEVICES),),
    ),
    "user": Editable(
        _table(
            "manual_users",
            _id(),
            _text("account_number", "the company", needed=True),
            _text("full_name", "the person's name", needed=True),
            _text("payment_type", "whether they are billed", needed=True),
            _money("custom_cost", "a month, where they are billed as Custom"),
        ),
        "manual person",
        ("account_number", "full_name"),
        (("payment_type", _PEOPLE),),
    ),
}
ALL = (PLANS, *OVERRIDES.values(), *ITEMS.values())
