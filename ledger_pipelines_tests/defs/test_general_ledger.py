"""Three months and more of a school in the general ledger: what was invoiced, recognised and paid, and what is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
import requests

from ledger_pipelines.months import month_range
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.general_ledger.verification import verify
from ledger_pipelines_tests.defs.closing import run, use
from ledger_pipelines_tests.end_to_end.harness import fetch

UNTIL = date(2024, 8, 31)
MONTHS = month_range(date(2024, 1, 1), date(2024, 9, 1))
_BALANCES = """SELECT account, currency, sum(coalesce(credit, 0) - coalesce(debit, 0)) FROM journal_lines
               WHERE month <= %s GROUP BY 1, 2"""
_JOURNAL = (
    "SELECT e.*, l.* FROM journal_entries e JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id"
)
_REPORTS = (
    *("customer_ledger", "customer_ledger_transactions"),
    *("ledger_reconciliation", "trial_balance", "vat_summary"),
)


@pytest.fixture
def school() -> Iterator[Sandbox]:
    """A small school with all cases; what it tells later is its own."""
    with running_sandbox(SandboxConfig(until=UNTIL, companies=2, students=40, rate_limit=None)) as sandbox:
        yield sandbox


def balances(database: Database, month: date) -> dict[tuple[str, str], Decimal]:
    return {(account, currency): balance for account, currency, balance in fetch(database, _BALANCES, month)}


def reports(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table: fetch(database, f"SELECT t::text FROM {table} t ORDER BY 1") for table in _REPORTS}


def of_closed_months(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    last = f"({MONTHS[-1]}"
    return {table: [row for row in of_table if row[0] < last] for table, of_table in rows.items()}


def failed(checks: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    error = dg.AssetCheckSeverity.ERROR
    return [name for name, check in checks.items() if not check.passed and check.severity == error]


@pytest.mark.timeout(300)
def test_revenue_is_what_accruals_recognise_and_a_payment_taken_out_is_reversed_in_the_first_open_month(
    database: Database, school: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, database, school)
    assert failed(run(database, MONTHS)) == []
    recognised = fetch(
        database,
        """SELECT contact_id || '/' || service_id || '/' || currency || '/' || contract_number, month, recognised
           FROM monthly_accruals WHERE recognised <> 0 ORDER BY 1, 2""",
    )
    revenue = fetch(
        database,
        """SELECT substr(e.source_id, 9), e.month, sum(coalesce(l.credit, 0) - coalesce(l.debit, 0))
           FROM journal_entries e JOIN journal_lines l ON l.month = e.month AND l.entry_id = e.id
           WHERE e.source_system = 'accruals' AND l.account = '3000' GROUP BY 1, 2 ORDER BY 1, 2""",
    )
    assert revenue == recognised != []
    for month, currency, closing in fetch(database, "SELECT month, currency, closing FROM deferred_revenue"):
        assert balances(database, month).get(("2965", currency), Decimal(0)) == closing, (month, currency)
    (kinds,) = zip(*fetch(database, "SELECT DISTINCT type FROM customer_ledger_transactions"), strict=True)
    assert {"invoice", "payment", "credit_note"} <= set(kinds)
    for month in MONTHS:
        closings = fetch(
            database, "SELECT account, currency, -closing FROM trial_balance WHERE month = %s", month
        )
        of_journal = {key: balance for key, balance in balances(database, month).items() if balance}
        assert {
            (account, currency): closing for account, currency, closing in closings if closing
        } == of_journal
        for wanted in {currency for _, currency, _ in closings}:
            assert sum(closing for _, currency, closing in closings if currency == wanted) == 0
    today = date(2024, 9, 2)
    assert verify(database, today=today, as_of=None, days=7, sync_start=None).unexplained == []

    whole, journal = reports(database), fetch(database, f"{_JOURNAL} ORDER BY e.id, l.line")
    assert failed(run(database, [MONTHS[3]])) == []
    assert failed(run(database, MONTHS[5:])) == []
    assert (reports(database), fetch(database, f"{_JOURNAL} ORDER BY e.id, l.line")) == (whole, journal)

    with database.connect() as connection:
        close_months(connection, MONTHS[:-1], person="Ada")
    assert fetch(database, "SELECT DISTINCT status FROM journal_entries WHERE month < %s", MONTHS[-1]) == [
        ("posted",)
    ]
    before = reports(database)
    assert requests.post(f"{school.base_url}/sandbox/news", timeout=10).ok
    run(database, MONTHS)
    reversed_payments = fetch(
        database,
        """SELECT e.month, p.source_type, p.month < e.month
           FROM journal_entries e JOIN journal_entries p ON p.id = e.reverses WHERE p.source_type = 'payment'""",
    )
    assert (MONTHS[-1], "payment", True) in reversed_payments
    assert {month for month, *_ in reversed_payments} == {MONTHS[-1]}
    assert "reversal" in {
        kind for (kind,) in fetch(database, "SELECT type FROM customer_ledger_transactions")
    }
    closed = {
        table: [row for row in rows if row[0][1:11] < str(MONTHS[-1])]
        for table, rows in reports(database).items()
    }
    assert closed == {
        table: [row for row in rows if row[0][1:11] < str(MONTHS[-1])] for table, rows in before.items()
    }
    assert verify(database, today=today, as_of=None, days=7, sync_start=None).unexplained == []
