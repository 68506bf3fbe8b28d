"""`ledger import saft` and `ledger import journal`: what a person is told."""

from __future__ import annotations

from datetime import date

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger, fetch
from ledger_pipelines_tests.general_ledger.saft_files import Saft, Transaction, account, credit, debit, sale


def test_saft_with_its_differences_and_a_refusal(ledger: Ledger) -> None:
    folder = ledger.home.parent
    chart = [account("1920", "50.00", "149.50", name="Bank [main]"), account("3000", "0", "-100.00")]
    (folder / "books.xml").write_text(Saft([sale("1")], accounts=chart).text)
    told = ledger("import", "saft", str(folder / "books.xml"))
    out = " ".join(told.out.split())
    assert told.code == 0, told
    assert "books.xml: Books AS, 2025-03: 1 entry with 2 lines posted; debits 100.00 NOK." in out
    assert "Opening balances: posted." in out
    assert "Bank [main]" in out
    assert "0.50 NOK" in out
    (folder / "other.xml").write_text(Saft([sale("2")], company="999999999").text)
    told = ledger("import", "saft", str(folder / "other.xml"))
    assert told.code == 1
    assert "Books AS (999999999), and these are the books of 974760673" in " ".join(told.err.split())


def test_what_was_posted_before_a_refused_file_is_in_the_sub_ledgers(
    ledger: Ledger, database: Database
) -> None:
    folder = ledger.home.parent
    lines = (debit("1500", "100", "<CustomerID>K</CustomerID>"), credit("3000", "100"))
    for name, more in (("good.xml", {}), ("wrong.xml", {"created": "2026-01-02", "debit": "99"})):
        day = "2025-03-10" if name == "good.xml" else "2025-04-10"
        (folder / name).write_text(Saft([Transaction(name, day, lines)], **more).text)
    told = ledger("import", "saft", str(folder / "good.xml"), str(folder / "wrong.xml"))
    assert told.code == 1
    assert "wrong.xml is not whole" in told.err
    assert fetch(database, "SELECT month, remaining_amount FROM customer_ledger") == [(date(2025, 3, 1), 100)]


@pytest.mark.parametrize("kind", ["saft", "journal", "ehf"])
def test_a_file_that_nobody_can_look_up(kind: str, ledger: Ledger) -> None:
    told = ledger("import", kind, "x" * 300)
    assert told.code == 1
    assert "cannot be read: File name too long." in told.out + told.err
    assert "Traceback" not in told.err


def test_a_csv_journal(ledger: Ledger) -> None:
    path = ledger.home.parent / "journal.csv"
    path.write_text(
        "entry;date;account;debit;credit;currency\n1;2025-03-31;6300;100,00;;NOK\n1;2025-03-31;1920;;100,00;NOK\n"
    )
    told = ledger("import", "journal", str(path))
    assert told.code == 0, told
    assert "journal.csv: 1 entry with 2 lines posted in 2025-03, debits 100.00 NOK." in told.out
