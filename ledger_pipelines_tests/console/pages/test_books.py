"""Accruals and ledgers as pages: their figures are the tables', their texts are texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import psycopg
import pytest
from starlette.testclient import TestClient

from ledger_pipelines.store.months import ensure_months

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def books(connection: psycopg.Connection) -> psycopg.Connection:
    """A contract over two months, and a customer who owes two invoices and has paid a part of one."""
    tables = (
        *("monthly_accruals", "deferred_revenue", "accrual_notices", "services", "holded_contacts"),
        *("customer_ledger", "customer_ledger_transactions", "trial_balance", "supplier_ledger"),
        *("supplier_ledger_transactions", "journal_lines", "journal_entries"),
    )
    ensure_months(connection, tables, [JANUARY, FEBRUARY])
    connection.execute(
        """INSERT INTO monthly_accruals (month, contact_id, service_id, currency, contract_date, contract_amount,
             invoiced, recognised, recognised_to_date, pending, fraction, state, contract_status, reason) VALUES
           ('2026-01-01', 'c1', 's1', 'EUR', '2026-01-05', 1200, 1200, 400.10, 400.10, 799.90, 0.333417, 'ACTIVE',
            'ACTIVE', 'portion'),
           ('2026-02-01', 'c1', 's1', 'EUR', '2026-01-05', 1200, 0, 799.90, 1200, 0, NULL, 'COMPLETED', 'CLOSED', 'ended')
        """
    )
    connection.execute(
        """INSERT INTO deferred_revenue (month, currency, opening, invoiced, recognised, closing) VALUES
           ('2026-01-01', 'EUR', 0, 1200, 400.10, 799.90), ('2026-02-01', 'EUR', 799.90, 0, 799.90, 0)"""
    )
    connection.execute(
        """INSERT INTO accrual_notices (month, contact_id, service_id, currency, kind, period_id, amount, message)
           VALUES ('2026-02-01', 'c1', 's1', 'EUR', 'stalled', 0, 55.55, %s)""",
        [HOSTILE],
    )
    connection.execute(
        "INSERT INTO parties (id, kind, name, source_system, source_id) "
        "VALUES ('customer:1', 'customer', %s, 'holded', '1')",
        [HOSTILE],
    )
    columns = (
        "month, party, voucher, kind, invoice_number, invoice_date, due_date, amount, remaining_amount, currency, "
        "status, item, account, posting_date"
    )
    connection.execute(
        f"""INSERT INTO customer_ledger ({columns}) VALUES
            ('2026-02-01', 'customer:1', 'e1', 'invoice', 'F1', '2026-01-02', '2026-01-20', 100, 60.25, 'EUR',
             'partially_paid', 'e1:1', '1500', '2026-01-02'),
            ('2026-02-01', 'customer:1', 'e2', 'invoice', 'F2', '2026-02-02', '2026-04-20', 10, 10, 'EUR', 'open', 'e2:1',
             '1500', '2026-02-02')"""
    )
    connection.execute(
        """INSERT INTO customer_ledger_transactions (month, party, date, type, voucher, settlement_voucher, amount,
             currency, matched_by, item, settlement, account, number) VALUES
           ('2026-01-01', 'customer:1', '2026-01-02', 'invoice', 'e1', NULL, 100, 'EUR', NULL, 'e1:1', NULL, '1500', 1),
           ('2026-02-01', 'customer:1', '2026-02-01', 'payment', 'e1', 'p1', -39.75, 'EUR', 'kid', 'e1:1', 'p1:1',
            '1500', 1),
           ('2026-02-01', 'customer:1', '2026-02-02', 'invoice', 'e2', NULL, 10, 'EUR', NULL, 'e2:1', NULL, '1500', 1)"""
    )
    connection.execute(
        """INSERT INTO trial_balance (month, account, currency, opening, debit, credit, closing)
           VALUES ('2026-02-01', '1500', 'EUR', 100, 10, 39.75, 70.25)"""
    )
    connection.execute(
        """INSERT INTO month_snapshots (month, table_name, snapshot_at, is_complete)
           VALUES ('2026-02-01', 'customer_ledger', now(), true)"""
    )
    return connection


def test_accruals_show_the_waterfall_and_why_each_month_recognised_what_it_did(
    books: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    asked = client_of("billing")
    shown = asked.get("/accruals").text
    assert "799.90 EUR" in shown
    assert "<title>Deferred revenue by month, EUR</title>" in shown
    contract = asked.get("/accruals/contract?contact=c1&service=s1&currency=EUR").text
    assert contract.index("400.10") < contract.index("the part of the course") < contract.index("has ended")
    notices = asked.get("/accruals?show=notices").text
    assert "55.55" in notices
    assert HOSTILE not in notices
    assert "&lt;script&gt;" in notices
    assert asked.get("/accruals/contract?contact=c1&service=s1&currency=USD").status_code == 404


def test_aging_is_as_of_the_day_and_a_partys_balance_runs(
    books: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    asked = client_of("billing")
    shown = asked.get("/ledgers?as_of=2026-02-28").text
    # F1 is 39 days late: its 60.25 stands in the third column; F2 is not due.
    assert "70.25 EUR" in shown
    assert "31 to 60 60.25" in shown
    assert HOSTILE not in shown
    party = asked.get("/ledgers/party?party=customer:1&as_of=2026-02-28").text
    assert "39 days late" in party
    balances = [party.index(one) for one in (">100.00</td>", ">60.25</td><td>EUR</td></tr>", ">70.25</td>")]
    assert balances == sorted(balances)
    # Before the payment of 1 February nothing of January was reckoned: another day of February says what was left then.
    first = asked.get("/ledgers?as_of=2026-02-01").text
    assert "60.25 EUR" in first
    assert asked.get("/ledgers/party?party=customer:2").status_code == 404
    assert "a party is written with its kind" in asked.get("/ledgers/party?party=2").text
    assert asked.get("/ledgers?as_of=2025-02-01").status_code == 404


def test_exports_are_files_of_the_month(
    books: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    asked = client_of("billing")
    sheet = asked.get("/ledgers/export?show=aging&month=2026-02")
    assert 'filename="aging-2026-02.csv"' in sheet.headers["content-disposition"]
    assert "60.25" in sheet.text
    assert asked.get("/ledgers/export?show=trial-balance&month=2026-02&format=xlsx").content.startswith(b"PK")


def test_a_match_is_kept_and_taken_back_and_nonsense_is_refused(
    books: psycopg.Connection, client_of: Callable[[str | None], TestClient]
) -> None:
    asked = client_of("billing")
    nonsense = {"party": "customer:1", "settlement": "p1:1", "item": "e2:1", "amount": "ten"}
    for refused in (nonsense, nonsense | {"amount": "-1"}, nonsense | {"amount": ""}):
        answered = asked.post("/ledgers/match", data=refused)
        assert answered.status_code == 422
        assert answered.json()["detail"].endswith(".")
    assert asked.post("/ledgers/unmatch", data={"number": "1"}).status_code == 422
    assert asked.post("/ledgers/unmatch", data={"number": str(2**70)}).status_code == 422
    assert books.execute("SELECT count(*) FROM payment_matches").fetchone() == (0,)
