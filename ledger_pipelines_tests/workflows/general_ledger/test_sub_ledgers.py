"""Sub-ledgers, reconciliation and trial balance in the database: months in any order, closed ones, late news."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import permutations
from typing import Any

import psycopg
import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.periods import reopen_month
from ledger_pipelines.workflows.general_ledger.reports import reconciliation
from ledger_pipelines.workflows.general_ledger.sub_ledgers import sub_ledgers
from ledger_pipelines.workflows.general_ledger.verification import open_items, verify
from ledger_pipelines_tests.general_ledger.journals import (
    ACME,
    VENDOR,
    Entry,
    day,
    entry,
    invoice,
    payment,
    reversal,
)
from ledger_pipelines_tests.workflows.general_ledger.books import (
    close,
    reckon,
    reconciled,
    remaining,
    rows,
    write,
)

MONTHS = ("2025-01", "2025-02", "2025-03")
_TABLES = (
    "customer_ledger",
    "customer_ledger_transactions",
    "supplier_ledger",
    "supplier_ledger_transactions",
    "ledger_reconciliation",
    "trial_balance",
    "vat_summary",
)


def quarter() -> list[Entry]:
    """Three months of a customer and a supplier."""
    bill = [
        ("6790", 800, {}),
        ("2710", 200, {}),
        ("2400", -1000, {"party": VENDOR, "invoice_number": "B-77"}),
    ]
    paid = [("2400", 600, {"party": VENDOR, "reference": "B-77"}), ("1920", -600, {})]
    return [
        invoice("i1", "2025-01-10", 1000, due_date=day("2025-01-31")),
        entry("b1", "2025-01-12", bill, "vendor_invoice"),
        payment("p1", "2025-02-03", 400, settles="books/i1"),
        entry("pb", "2025-02-20", paid, "payment"),
        invoice("i2", "2025-02-14", 700, due_date=day("2025-03-14")),
        payment("p2", "2025-03-03", 1400),
        entry("m1", "2025-03-05", [("6300", 50, {}), ("2400", -50, {})], "manual"),
    ]


def everything(connection: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(rows(connection, f"SELECT * FROM {table}"), key=str) for table in _TABLES}


def test_months_in_any_order_alone_or_in_a_range_give_the_same(connection: psycopg.Connection) -> None:
    write(connection, *quarter())
    reckon(connection, *MONTHS)
    whole = everything(connection)
    for order in list(permutations(MONTHS))[1::2]:
        for table in _TABLES:
            connection.execute(f"DELETE FROM {table}".encode())
        for month in order:
            reckon(connection, month)
        assert everything(connection) == whole
    assert remaining(connection, "2025-03") == {"i1": 0, "i2": 0, "p2": Decimal(-100)}
    assert remaining(connection, "2025-02", "supplier_ledger") == {"b1": 400}
    again = reckon(connection, *MONTHS)
    assert sum(change.added + change.removed for table in again.values() for change in table.values()) == 0


def test_what_comes_late_has_its_effect_in_the_first_open_month(connection: psycopg.Connection) -> None:
    first, paid = invoice("i", "2025-01-10", 1000), payment("p", "2025-01-20", 1000)
    write(connection, first, paid)
    reckon(connection, "2025-01")
    close(connection, "2025-01")
    january = everything(connection)
    write(connection, reversal(first, "2025-02-05"))
    changes = reckon(connection, "2025-01", "2025-02")
    assert set(january["customer_ledger"]) < set(everything(connection)["customer_ledger"])
    assert remaining(connection, "2025-01") == {"i": 0}
    assert remaining(connection, "2025-02") == {"i": 0, "p": Decimal(-1000)}
    # The closed month, reckoned anew, says what it says.
    differing = changes["customer_ledger"][date(2025, 1, 1)]
    assert (differing.added, differing.removed) == (0, 0)


def test_a_persons_match_never_changes_a_closed_month(connection: psycopg.Connection) -> None:
    write(
        connection,
        invoice("a", "2025-01-10", 500),
        invoice("b", "2025-01-11", 500),
        payment("p", "2025-01-20", 500),
    )
    reckon(connection, "2025-01")
    close(connection, "2025-01")
    connection.execute(
        "INSERT INTO payment_matches (settlement, item, amount, person) VALUES ('books/p:2', 'books/b:1', 500, 'ann')"
    )
    reckon(connection, "2025-02")
    assert remaining(connection, "2025-01") == {"a": 0, "b": 500}
    assert remaining(connection, "2025-02") == {"a": 500, "b": 0, "p": 0}
    reckon(connection, "2025-03")
    assert remaining(connection, "2025-03") == {"a": 500}
    close(connection, "2025-02")
    connection.execute("DELETE FROM payment_matches")
    reckon(connection, "2025-03")
    assert remaining(connection, "2025-03") == {"a": 500, "b": 500, "p": Decimal(-500)}
    assert reconciled(connection, "2025-03", "1500")["sub_ledger_balance"] == "500.00"


def test_an_open_month_before_a_closed_one(connection: psycopg.Connection) -> None:
    write(
        connection,
        invoice("i", "2025-01-10", 1000, status="posted"),
        payment("p", "2025-02-20", 400, status="posted"),
    )
    reckon(connection, "2025-01", "2025-02")
    close(connection, "2025-02")
    reckon(connection, "2025-03")
    assert remaining(connection, "2025-03") == {"i": 600}
    write(connection, payment("late", "2025-01-20", 900, status="posted"))
    reckon(connection, "2025-01", "2025-02", "2025-03")
    assert remaining(connection, "2025-01") == {"i": 100}
    assert remaining(connection, "2025-02") == {"i": 600}
    # More was paid than there was: what is too much is the later payment's.
    assert remaining(connection, "2025-03") == {"p": Decimal(-300)}
    assert "unexplained" not in reconciled(connection, "2025-03", "1500")
    again = reckon(connection, "2025-03")
    assert sum(change.added + change.removed for table in again.values() for change in table.values()) == 0


def test_a_month_alone_has_the_items_of_months_that_nobody_reckoned(
    connection: psycopg.Connection, database: Database
) -> None:
    write(connection, invoice("i", "2025-01-10", 1000), payment("p", "2025-03-20", 400))
    reckon(connection, "2025-03")
    on = {day: open_items(connection, "customer_ledger", date(2025, 3, day)) for day in (19, 20)}
    assert {day: items["remaining"].to_pylist() for day, items in on.items()} == {19: [1000], 20: [600]}
    assert verify(database, today=date(2025, 3, 20), as_of=None, days=7, sync_start=None).unexplained == []


def test_reopening_gives_the_month_back_to_the_journal(connection: psycopg.Connection) -> None:
    write(connection, invoice("i", "2025-01-10", 1000))
    reckon(connection, "2025-01")
    close(connection, "2025-01")
    reopen_month(connection, date(2025, 1, 1), person="ann", reason="a payment was missing")
    write(connection, payment("p", "2025-01-20", 1000, status="posted"))
    reckon(connection, "2025-01")
    assert remaining(connection, "2025-01") == {"i": 0}


def test_what_is_manual_and_what_nobody_claims_is_explained(connection: psycopg.Connection) -> None:
    bill = [("6790", 25000, {}), ("2400", -25000, {"party": VENDOR})]
    write(
        connection,
        entry("b", "2025-02-10", bill, "vendor_invoice"),
        entry("m", "2025-02-11", [("6300", 12000, {}), ("2400", -12000, {})], "manual"),
        entry("early", "2025-01-11", [("6300", 9000, {}), ("2400", -9000, {"party": VENDOR})]),
    )
    reckon(connection, "2025-02", sync_start=date(2025, 2, 1))
    assert reconciled(connection, "2025-02", "2400") == {
        "ledger_balance": "46000.00",
        "sub_ledger_balance": "25000.00",
        "difference": "21000.00",
        "manual": "12000.00",
        "before_sync_start": "9000.00",
        "explained": "21000.00",
    }


def test_openings_that_the_ledger_lacks_are_explained(connection: psycopg.Connection) -> None:
    opening = [("1500", 3521305, {"party": ACME}), ("1500", -3521305, {})]
    write(connection, entry("o", "2025-01-01", opening, "opening"), invoice("i", "2025-01-02", 494475))
    reckon(connection, "2025-01")
    found = reconciled(connection, "2025-01", "1500")
    assert (found["ledger_balance"], found["sub_ledger_balance"]) == ("494475.00", "4015780.00")
    assert (found["difference"], found["openings"]) == ("-3521305.00", "-3521305.00")
    assert "unexplained" not in found


def test_deferred_revenue_is_what_its_account_has(connection: psycopg.Connection) -> None:
    bill = [("1500", 1210, {"party": ACME}), ("2965", -1000, {}), ("2700", -210, {})]
    write(
        connection,
        entry("i", "2025-01-10", bill, "customer_invoice", status="posted"),
        entry("a1", "2025-01-31", [("2965", 600, {}), ("3000", -600, {})], "accrual", status="posted"),
        entry("a2", "2025-02-28", [("2965", 400, {}), ("3000", -400, {})], "accrual", status="posted"),
    )
    deferred = [(date(2025, 1, 1), 0, 1000, 600, 400), (date(2025, 2, 1), 400, 0, 400, 0)]
    ensure_months(connection, ["deferred_revenue"], [month for month, *_ in deferred])
    for month, *amounts in deferred:
        connection.execute(
            "INSERT INTO deferred_revenue VALUES (%s, 'EUR', %s, %s, %s, %s)", [month, *amounts]
        )
    reckon(connection, "2025-01", "2025-02")
    assert reconciled(connection, "2025-01", "2965") == {
        "ledger_balance": "400.00",
        "sub_ledger_balance": "400.00",
    }
    assert reconciled(connection, "2025-02", "2965") == {}
    connection.execute("UPDATE deferred_revenue SET opening = 410, closing = 10 WHERE month = '2025-02-01'")
    reckon(connection, "2025-02")
    assert reconciled(connection, "2025-02", "2965")["unexplained"] == "-10.00"


def test_a_payment_that_fits_two_customers_is_an_error_with_its_amount(
    connection: psycopg.Connection,
) -> None:
    write(
        connection,
        invoice("a", "2025-01-10", 1000, invoice_number="1001"),
        invoice("b", "2025-01-10", 1000, "customer:912345670", invoice_number="1001"),
        payment("p", "2025-01-20", 1000, None, source_type="imported", reference="no 1001"),
    )
    reckon(connection, "2025-01")
    ((message, months),) = rows(
        connection, "SELECT error_message, months FROM integration_errors WHERE NOT is_resolved"
    )
    assert "1,000.00 EUR of books/p on 1500" in message
    assert months == [date(2025, 1, 1)]
    assert reconciled(connection, "2025-01", "1500")["party_not_found"] == "-1000.00"


def test_the_trial_balance_carries_on_and_begins_anew_with_the_fiscal_year(
    connection: psycopg.Connection,
) -> None:
    write(
        connection,
        invoice("i1", "2024-11-10", 1000),
        invoice("i2", "2025-01-10", 300),
        entry("e", "2025-02-10", [("3000", 0, {}), ("8960", 1000, {}), ("2050", -1000, {})], "manual"),
    )
    reckon(connection, "2024-11", "2024-12", "2025-01", "2025-02")

    def balance(month: str) -> dict[str, Any]:
        found = rows(
            connection,
            "SELECT account, opening, closing FROM trial_balance WHERE month = %s",
            day(f"{month}-01"),
        )
        assert sum(closing for _, _, closing in found) == 0
        return {account: (opening, closing) for account, opening, closing in found}

    assert balance("2024-12") == {"1500": (1000, 1000), "3000": (-1000, -1000)}
    assert balance("2025-01") == {"1500": (1000, 1300), "3000": (0, -300), "earlier_years": (-1000, -1000)}
    assert balance("2025-02")["2050"] == (0, -1000)
    reckon(connection, "2025-01", fiscal_year=7)
    assert balance("2025-01") == {"1500": (1000, 1300), "3000": (-1000, -1300)}


def test_a_later_month_carries_on_what_an_earlier_one_brings(connection: psycopg.Connection) -> None:
    write(connection, invoice("i", "2025-02-10", 300))
    reckon(connection, "2025-01", "2025-02")
    write(connection, invoice("late", "2025-01-10", 1000))
    reckon(connection, "2025-01")
    openings = "SELECT account, opening, closing FROM trial_balance WHERE month = '2025-02-01' ORDER BY 1"
    assert rows(connection, openings) == [("1500", 1000, 1300), ("3000", -1000, -1300)]


def test_the_sum_of_all_entries_is_the_trial_balance(connection: psycopg.Connection) -> None:
    write(connection, *quarter())
    reckon(connection, *MONTHS)
    of_entries = rows(
        connection,
        "SELECT account, sum(coalesce(debit, 0) - coalesce(credit, 0)) FROM journal_lines GROUP BY 1 ORDER BY 1",
    )
    closings = rows(
        connection, "SELECT account, closing FROM trial_balance WHERE month = '2025-03-01' ORDER BY 1"
    )
    assert closings == of_entries


def test_vat_by_account_code_and_rate(connection: psycopg.Connection) -> None:
    sale: list[Any] = [
        ("1500", 1350, {"party": ACME}),
        ("3000", -1000, {"vat_category": "S", "vat_rate": Decimal(25)}),
        ("3000", -100, {"vat_category": "E", "vat_rate": Decimal(0)}),
        ("2700", -250, {"vat_category": "S", "vat_rate": Decimal(25), "vat_base": Decimal(1000)}),
    ]
    write(connection, entry("s", "2025-01-10", sale, "customer_invoice"))
    reckon(connection, "2025-01")
    found = rows(connection, "SELECT account, code, rate, base, vat FROM vat_summary ORDER BY 1")
    assert found == [("2700", "S", 25, -1000, -250), ("3000", "E", 0, -100, 0)]


@pytest.mark.parametrize(
    "altered", ["remaining_amount = 999, status = 'partially_paid'", "remaining_amount = 0, status = 'paid'"]
)
def test_a_row_that_is_altered_by_hand_is_unexplained(connection: psycopg.Connection, altered: str) -> None:
    write(connection, invoice("i", "2025-01-10", 1000))
    reckon(connection, "2025-01")
    assert "unexplained" not in reconciled(connection, "2025-01", "1500")
    connection.execute(f"UPDATE customer_ledger SET {altered}".encode())
    spans = sub_ledgers(connection, [date(2025, 1, 1)], frozenset()).spans
    (row,) = [one for one in reconciliation(connection, spans).to_pylist() if one["account"] == "1500"]
    assert row["unexplained"] in (Decimal(1), Decimal(1000))
