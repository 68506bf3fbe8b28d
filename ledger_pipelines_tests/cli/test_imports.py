"""`ledger import`: what a person is told of the files that were brought."""

from __future__ import annotations

from dataclasses import replace

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.general_ledger.ubl import Ubl


def test_good_invoices_are_taken_and_posted_and_the_others_named(ledger: Ledger, database: Database) -> None:
    right = Ubl(number="F-1")
    wrong = right.xml().replace(">1250.00<", ">1250.01<").replace("F-1", "F-2")
    files = {"1.xml": right.xml(), "2.xml": wrong, "3.xml": replace(right, number="F-3").xml()}
    for name, text in files.items():
        (ledger.home.parent / name).write_text(text)
    told = ledger("import", "ehf", *(str(ledger.home.parent / name) for name in files))
    out = " ".join(told.out.split())
    assert told.code == 1
    assert "Refused: 2.xml: BR-CO-15: the total with VAT is 1,250.01, net and VAT are 1,250.00." in out
    assert "1,250.00 NOK" in out
    assert "addressed to 987654325: set LEDGER_ORG_NUMBER" in out
    with database.connect() as connection:
        posted = connection.execute("SELECT id, status FROM journal_entries ORDER BY id").fetchall()
    assert posted == [(f"ehf/supplier:123456785/invoice/{number}", "draft") for number in ("F-1", "F-3")]
    assert ledger("import", "ehf", str(ledger.home.parent / "1.xml")).code == 0
