"""What is in use of plans is not removed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import Editor, list_rows, set_row
from ledger_pipelines.store.edits.tables import PLANS
from ledger_pipelines.workflows import edits
from ledger_pipelines.workflows.edits import remove_edit
from ledger_pipelines_tests.workflows.billed_books import MONTHS, insert


def test_the_row_that_alone_holds_in_some_months_is_not_removed_from_under_a_company(
    database: Database,
) -> None:
    company = {
        "account_number": "1",
        "name": "Acme",
        "billing_plan": "Ours",
        "contract_term_length": "1 Year",
    }
    with database.connect() as connection:
        connection.execute("SELECT ensure_month('companies', %s)", [MONTHS[0]])
        insert(connection, "companies", {"month": MONTHS[0], **company})
    for since in (None, date(2025, 6, 1), date(2025, 9, 1)):
        key = {"billing_plan": "Ours", "term_length": "1 Year", "from_month": since}
        set_row(database, PLANS, key, {"per_user_cost": Decimal(5)}, by=Editor("ada"))
    first, second, _ = list_rows(database, PLANS)

    def remove(row: Row) -> None:
        names = {name: row[name] for name in PLANS.key}
        remove_edit(database, PLANS, names, from_month=row["from_month"], row_id=None, by=Editor("bo"))

    with pytest.raises(LedgerError, match="in use by 1 company: Acme"):
        remove(first)
    assert list_rows(database, PLANS)[0] == first
    # The one before holds on.
    remove(second)


def test_nobody_is_put_on_a_plan_between_the_look_and_the_removal(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"billing_plan": "Ours", "term_length": "1 Year", "from_month": None}
    set_row(database, PLANS, key, {"per_user_cost": Decimal(5)}, by=Editor("ada"))
    waits: list[bool] = []

    def look(connection: sa.Connection, *_: object) -> None:
        with database.connect() as other:
            row = other.execute("SELECT pg_try_advisory_xact_lock(7435, 1)").fetchone()
            assert row is not None
            waits.append(not row[0])
            found = other.execute("SELECT count(*) FROM billing_plans").fetchone()
        gone = connection.execute(sa.text("SELECT count(*) FROM billing_plans")).scalar()
        assert (found, gone) == ((1,), 0)

    monkeypatch.setattr(edits, "refuse_removal_in_use", look)
    names = {"billing_plan": "Ours", "term_length": "1 Year"}
    remove_edit(database, PLANS, names, from_month=None, row_id=None, by=Editor("bo"))
    assert waits == [True]
