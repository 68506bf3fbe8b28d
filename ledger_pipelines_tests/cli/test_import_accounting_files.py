"""`ledger import saft` and `ledger import journal`: what a person is told."""

from __future__ import annotations

from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.general_ledger.saft_files import Saft, account, sale


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


def test_a_csv_journal(ledger: Ledger) -> None:
    path = ledger.home.parent / "journal.csv"
    path.write_text(
        "entry;date;account;debit;credit;currency\n1;2025-03-31;6300;100,00;;NOK\n1;2025-03-31;1920;;100,00;NOK\n"
    )
    told = ledger("import", "journal", str(path))
    assert told.code == 0, told
    assert "journal.csv: 1 entry with 2 lines posted in 2025-03, debits 100.00 NOK." in told.out
