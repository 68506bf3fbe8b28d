"""Statements and statements of account as PDF."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pypdf
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger_pipelines.exports.glyphs import covered, settable
from ledger_pipelines.exports.party_pdf import party_pdf
from ledger_pipelines.exports.statement_pdf import Paper, statement_pdf
from ledger_pipelines.store.queries.documents import PARTY_ITEMS
from ledger_pipelines_tests.billing.building import TERABYTE, bill_month, enabled

DAY = date(2025, 3, 31)
HOSTILE = [
    '#eval("1+1")', "$x^2$", "*bold* _it_", "<label> @ref", "a // b /* c */", "back\\slash", "`raw` ``` x", "[c] {d} #",
    "= Head", "- item", "~ -- --- ...", "'q' \"q\"", "https://x.y/z", "#include(\"/etc/passwd\")", "</script><script>",
    "'; DROP TABLE x; --", "{{ 7*7 }} {% x %} ${7*7}", "=1+1", "@SUM(A1)", "+1", "-1",
]  # fmt: skip


def papers(*, is_final: bool = True, **records: Any) -> list[Paper]:
    result = bill_month(**records)
    lines: list[Any] = result.lines.to_pylist()
    statements: list[Any] = result.statements.to_pylist()
    return [
        Paper(one, [line for line in lines if line["account_number"] == one["account_number"]], is_final)
        for one in statements
    ]


def text_of(content: bytes) -> str:
    """The text of a PDF in reading order, with single spaces."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    joined = " ".join(page.extract_text() for page in pages).replace("\u200b", "")
    return re.sub(r"\s+", " ", joined)


def full() -> list[Paper]:
    return papers(
        companies=[{"name": "Łódź Logistics", "contract_start_date": date(2024, 6, 1)}],
        contacts=[{"name": f"Person {number:03}"} for number in range(90)] + [{"active": False}],
        assets=[{"hostname": "WS-1", "backup_data_bytes": 3 * TERABYTE // 2}],
        tickets=[{"hours": "12.75"}],
        client_billing_overrides=[enabled(prepaid_hours_monthly="4", prepaid_hours_yearly="5")],
        custom_line_items=[{"name": "Refund", "monthly_fee": "-12.5"}],
        plans=[{"per_workstation_cost": "19.0125"}],
    )


def test_the_text_is_the_statements_numbers() -> None:
    text = text_of(statement_pdf(full()))
    for words in (
        "Statement A1-202503",
        "Łódź Logistics",
        "Billing period March 2025",
        "Statement date 2025-03-31",
        "Due date 2025-04-30",
        "Contract end 2025-05-31 (61 days left)",
        "Users 1,350.00 Devices 19.01 Backup 10.00 Ticket hours 562.50 Other charges -12.50 Total USD 1,929.01",
        "Person 000 (Paid) 1 15.00 15.00",
        "Total users 1,350.00",
        "Workstation: WS-1 1 19.0125 19.01",
        "Backup storage over the included TB 0.5 10.00 5.00",
        "Refund 1 -12.50 -12.50",
        "1 line without a charge left out.",
        "Used in the month 12.75 Covered by the 4 prepaid for each month -4",
        "Covered by the 5 left of the 5 prepaid for the year -5 Billable 3.75",
        "Stored by all devices 1.5",
        "Included: 1 machine with backup \N{MULTIPLICATION SIGN} 1 TB 1 Over what is included 0.5",
        "FINAL",
    ):
        assert words in text
    assert "DRAFT" not in text
    # Its longest table goes over three pages, under the same head.
    assert text.count("Description Quantity Rate Amount") == 5 + 2
    assert "Page 1 of 3" in text
    assert "Page 3 of 3" in text


def test_a_draft_says_so_on_each_page_and_nothing_empty_is_shown() -> None:
    text = text_of(statement_pdf(papers(is_final=False)))
    assert "DRAFT" in text
    assert "Statement A1-202503 · Draft Page 1 of 1" in text
    assert "The month is not closed yet" in text
    assert "Users" not in text
    assert "reckoned" not in text


def test_it_is_tagged_and_says_that_it_keeps_to_pdf_ua() -> None:
    root = pypdf.PdfReader(io.BytesIO(statement_pdf(full()))).root_object
    assert root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"] == "en"
    assert "/StructTreeRoot" in root
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()


def test_the_same_statement_is_the_same_bytes_in_any_thread_and_process() -> None:
    content = statement_pdf(full())
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: statement_pdf(full()), range(6))) == {content}
    program = (
        "import hashlib; from ledger_pipelines_tests.exports.test_statement_pdf import full, statement_pdf; "
        "print(hashlib.sha256(statement_pdf(full())).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == hashlib.sha256(content).hexdigest()
    assert b"D:20250331" in content


def test_no_text_is_markup() -> None:
    statements = papers(
        companies=[
            {"name": HOSTILE[0] + HOSTILE[1], "billing_plan": "*Plan* $y$", "support_level": "#panic()"}
        ],
        plans=[{"plan_name": "*Plan* $y$"}],
        contacts=[{"name": one} for one in HOSTILE],
        assets=[{"hostname": one} for one in HOSTILE],
        custom_line_items=[{"name": one, "monthly_fee": "1"} for one in HOSTILE],
    )
    text = text_of(statement_pdf(statements))
    for words in (HOSTILE[0] + HOSTILE[1], "Plan *Plan* $y$", "Support level #panic()"):
        assert words in text
    for one in HOSTILE:
        assert f"{one} (Paid)" in text
        assert f"Workstation: {one} 1" in text


def test_names_of_every_script_are_set_and_those_of_chinese_japanese_and_korean_are_there() -> None:
    names = [
        "株式会社東京", "カタカナ ひらがな", "한국 주식회사", "Ελλάδα", "Київ", "שלום", "مرحبا", "😀🚀🏳️‍🌈", "हिन्दी ไทย",
        "a\u202eb\x07\tc", "漢\u0301\u20dd", "W" * 400, "\u0301", "e\u0301",
    ]  # fmt: skip
    text = text_of(statement_pdf(papers(contacts=[{"name": name} for name in names])))
    for name in names[:5]:
        assert f"{name} (Paid)" in text
    assert "W" * 400 in re.sub(r"\s", "", text)
    assert "a\ufffdb\ufffd c (Paid)" in text
    assert "é (Paid)" in text


@given(st.text(st.sampled_from([chr(one) for one in sorted(covered())]), min_size=1, max_size=60))
@example("\xad")
@example(" \u3000\u200b")
@example("\u0301")
def test_whatever_the_fonts_have_can_be_set(name: str) -> None:
    row = (name, name, "EUR", "invoice", "v1", name, DAY, DAY, Decimal(1), Decimal(1))
    assert party_pdf(items(row), DAY).startswith(b"%PDF")


def test_a_name_of_which_nothing_is_seen_gives_way_to_the_account() -> None:
    text = text_of(statement_pdf(papers(companies=[{"name": "\u00ad \u200b"}])))
    assert text.startswith("Statement A1-202503 A1 FINAL")


def test_what_no_font_has_has_a_sign_in_its_place() -> None:
    assert settable("a\U0010ffffb\u200d\n") == "a\ufffdb "
    assert settable("e\u0301") == "é"
    assert settable("漢\u20dd", plainly=True) == "漢"
    assert {ord(sign) for sign in "aß漢か한שم😀\ufffd\u200b\xd7"} <= covered()
    assert 0x10FFFF not in covered()


def test_many_statements_are_pages_of_their_own() -> None:
    accounts = [{"account_number": f"A{number}", "name": f"Company {number}"} for number in range(3)]
    statements = papers(companies=accounts, contacts=[{"account_number": "A1"}] * 60)
    text = text_of(statement_pdf(statements))
    assert "Statement A0-202503 Page 1 of 1" in text
    assert "Statement A1-202503 Page 2 of 2" in text
    assert "Statement A2-202503 Page 1 of 1" in text


def items(*rows: Sequence[Any]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(PARTY_ITEMS.names, row, strict=True)) for row in rows], schema=PARTY_ITEMS
    )


def test_a_statement_of_account_runs_its_balance_in_each_currency() -> None:
    january, march = date(2025, 1, 10), date(2025, 3, 1)
    open_items = items(
        ("c1", "Acme *AS*", "EUR", "invoice", "v1", "F-1", january, january, Decimal(1000), Decimal("600.5")),
        ("c1", "Acme *AS*", "EUR", "credit", "v2", None, march, None, Decimal(-50), Decimal(-50)),
        (
            "c1",
            "Acme *AS*",
            "JPY",
            "invoice",
            "v3",
            "F-2",
            march,
            date(2025, 4, 1),
            Decimal(900),
            Decimal(900),
        ),
    )
    text = text_of(party_pdf(open_items, date(2025, 3, 31)))
    for words in (
        "Statement of account on 2025-03-31",
        "Acme *AS*",
        "2025-01-10 Invoice F-1 2025-01-10 80 1,000.00 600.50 600.50",
        "2025-03-01 Credit v2 -50.00 -50.00 550.50",
        "Balance 550.50",
        "61-90 days 600.50",
        "Unallocated credits -50.00",
        "Open items in JPY",
        "2025-03-01 Invoice F-2 2025-04-01 900 900 900",
    ):
        assert words in text
    assert party_pdf(open_items, date(2025, 3, 31)) == party_pdf(open_items, date(2025, 3, 31))


@pytest.mark.parametrize("template", ["statement", "party"])
def test_templates_are_shipped(template: str) -> None:
    from importlib.resources import files

    assert (files("ledger_pipelines.exports") / "templates" / f"{template}.typ").is_file()
