"""Importing electronic invoices: what is kept, what is refused with nothing written, and what is posted of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_pipelines.general_ledger.journal import LINES
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import list_errors
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.general_ledger.after_import import update_ledgers
from ledger_pipelines.workflows.general_ledger.company import settle_company, whose_books
from ledger_pipelines.workflows.general_ledger.import_einvoices import Outcome, import_einvoices
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.general_ledger.test_einvoice_checks import FALSIFIED, RIGHT, falsified
from ledger_pipelines_tests.general_ledger.ubl import SUPPLIER, US, Ubl

TODAY = date(2025, 12, 31)
MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)
TABLES = ("vendor_invoices", "vendor_invoice_taxes", "vendor_invoice_lines", "parties", "party_sources")
Importing = Callable[..., Outcome]


@pytest.fixture
def importing(connection: psycopg.Connection, tmp_path: Path) -> Importing:
    """Imports documents as files `1.xml`, `2.xml` …; settings by their fields' names."""

    def run(*documents: Ubl | str | Path, **settings: Any) -> Outcome:
        paths = []
        for place, one in enumerate(documents, start=1):
            path = one if isinstance(one, Path) else tmp_path / f"{place}.xml"
            if not isinstance(one, Path):
                path.write_text(one if isinstance(one, str) else one.xml())
            paths.append(path)
        chosen = Settings(_env_file=None).model_copy(update={"org_number": US} | settings)
        return import_einvoices(connection, paths, chosen, today=TODAY)

    return run


def statuses(outcome: Outcome) -> list[str]:
    return [one.status for one in outcome.files]


def counts(connection: psycopg.Connection) -> dict[str, int]:
    found = {}
    for table in (*TABLES, "integration_errors", "journal_lines"):
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        found[table] = row[0]
    return found


def kept(connection: psycopg.Connection, *months: date) -> list[dict[str, Any]]:
    return sorted(
        read_months(connection, "vendor_invoices", months or [MARCH]).to_pylist(),
        key=lambda row: str(row["number"]),
    )


def booked(connection: psycopg.Connection, months: Sequence[date]) -> dict[str, list[str]]:
    """The entries of these months by their documents' numbers."""
    found: dict[str, list[str]] = {}
    rows = read_months(connection, "journal_lines", months, LINES.names).to_pylist()
    for row in sorted(rows, key=lambda row: (row["entry_id"], row["line"])):
        side = "Cr" if row["debit"] is None else "Dr"
        amount = row["credit"] if row["debit"] is None else row["debit"]
        found.setdefault(row["entry_id"].rpartition("/")[2], []).append(
            f"{side} {row['account']} {amount:.2f}"
        )
    return found


def test_a_document_is_kept_with_its_vat_and_lines(
    connection: psycopg.Connection, importing: Importing
) -> None:
    document = replace(RIGHT, kids=("0012", "0013"), due="2025-04-09", credited=("F-0",))
    outcome = importing(document)
    assert (statuses(outcome), outcome.months, outcome.notices) == (["taken"], [MARCH], ())
    (row,) = kept(connection)
    expected = {
        "supplier": f"supplier:{SUPPLIER}",
        "party": f"supplier:{SUPPLIER}",
        "side": "purchase",
        "kind": "invoice",
        "type_code": "380",
        "due_date": date(2025, 4, 9),
        "net": Decimal(1650),
        "tax": Decimal("362.50"),
        "gross": Decimal("2012.50"),
        "prepaid": Decimal("12.50"),
        "rounding": Decimal("0.30"),
        "payable": Decimal("2000.30"),
        "kids": "0012\n0013",
        "credited": "F-0",
        "file": "1.xml",
        "sha256": hashlib.sha256(document.xml().encode()).hexdigest(),
    }
    assert {name: row[name] for name in expected} == expected
    taxes = sorted(
        (row["category"], row["base"], row["tax"])
        for row in read_months(connection, "vendor_invoice_taxes", [MARCH]).to_pylist()
    )
    assert taxes == [("E", 200, 0), ("S", 1450, Decimal("362.50"))]
    assert read_months(connection, "vendor_invoice_lines", [MARCH]).num_rows == 5


def test_the_same_document_again_changes_nothing_however_it_is_written(
    connection: psycopg.Connection, importing: Importing
) -> None:
    importing(RIGHT)
    before = counts(connection)
    again = importing(RIGHT, RIGHT.xml().replace("\n", "\r\n").replace("12.50<", "12.5<"), RIGHT)
    assert (statuses(again), again.months) == (["unchanged"] * 3, [])
    assert counts(connection) == before


def test_another_content_under_the_key_is_an_integration_error_that_names_both_amounts(
    connection: psycopg.Connection, importing: Importing
) -> None:
    outcome = importing(RIGHT, Ubl(lines=("100 S 25",)), replace(RIGHT, number="F-2"))
    assert statuses(outcome) == ["taken", "refused", "taken"]
    (reason,) = outcome.files[1].reasons
    assert (
        "the invoice F-1 of Seller AS is 125.00 NOK here, and was taken as 2,000.30 NOK from 1.xml" in reason
    )
    (error,) = list_errors(connection, [MARCH])
    assert (error.integration, error.message, error.status) == ("ehf", reason, "open")
    assert [row["payable"] for row in kept(connection)] == [Decimal("2000.30")] * 2


def test_kind_supplier_and_number_tell_documents_apart(
    connection: psycopg.Connection, importing: Importing
) -> None:
    others = [
        Ubl(),
        Ubl(kind="CreditNote", type_code="381"),
        Ubl(number="F-01"),
        Ubl(seller="GB983294", seller_country="GB"),
    ]
    assert statuses(importing(*others)) == ["taken"] * 4


def test_each_falsified_figure_is_refused_by_its_rule_and_nothing_is_written(
    connection: psycopg.Connection, importing: Importing
) -> None:
    before = counts(connection)
    outcome = importing(*map(falsified, FALSIFIED))
    assert statuses(outcome) == ["refused"] * len(FALSIFIED)
    for rule, one in zip(FALSIFIED, outcome.files, strict=True):
        assert any(reason.startswith(f"{rule}: ") for reason in one.reasons), rule
    assert counts(connection) == before


def test_the_good_documents_of_a_command_are_taken_all_the_same(
    connection: psycopg.Connection, importing: Importing
) -> None:
    files = [
        Ubl(number="F-1"),
        "<!DOCTYPE Invoice [<!ENTITY a 'b'>]><Invoice>&a;</Invoice>",
        Ubl(number="F-2", type_code="389"),
        Ubl(number="F-3", buyer="911111111"),
        Ubl(number="F-4", specification="urn:www.difi.no:ehf:faktura:ver2.0"),
        Path("/nowhere/absent.xml"),
        Ubl(number="F-5", lines=("100000000000000000 Z 0",)).xml().replace("0.00<", "0<"),
        Ubl(number="F-6"),
    ]
    outcome = importing(*files)
    assert statuses(outcome) == ["taken", *["refused"] * 6, "taken"]
    told = [one.reasons[0] for one in outcome.files[1:-1]]
    for reason, why in zip(
        told,
        ("DOCTYPE", "self-billed", "addressed to", "EHF 2", "cannot be read", "does not fit"),
        strict=True,
    ):
        assert why in reason
        assert ".xml" in reason
    assert [row["number"] for row in kept(connection)] == ["F-1", "F-6"]
    assert not outcome.is_complete


def test_a_document_of_a_closed_month_is_posted_on_the_first_day_of_the_first_open_one(
    database: Database, connection: psycopg.Connection, importing: Importing
) -> None:
    close_months(connection, [MARCH], person="ann")
    outcome = importing(Ubl())
    assert (statuses(outcome), outcome.months) == (["taken"], [APRIL])
    assert (
        "it is of 2025-03-10, whose month is closed, and is posted on 2025-04-01" in outcome.files[0].notices
    )
    (row,) = kept(connection, APRIL)
    assert (row["posting_date"], row["issue_date"]) == (APRIL, date(2025, 3, 10))
    # In whatever month it is, it is there once.
    close_months(connection, [APRIL], person="ann")
    assert statuses(importing(Ubl())) == ["unchanged"]
    assert statuses(importing(Ubl(lines=("1 S 25",)))) == ["refused"]


def test_a_partys_terms_and_expense_account_count_for_the_next_document(
    database: Database, connection: psycopg.Connection, importing: Importing
) -> None:
    importing(Ubl())
    connection.execute(
        "UPDATE parties SET payment_days = 14, expense_account = '6300', name = 'Seller' WHERE id = %s",
        [f"supplier:{SUPPLIER}"],
    )
    update_ledgers(database, Settings(), importing(Ubl(number="F-2")).months)
    assert kept(connection)[1]["due_date"] == date(2025, 3, 24)
    assert booked(connection, [MARCH]) == {
        "F-1": ["Dr 6790 1000.00", "Dr 2710 250.00", "Cr 2400 1250.00"],
        "F-2": ["Dr 6300 1000.00", "Dr 2710 250.00", "Cr 2400 1250.00"],
    }
    assert connection.execute("SELECT name FROM parties").fetchall() == [("Seller",)]


def test_reverse_charge_vat_is_filled_in_once_its_rate_is_set(
    database: Database, connection: psycopg.Connection, importing: Importing
) -> None:
    document = Ubl(lines=("233 AE 0",), seller="GB983294", seller_country="GB")
    first = importing(document)
    (notice,) = first.files[0].notices
    assert "233.00 NOK is of reverse charge" in notice
    update_ledgers(database, Settings(), first.months)
    assert booked(connection, [MARCH]) == {"F-1": ["Dr 6790 233.00", "Cr 2400 233.00"]}
    second = importing(document, reverse_charge_rate=Decimal(25))
    assert (statuses(second), second.months) == (["completed"], [MARCH])
    update_ledgers(database, Settings(), second.months)
    assert booked(connection, [MARCH]) == {
        "F-1": ["Dr 6790 233.00", "Dr 2714 58.25", "Cr 2704 58.25", "Cr 2400 233.00"]
    }
    assert statuses(importing(document, reverse_charge_rate=Decimal(25))) == ["unchanged"]


def test_our_own_invoice_is_the_customers_debt(
    database: Database, connection: psycopg.Connection, importing: Importing
) -> None:
    outcome = importing(Ubl(seller=US, buyer=SUPPLIER))
    update_ledgers(database, Settings(), outcome.months)
    (row,) = kept(connection)
    assert (row["side"], row["supplier"], row["party"]) == ("sale", f"supplier:{US}", f"customer:{SUPPLIER}")
    assert booked(connection, [MARCH]) == {"F-1": ["Cr 3000 1000.00", "Cr 2700 250.00", "Dr 1500 1250.00"]}


def test_what_one_should_know_of_a_document_that_is_taken(importing: Importing) -> None:
    outcome = importing(Ubl(lines=("100 S 6",), seller="123456789", costs={1: "1920"}))
    assert sorted(outcome.files[0].notices) == [
        "123456789 of Seller AS is no Norwegian organisation number: nine digits, the last a check digit",
        "it names account 1920, which purchases are not posted to",
        "no account has VAT of 6 %: it is posted to the highest rate's",
    ]


def test_whose_books_these_are(connection: psycopg.Connection, importing: Importing) -> None:
    unset, named = Settings(_env_file=None), {"org_number": "NO 911 111 111 MVA"}
    assert whose_books(connection, unset) is None
    outcome = importing(Ubl(), Ubl(number="F-2", buyer="911111111"), org_number=None)
    assert statuses(outcome) == ["taken", "taken"]
    assert outcome.notices == (
        f"Whose books these are is not known, and what was taken is addressed to 911111111, {US}: set LEDGER_ORG_NUMBER.",
    )
    settle_company(connection, f"{US[:3]} {US[3:6]} {US[6:]}")
    settle_company(connection, "911111111")
    assert whose_books(connection, unset) == US
    assert whose_books(connection, unset.model_copy(update=named)) == "911111111"
    assert statuses(importing(Ubl(number="F-3", buyer="911111111"), org_number=None)) == ["refused"]


def test_the_examples_together(
    database: Database, connection: psycopg.Connection, importing: Importing
) -> None:
    folder = SHARED_DATA / "ehf"
    if not folder.is_dir():
        pytest.skip("../shared/data/ehf is not here")
    names = (
        "base-example",
        "base-creditnote-correction",
        "04_peppol_negative_invoice",
        "01_norwegian_prepaid_rounding",
    )
    outcome = importing(*(folder / f"{name}.xml" for name in names), org_number=None)
    assert statuses(outcome) == ["taken"] * 4
    update_ledgers(database, Settings(), outcome.months)
    rows = connection.execute(
        """SELECT entry_id, coalesce(credit, -debit), settles FROM journal_lines WHERE account = '2400'
           ORDER BY entry_id"""
    ).fetchall()
    snippet = "ehf/supplier:GB983294/invoice/Snippet1"
    assert rows == [
        ("ehf/supplier:123456785/invoice/TOSL108", Decimal(802), None),
        ("ehf/supplier:GB983294/credit_note/Snippet1", Decimal("-1656.25"), snippet),
        ("ehf/supplier:GB983294/invoice/Correction1", Decimal("-1656.25"), snippet),
        (snippet, Decimal("1656.25"), None),
    ]
    (clash,) = importing(folder / "03_peppol_two_rates_charge_allowance.xml", org_number=None).files
    assert "8,550.00 EUR here, and was taken as 1,656.25 EUR" in clash.reasons[0]
