"""What is kept of edits, that it stays, and that an edit is put back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ledger_pipelines.errors import ConflictError, LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, list_rows, remove_row, set_row
from ledger_pipelines.store.edits.history import EditFilter, count_edits, last_edit_id, list_edits
from ledger_pipelines.store.edits.putting_back import foresee
from ledger_pipelines.store.edits.tables import ALL, FEATURES, ITEMS, OVERRIDES, PLANS, Editable
from ledger_pipelines.workflows.edits import put_back_edit

CLIENT, DEVICE, CHARGE, MANUAL = OVERRIDES["client"], OVERRIDES["asset"], ITEMS["charge"], ITEMS["asset"]
ADA, BO = Editor("Ada", "agreed by phone"), Editor("Bo")
JULY = date(2025, 7, 1)
GOLD: dict[str, Any] = {"billing_plan": "Gold", "term_length": "1 Year", "from_month": JULY}
ACME: dict[str, Any] = {"account_number": "620547", "from_month": None}


def rate(database: Database, value: str, by: Editor = ADA, **more: Any) -> None:
    set_row(database, CLIENT, ACME, {"per_user_cost": Decimal(value), **more}, by=by)


def newest(database: Database) -> int:
    return list_edits(database, EditFilter())[0].id


def test_who_why_and_what_is_kept_of_each_edit_to_the_last_decimal(
    database: Database, connection: psycopg.Connection
) -> None:
    rate(database, "1234567890.0001")
    rate(database, "0", BO)
    connection.execute("UPDATE client_billing_overrides SET support_level = 'Gold'")
    user, bo, ada = list_edits(database, EditFilter())
    assert (ada.person, ada.reason, bo.reason, user.person) == (
        "Ada",
        "agreed by phone",
        None,
        connection.info.user,
    )
    assert [(one.field, one.before, one.after) for one in bo.changes] == [
        ("per_user_cost", Decimal("1234567890.0001"), 0)
    ]
    assert {one.field for one in ada.changes} == {"account_number", "per_user_cost", "per_user_cost_enabled"}
    assert [(one.field, one.before, one.after) for one in user.changes] == [("support_level", None, "Gold")]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM edits", "TRUNCATE edits", "UPDATE edits SET person = 'Bo'"]
)
def test_what_is_kept_stays_also_where_triggers_are_off(
    database: Database, connection: psycopg.Connection, statement: str
) -> None:
    rate(database, "12")
    connection.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.errors.RestrictViolation, match="edits keeps its rows for ever"):
        connection.execute(statement)


def test_emptying_a_table_is_an_edit_of_each_row(database: Database, connection: psycopg.Connection) -> None:
    rate(database, "12")
    connection.execute("INSERT INTO feature_options (feature_type, value) VALUES ('soc', 'RocketCyber')")
    connection.execute("TRUNCATE client_billing_overrides, feature_options")
    removed = list_edits(database, EditFilter())[:2]
    assert {one.table_name for one in removed} == {"client_billing_overrides", "feature_options"}
    assert [one.after for one in removed] == [None, None]
    for one in removed:
        put_back_edit(database, one.id, BO)
    assert len(list_rows(database, CLIENT)) == len(list_rows(database, FEATURES)) == 1


def test_every_table_that_people_edit_is_watched(connection: psycopg.Connection) -> None:
    watched = connection.execute(
        "SELECT tgrelid::regclass::text, count(*) FROM pg_trigger WHERE tgname LIKE 'record_%' GROUP BY 1"
    ).fetchall()
    others = {"service_terms", "unpaid_cohorts", "accounts", "parties", "payment_matches"}
    others |= {"cfo_entity_mappings", "cfo_revenue_categories"}
    assert dict(watched) == dict.fromkeys({editable.name for editable in ALL} | others, 3)


def test_edits_are_found_by_table_company_person_day_text_and_page(
    database: Database, connection: psycopg.Connection
) -> None:
    connection.execute("SELECT ensure_month('assets', '2025-07-01')")
    connection.execute(
        "INSERT INTO assets (month, account_number, id, backup_data_bytes) VALUES ('2025-07-01', '620547', 12, 0)"
    )
    rate(database, "12")
    set_row(database, DEVICE, {"asset_id": 12, "from_month": JULY}, {"billing_type": "VM"}, by=BO)
    set_row(database, DEVICE, {"asset_id": 13, "from_month": None}, {"billing_type": "VM"}, by=BO)
    set_row(
        database,
        PLANS,
        {"billing_plan": "100%_x", "term_length": "1 Year", "from_month": None},
        {"per_vm_cost": 1},
        by=ADA,
    )

    def found(**which: Any) -> list[str]:
        edits = list_edits(database, EditFilter(**which))
        assert len(edits) == count_edits(database, EditFilter(**which))
        return [one.table_name for one in edits]

    assert found(account="620547") == ["asset_billing_overrides", "client_billing_overrides"]
    assert found(account="62054") == []
    assert found(person="Ada") == ["billing_plans", "client_billing_overrides"]
    assert found(tables=("billing_plans",)) == ["billing_plans"]
    assert found(text="100%_X") == ["billing_plans"]
    assert found(text="%") == ["billing_plans"]
    assert found(text="BY PHONE") == ["billing_plans", "client_billing_overrides"]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert (len(found(until=tomorrow)), found(since=tomorrow)) == (4, [])
    assert [one.table_name for one in list_edits(database, EditFilter(), limit=1, offset=3)] == [
        "client_billing_overrides"
    ]


_SET: list[tuple[Editable, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (CLIENT, ACME, {"per_user_cost": Decimal("12.3456")}, {"per_user_cost": None, "billing_plan": "Gold"}),
    (DEVICE, {"asset_id": 2**62, "from_month": JULY}, {"billing_type": "VM"}, {"billing_type": "No Charge"}),
    (CHARGE, {**ACME, "name": "Æ \"'\\ <b>"}, {"monthly_fee": Decimal("49.5")}, {"monthly_fee": Decimal("-1")}),
    (MANUAL, {**ACME, "hostname": "SW"}, {"billing_type": "Switch", "notes": "a\nb"}, {"notes": None}),
    (PLANS, GOLD, {"per_vm_cost": 1}, {"support_level": "x"}),
    (FEATURES, {"feature_type": "soc", "value": "RocketCyber"}, {"description": "x"}, {"display_name": "SOC"}),
]  # fmt: skip


@pytest.mark.parametrize(("editable", "key", "first", "second"), _SET, ids=[one[0].name for one in _SET])
def test_each_edit_is_put_back_and_putting_back_is_put_back(
    database: Database, editable: Editable, key: Any, first: Any, second: Any
) -> None:
    states: list[list[Any]] = [[]]
    for values in (first, second):
        set_row(database, editable, key, values, by=ADA)
        states.append(list_rows(database, editable))
    remove_row(database, editable, key, by=ADA)
    for number in (3, 2, 1):
        foreseen = foresee(database, number)
        assert put_back_edit(database, number, BO) == foreseen
        assert list_rows(database, editable) == states[number - 1]
    put_back_edit(database, newest(database), BO)
    assert list_rows(database, editable) == states[1]
    last = list_edits(database, EditFilter())[0]
    assert (last.person, last.before, count_edits(database, EditFilter())) == ("Bo", None, 7)


def test_what_others_changed_since_stays_but_for_what_is_put_back(database: Database) -> None:
    rate(database, "12")
    rate(database, "14", BO)
    rate(database, "15", BO, per_vm_cost=Decimal(3))
    back = put_back_edit(database, newest(database) - 1, ADA)
    assert [one.id for one in back.since] == [newest(database) - 1]
    (row,) = list_rows(database, CLIENT)
    assert (row["per_user_cost"], row["per_vm_cost"]) == (12, 3)


def test_what_cannot_be_put_back_is_a_sentence(database: Database, connection: psycopg.Connection) -> None:
    rate(database, "12")
    rate(database, "13")
    with pytest.raises(LedgerError, match=r"There is no edit 77\."):
        put_back_edit(database, 77, BO)
    put_back_edit(database, 2, BO)
    with pytest.raises(LedgerError, match=r"as it was before that edit already, by Bo on .* UTC\."):
        put_back_edit(database, 2, BO)
    remove_row(database, CLIENT, ACME, by=ADA)
    with pytest.raises(LedgerError, match=r"It was removed since, by Ada on .*: put that edit back instead"):
        put_back_edit(database, 1, BO)
    rate(database, "14", BO)
    with pytest.raises(LedgerError, match="It was entered again since, by Bo"):
        put_back_edit(database, 4, BO)
    connection.execute("INSERT INTO edits (table_name, person, before) VALUES ('ledger_periods', 'x', '{}')")
    with pytest.raises(LedgerError, match="ledger_periods is no table that people edit"):
        put_back_edit(database, newest(database), BO)


def test_the_second_of_two_is_told_what_the_first_did_and_nothing_is_lost(database: Database) -> None:
    rate(database, "12")
    seen = last_edit_id(database)
    rate(database, "14", Editor("Bo", seen=seen))
    for other in (0, seen):
        with pytest.raises(
            ConflictError, match=r"Bo changed the override of company 620547 on .* \(per_user_cost from 12"
        ):
            rate(database, "13", Editor("Ada", seen=other))
    with pytest.raises(ConflictError):
        remove_row(database, CLIENT, ACME, by=Editor("Ada", seen=seen))
    with pytest.raises(ConflictError):
        put_back_edit(database, seen, Editor("Ada", seen=seen))
    assert list_rows(database, CLIENT)[0]["per_user_cost"] == 14
    # What was edited is another row.
    key = {"account_number": "620500", "from_month": None}
    set_row(database, CLIENT, key, {"per_user_cost": Decimal(1)}, by=Editor("Ada", seen=seen))
    remove_row(database, CLIENT, ACME, by=BO)
    with pytest.raises(ConflictError, match="Bo removed the override"):
        rate(database, "13", Editor("Ada", seen=seen + 1))
