"""The steps of sub-ledgers and reports as Dagster runs them: their pages and their checks."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.defs.closing import run
from ledger_pipelines_tests.general_ledger.journals import entry, invoice, payment
from ledger_pipelines_tests.workflows.general_ledger.books import close, remaining, write

_JANUARY, _FEBRUARY = date(2025, 1, 1), date(2025, 2, 1)
_ASSETS = (
    *("customer_ledger", "customer_ledger_transactions", "supplier_ledger", "supplier_ledger_transactions"),
    *("ledger_reconciliation", "trial_balance", "vat_summary"),
)


def test_a_range_of_months_and_what_its_checks_say(
    database: Database, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
    write(
        connection,
        invoice("i", "2025-01-10", 1000),
        payment("p", "2025-01-20", 1300),
        payment("lost", "2025-02-03", 55, None, source_type="imported"),
        entry("m", "2025-02-15", [("6300", 50, {}), ("2400", -50, {})], "manual"),
    )
    checks = run(database, [_JANUARY, _FEBRUARY], assets=_ASSETS)
    failed = {name: check for name, check in checks.items() if not check.passed}
    assert set(failed) == {
        ("customer_ledger", "nothing_is_unallocated"),
        ("ledger_reconciliation", "every_party_is_found"),
    }
    assert "300.00 EUR" in (failed["customer_ledger", "nothing_is_unallocated"].description or "")
    assert "55.00 EUR" in (failed["ledger_reconciliation", "every_party_is_found"].description or "")
    assert remaining(connection, "2025-02") == {"p": -300}

    # A closed month is only looked at; what a person altered there is said.
    close(connection, "2025-01")
    connection.execute("SELECT thaw_month('2025-01-01')")
    connection.execute(
        "UPDATE customer_ledger SET remaining_amount = -200 WHERE voucher = 'books/p' AND month = '2025-01-01'"
    )
    connection.execute("SELECT freeze_month('2025-01-01')")
    checks = run(database, [_JANUARY], assets=_ASSETS)
    assert not checks["customer_ledger", "closed_month_unchanged"].passed
    unexplained = checks["ledger_reconciliation", "nothing_is_unexplained"]
    assert (unexplained.passed, "100.00 EUR" in (unexplained.description or "")) == (False, True)
