"""The sub-ledgers of the SAF-T example, in both of its forms (rules/general_ledger.md, Worked numbers)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.general_ledger.import_saft import import_saft
from ledger_pipelines.workflows.general_ledger.verification import verify
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.workflows.general_ledger.books import reckon, reconciled, rows

EXAMPLES = [SHARED_DATA / "saft_financial_no_small.xml", SHARED_DATA / "saft_financial_no_small_v130.xml"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_is_reconciled(path: Path, connection: psycopg.Connection, database: Database) -> None:
    if not path.is_file():
        pytest.skip(f"../shared/data/{path.name} is not here")
    list(import_saft(connection, [path], Settings(), today=date(2026, 1, 31)))
    reckon(connection, "2015-01", "2015-10")
    assert reconciled(connection, "2015-10", "2400") == {
        "ledger_balance": "1234.56",
        "sub_ledger_balance": "1234.56",
    }
    assert reconciled(connection, "2015-10", "1500") == {
        "sub_ledger_balance": "1234.56",
        "difference": "-1234.56",
        "openings": "-1234.56",
        "explained": "-1234.56",
    }
    # The payment that names no party settles the invoice that its CrossReference names.
    matched = rows(
        connection,
        """SELECT t.matched_by, t.amount, l.invoice_number FROM supplier_ledger_transactions t
           JOIN supplier_ledger l ON l.month = t.month AND l.item = t.item WHERE t.settlement IS NOT NULL""",
    )
    assert matched == [("invoice_number", Decimal(-12500), "123456")]
    found = verify(database, today=date(2025, 1, 1), as_of=None, days=40, sync_start=None)
    assert (found.day, found.unexplained) == (date(2015, 10, 31), [])
    connection.execute(
        "UPDATE customer_ledger SET remaining_amount = 1000, status = 'partially_paid' WHERE month = '2015-10-01'"
    )
    altered = verify(database, today=date(2025, 1, 1), as_of=None, days=40, sync_start=None)
    assert altered.unexplained == ["1500: 234.56 NOK"]
