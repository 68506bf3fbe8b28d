"""What is in use of plans is not removed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, list_rows, set_row
from ledger_pipelines.store.edits.tables import PLANS
from ledger_pipelines.workflows.plan_book import refuse_removal_in_use
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
    with pytest.raises(LedgerError, match="in use by 1 company: Acme"):
        refuse_removal_in_use(database, PLANS, first)
    # The one before holds on.
    refuse_removal_in_use(database, PLANS, second)
