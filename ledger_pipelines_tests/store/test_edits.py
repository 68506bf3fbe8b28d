"""What people edit, set and removed through SQLAlchemy, on a real database; and who did it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, list_rows, remove_row, set_row
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.edits.tables import ALL, ITEMS, OVERRIDES, PLANS, Editable
from ledger_pipelines.store.edits.values import parsed_fields, parsed_key
from ledger_pipelines.tables.rates import RATES

CLIENT, DEVICE, FEATURE = OVERRIDES["client"], OVERRIDES["asset"], OVERRIDES["feature"]
CHARGE, MANUAL_USER = ITEMS["charge"], ITEMS["user"]
JULY = date(2025, 7, 1)
ADA = Editor("Ada")


def put(
    database: Database, editable: Editable, *names: str, since: date | None = None, **fields: str
) -> dict[str, Any]:
    key = parsed_key(editable, dict(zip(editable.key, names, strict=True)), since)
    after = set_row(database, editable, key, parsed_fields(editable, fields), by=ADA).after
    assert after is not None
    return dict(after)


def edits(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT table_name, person, before, after FROM edits ORDER BY id").fetchall()


@pytest.mark.parametrize("editable", ALL, ids=lambda editable: editable.name)
def test_a_table_is_described_as_it_is(editable: Editable, database: Database) -> None:
    found = sa.inspect(engine_of(database)).get_columns(editable.name)
    described = {column.name: column for column in editable.table.columns}
    assert {column["name"] for column in found} == described.keys()
    for column in found:
        mine = described[column["name"]]
        assert isinstance(column["type"], type(mine.type)), column["name"]
        assert column["nullable"] == mine.nullable, column["name"]
        if isinstance(mine.type, sa.Numeric):
            assert (column["type"].precision, column["type"].scale) == (mine.type.precision, mine.type.scale)


def test_a_plan_is_entered_and_changed_and_what_is_not_given_stays(database: Database) -> None:
    gold = put(database, PLANS, "Gold", "1 Year", per_user_cost="10", per_server_cost="55.5")
    assert (gold["per_user_cost"], gold["per_server_cost"], gold["per_vm_cost"]) == (10, Decimal("55.5"), 0)
    changed = put(database, PLANS, "Gold", "1 Year", per_user_cost="12")
    assert changed == gold | {"per_user_cost": Decimal("12.0000")}
    later = put(database, PLANS, "Gold", "1 Year", since=JULY, per_user_cost="14")
    assert [row["per_user_cost"] for row in list_rows(database, PLANS)] == [12, 14]
    assert later["per_server_cost"] == 0


def test_an_override_counts_once_it_is_set_also_with_nothing_and_no_longer_when_it_is_taken_away(
    database: Database,
) -> None:
    row = put(database, CLIENT, "620547", per_user_cost="0", billing_plan="Gold")
    assert (row["per_user_cost"], row["per_user_cost_enabled"], row["billing_plan_enabled"]) == (
        0,
        True,
        True,
    )
    assert not any(row[f"{rate}_enabled"] for rate in RATES if rate != "per_user_cost")
    row = put(database, CLIENT, "620547", per_user_cost="")
    assert (row["per_user_cost"], row["per_user_cost_enabled"], row["billing_plan"]) == (None, False, "Gold")


def test_charges_of_one_name_and_several_kinds_hold_side_by_side(database: Database) -> None:
    monthly = put(database, CHARGE, "620547", "Monitoring", monthly_fee="49")
    yearly = put(database, CHARGE, "620547", "Monitoring", yearly_fee="-490", yearly_month="3")
    put(database, CHARGE, "620547", "Monitoring", monthly_fee="50")
    put(database, CHARGE, "620547", "Monitoring", yearly_fee="-500")
    rows = {row["id"]: row for row in list_rows(database, CHARGE)}
    assert rows == {
        monthly["id"]: monthly | {"monthly_fee": 50},
        yearly["id"]: yearly | {"yearly_fee": -500},
    }
    with pytest.raises(LedgerError, match="There are 2 of charge Monitoring of 620547"):
        put(database, CHARGE, "620547", "Monitoring", description="All year round")


def test_a_one_off_charge_is_of_its_month_and_another_s_is_another(database: Database) -> None:
    put(database, CHARGE, "620547", "Setup", one_off_fee="250", one_off_year="2025", one_off_month="3")
    put(database, CHARGE, "620547", "Setup", one_off_fee="300", one_off_year="2025", one_off_month="5")
    put(database, CHARGE, "620547", "Setup", one_off_fee="260", one_off_year="2025", one_off_month="3")
    assert [(row["one_off_month"], row["one_off_fee"]) for row in list_rows(database, CHARGE)] == [
        (3, 260),
        (5, 300),
    ]


def test_a_charge_becomes_one_of_another_kind_by_its_id(database: Database) -> None:
    row = put(database, CHARGE, "620547", "Monitoring", monthly_fee="49")
    key = parsed_key(CHARGE, {"account_number": "620547", "name": "Monitoring"}, None)
    values = parsed_fields(CHARGE, {"yearly_fee": "490", "yearly_month": "3"})
    set_row(database, CHARGE, key, values, by=ADA, row_id=row["id"])
    assert list_rows(database, CHARGE) == [row | {"monthly_fee": None, "yearly_fee": 490, "yearly_month": 3}]


def test_two_who_make_the_same_row_at_once_make_it_once(database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        fees = [str(fee) for fee in range(1, 13)]
        made = list(
            threads.map(lambda fee: put(database, CHARGE, "620547", "Monitoring", monthly_fee=fee), fees)
        )
    (row,) = list_rows(database, CHARGE)
    assert {one["id"] for one in made} == {row["id"]}


def test_several_of_one_name_are_told_apart_by_their_ids(
    database: Database, connection: psycopg.Connection
) -> None:
    put(database, CHARGE, "620547", "Monitoring", monthly_fee="49")
    connection.execute(
        "INSERT INTO custom_line_items (account_number, name, monthly_fee) VALUES ('620547', 'Monitoring', 5)"
    )
    first, second = [row["id"] for row in list_rows(database, CHARGE)]
    key = parsed_key(CHARGE, {"account_number": "620547", "name": "Monitoring"}, None)
    with pytest.raises(
        LedgerError, match=rf"There are 2 of charge Monitoring of 620547: .* \({first}, {second}\)"
    ):
        remove_row(database, CHARGE, key, by=ADA)
    remove_row(database, CHARGE, key, by=ADA, row_id=second)
    assert [row["monthly_fee"] for row in list_rows(database, CHARGE)] == [49]
    with pytest.raises(LedgerError, match="with the id 99"):
        remove_row(database, CHARGE, key, by=ADA, row_id=99)


def test_who_changed_what_is_kept_whichever_way_it_was_changed(
    database: Database, connection: psycopg.Connection
) -> None:
    put(database, DEVICE, "12", billing_type="server")
    put(database, DEVICE, "12", billing_type="Server")
    put(database, DEVICE, "12", billing_type="Custom", custom_cost="9")
    connection.execute("UPDATE asset_billing_overrides SET custom_cost = 8")
    remove_row(database, DEVICE, {"asset_id": 12, "from_month": None}, by=Editor("Bo"))
    server = {"asset_id": 12, "billing_type": "Server", "custom_cost": None, "from_month": None}
    custom = {**server, "billing_type": "Custom", "custom_cost": 9.0}
    user = connection.info.user
    assert edits(connection) == [
        ("asset_billing_overrides", "Ada", None, server),
        ("asset_billing_overrides", "Ada", server, custom),
        ("asset_billing_overrides", user, custom, custom | {"custom_cost": 8.0}),
        ("asset_billing_overrides", "Bo", custom | {"custom_cost": 8.0}, None),
    ]


@pytest.mark.parametrize(
    ("editable", "names", "fields", "sentence"),
    [
        (PLANS, ("Gold", "1 Year"), {}, "Nothing to set was given: name fields of the plan, such as support_level=…."),
        (PLANS, ("Gold", "1 Year"), {"per_user_price": "1"}, "'per_user_price' is no field of the plan: it has "),
        (PLANS, ("Gold", "1 Year"), {"id": "7"}, "'id' is no field of the plan"),
        (PLANS, ("", "1 Year"), {"per_vm_cost": "1"}, "billing_plan is empty: say which plan is meant."),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "-1"}, "per_vm_cost is -1: it cannot be less than 0."),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "1.23456"}, "per_vm_cost is '1.23456': write a number with at most"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "12345678901"}, "'12345678901': that is too large"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "1e999999"}, "write a number with at most four decimals"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "1e3"}, "write a number with at most four decimals"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "1_0"}, "write a number with at most four decimals"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "9" * 300}, "that is too large"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "." + "1" * 299}, "write a number with at most four decimals"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "1,234.50"}, "a point before them and without a separator of thou"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "NaN"}, "write a number with at most four decimals"),
        (PLANS, ("Gold", "1 Year"), {"per_vm_cost": "12,50"}, "write a number with at most four decimals"),
        (CLIENT, ("620547",), {"per_user_cost_enabled": "true"}, "is no field of the override of company"),
        (CLIENT, ("6\x00",), {"per_user_cost": "1"}, "account_number has signs that cannot be printed"),
        (DEVICE, ("twelve",), {"billing_type": "VM"}, "asset_id is 'twelve': write a whole number."),
        (DEVICE, (str(2**63),), {"billing_type": "VM"}, "write a whole number."),
        (DEVICE, ("12",), {"billing_type": "Toaster"}, "billing_type is 'Toaster': choose one of Workstation, Server"),
        (DEVICE, ("12",), {"billing_type": "Custom"}, "billing_type Custom needs custom_cost beside it."),
        (FEATURE, ("620547", "antivirus"), {"enabled": "perhaps"}, "enabled is 'perhaps': write true or false."),
        (MANUAL_USER, ("620547", "Ada"), {"custom_cost": "3"}, "The manual person needs payment_type."),
        (CHARGE, ("620547", "X"), {"description": "Y"}, "The charge needs an amount: monthly_fee or one_off_fee with "),
        (CHARGE, ("620547", "X"), {"yearly_fee": "9"}, "yearly_fee needs yearly_month beside it."),
        (CHARGE, ("620547", "X"), {"monthly_fee": "1", "yearly_fee": "9"}, "The charge is of one kind: give either"),
        (CHARGE, ("620547", "X"), {"yearly_fee": "9", "yearly_month": "13"}, "yearly_month is 13: write a whole number"),
        (CHARGE, ("620547", "X"), {"yearly_fee": "9", "yearly_month": "3000000000"}, "is '3000000000': write"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_changed(
    database: Database,
    connection: psycopg.Connection,
    editable: Editable,
    names: tuple[str, ...],
    fields: dict[str, str],
    sentence: str,
) -> None:
    with pytest.raises(LedgerError) as refused:
        put(database, editable, *names, **fields)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")
    assert (list_rows(database, editable), edits(connection)) == ([], [])


def test_what_is_not_there_cannot_be_removed(database: Database) -> None:
    with pytest.raises(LedgerError, match=r"There is no plan Gold .1 Year. from 2025-07 to remove"):
        remove_row(
            database,
            PLANS,
            {"billing_plan": "Gold", "term_length": "1 Year", "from_month": JULY},
            by=ADA,
        )


_SETTING = st.tuples(
    st.sampled_from(["620547", "620500"]),
    st.sampled_from([None, date(2025, 1, 1), JULY]),
    st.dictionaries(
        st.sampled_from(["per_user_cost", "per_vm_cost", "prepaid_hours_monthly"]),
        st.none() | st.decimals(0, 10**6, places=4),
        min_size=1,
    ),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_SETTING, max_size=8))
def test_after_any_settings_each_row_has_the_last_value_that_each_field_was_given(
    database: Database, connection: psycopg.Connection, given_settings: list[Any]
) -> None:
    connection.execute("TRUNCATE client_billing_overrides")
    before = len(edits(connection))
    expected: dict[Any, dict[str, Decimal | None]] = {}
    for account, since, values in given_settings:
        set_row(database, CLIENT, {"account_number": account, "from_month": since}, values, by=ADA)
        expected.setdefault((account, since), {}).update(values)
    rows = {(row["account_number"], row["from_month"]): row for row in list_rows(database, CLIENT)}
    assert rows.keys() == expected.keys()
    for key, values in expected.items():
        for name, value in values.items():
            assert (rows[key][name], rows[key][f"{name}_enabled"]) == (value, value is not None)
    # The books of the edits lead to what there is.
    last = {(row["account_number"], row["from_month"]): row for _, _, _, row in edits(connection)[before:]}
    assert {key: row["per_vm_cost"] for key, row in last.items()} == {
        (account, None if since is None else since.isoformat()): None
        if row["per_vm_cost"] is None
        else float(row["per_vm_cost"])
        for (account, since), row in rows.items()
    }
