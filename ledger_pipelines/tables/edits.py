"""What people edit: plans, what is agreed in their place, and what is billed beside a snapshot (rules/billing.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger_pipelines.money import RATE
from ledger_pipelines.tables.rates import PREPAID, RATES, rate_columns
from ledger_pipelines.tables.table import BIGINT, BOOLEAN, DATE, INTEGER, TEXT, Column, Table

_ID = Column("id", BIGINT, "its number", is_identity=True)
_FROM_MONTH = Column(
    "from_month", DATE, "from when it holds; in all open months where it is empty", is_optional=True
)


def _overridable(columns: Iterable[Column]) -> Iterator[Column]:
    """Each column, and beside it the one that says whether it counts."""
    for column in columns:
        yield column
        yield Column(
            f"{column.name}_enabled", BOOLEAN, f"whether the {column.name} here counts", default="false"
        )


BILLING_PLANS = Table(
    "billing_plans",
    "A row is a billing plan in one contract term, beside those of Codex.",
    key=("billing_plan", "term_length"),
    columns=(
        _ID,
        Column("billing_plan", TEXT, "the plan's name, as the company has it"),
        Column("term_length", TEXT, "the contract term that it is for", default="'Month to Month'::text"),
        Column("support_level", TEXT, "as a statement shows it", is_optional=True),
        *rate_columns(default="0"),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
CLIENT_BILLING_OVERRIDES = Table(
    "client_billing_overrides",
    "A row is what is agreed with a company in place of its plan.",
    key=("account_number",),
    columns=(
        Column("account_number", TEXT, "the company"),
        *_overridable(
            [
                Column("billing_plan", TEXT, "the plan in place of Codex's", is_optional=True),
                Column("support_level", TEXT, "what a statement shows in place of others", is_optional=True),
                *rate_columns(RATES | PREPAID, is_optional=True),
            ]
        ),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
ASSET_BILLING_OVERRIDES = Table(
    "asset_billing_overrides",
    "A row is how a device of a snapshot is billed in place of what it is.",
    key=("asset_id",),
    columns=(
        Column("asset_id", BIGINT, "the device's id in Codex"),
        Column("billing_type", TEXT, "as what it is billed", is_optional=True),
        Column("custom_cost", RATE, "a month, where it is billed as Custom", is_optional=True),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
USER_BILLING_OVERRIDES = Table(
    "user_billing_overrides",
    "A row is how a person of a snapshot is billed.",
    key=("user_id",),
    columns=(
        Column("user_id", BIGINT, "the person's id in Codex"),
        Column("payment_type", TEXT, "whether they are billed", is_optional=True),
        Column("custom_cost", RATE, "a month, where they are billed as Custom", is_optional=True),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
CLIENT_FEATURE_OVERRIDES = Table(
    "client_feature_overrides",
    "A row is a feature that a company has in place of its plan's.",
    key=("account_number", "feature_type"),
    columns=(
        Column("account_number", TEXT, "the company"),
        Column("feature_type", TEXT, "which of the plan's features"),
        Column("value", TEXT, "what the company has in place of the plan's", is_optional=True),
        Column("enabled", BOOLEAN, "whether it counts", default="true"),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
CUSTOM_LINE_ITEMS = Table(
    "custom_line_items",
    "A row is a charge on a company's statements: each month, once, or each year.",
    key=("account_number", "name"),
    columns=(
        _ID,
        Column("account_number", TEXT, "the company"),
        Column("name", TEXT, "as the statement names it"),
        Column("description", TEXT, "as the statement explains it", is_optional=True),
        Column("monthly_fee", RATE, "each month", is_optional=True),
        Column("one_off_fee", RATE, "once, in one_off_month of one_off_year", is_optional=True),
        Column("one_off_year", INTEGER, "1900 to 9999", is_optional=True),
        Column("one_off_month", INTEGER, "1 to 12", is_optional=True),
        Column("yearly_fee", RATE, "each year, in yearly_month", is_optional=True),
        Column("yearly_month", INTEGER, "1 to 12", is_optional=True),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
FEATURE_OPTIONS = Table(
    "feature_options",
    "A row is one of the values that a feature may have.",
    key=("feature_type", "value"),
    columns=(
        _ID,
        Column("feature_type", TEXT, "which feature of plans"),
        Column("value", TEXT, "what a plan or a company may have of it"),
        Column("display_name", TEXT, "as people call the feature", is_optional=True),
        Column("description", TEXT, "what it is", is_optional=True),
    ),
    is_monthly=False,
)
MANUAL_ASSETS = Table(
    "manual_assets",
    "A row is a device that is billed and that Codex does not have.",
    key=("account_number", "hostname"),
    columns=(
        _ID,
        Column("account_number", TEXT, "the company"),
        Column("hostname", TEXT, "the device's name"),
        Column("billing_type", TEXT, "as what it is billed"),
        Column("custom_cost", RATE, "a month, where it is billed as Custom", is_optional=True),
        Column("notes", TEXT, "what people want to remember of it; on no statement", is_optional=True),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
MANUAL_USERS = Table(
    "manual_users",
    "A row is a person who is billed and whom Codex does not have.",
    key=("account_number", "full_name"),
    columns=(
        _ID,
        Column("account_number", TEXT, "the company"),
        Column("full_name", TEXT, "the person's name"),
        Column("payment_type", TEXT, "whether they are billed"),
        Column("custom_cost", RATE, "a month, where they are billed as Custom", is_optional=True),
        Column("notes", TEXT, "what people want to remember of them; on no statement", is_optional=True),
        _FROM_MONTH,
    ),
    is_monthly=False,
)
