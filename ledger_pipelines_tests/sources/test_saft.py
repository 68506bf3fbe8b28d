"""SAF-T files: what is read of them, and what is refused before anything else happens."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.files.saft import reader as reader_module
from ledger_pipelines.sources.files.saft.exports import find_exports, read_schema
from ledger_pipelines.sources.files.saft.reader import SaftReader
from ledger_pipelines.sources.files.saft.values import decimal, decimals
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.general_ledger.saft_files import (
    NAMESPACE,
    Saft,
    Transaction,
    account,
    credit,
    debit,
    party,
    sale,
)


def read(body: str | bytes, name: str = "books.xml") -> tuple[SaftReader, pa.Table, pa.Table]:
    """The reader at the file's end, its transactions and its lines."""
    content = body.encode() if isinstance(body, str) else body
    reader = SaftReader(name, lambda: io.BytesIO(content))
    batches = list(reader.batches())
    return (
        reader,
        pa.concat_tables([batch.entries for batch in batches]),
        pa.concat_tables([batch.lines for batch in batches]),
    )


@pytest.mark.parametrize("name", ["saft_financial_no_small.xml", "saft_financial_no_small_v130.xml"])
def test_the_example_in_both_forms(name: str) -> None:
    path = SHARED_DATA / name
    if not path.is_file():
        pytest.skip(f"../shared/data/{name} is not here")
    reader, entries, lines = read(path.read_bytes())
    content = reader.content
    assert entries["transaction"].to_pylist() == ["4567", "5678"]
    assert lines["account"].to_pylist() == ["4000", "2740", "2400", "2400", "1925"]
    assert lines["vat_base"].to_pylist()[0] == Decimal(10000)
    assert lines["supplier"].to_pylist() == [None, None, "20000", None, None]
    assert lines["reference"].to_pylist()[3] == "123456"
    assert (content.counted.debit, content.counted.credit) == (25000, 25000)
    assert [(one.number, one.standard_account is not None) for one in content.accounts] == [
        ("1925", True),
        ("2400", True),
        ("2740", True),
        ("4000", True),
    ]
    customer, supplier = content.parties
    assert customer.balances[0].opening == Decimal("1234.56")
    assert supplier.balances[0].closing == Decimal("-12345.67")
    assert (customer.payment_days, customer.free_billing_month, supplier.payment_months) == (30, True, 1)


def test_both_forms_are_read_alike() -> None:
    paths = [SHARED_DATA / f"saft_financial_no_small{form}.xml" for form in ("", "_v130")]
    if not all(path.is_file() for path in paths):
        pytest.skip("../shared/data has no SAF-T example")
    (one, *first), (other, *second) = (read(path.read_bytes()) for path in paths)
    assert first == second
    assert one.content.parties == other.content.parties
    assert [(a.number, a.opening, a.closing) for a in one.content.accounts] == [
        (a.number, a.opening, a.closing) for a in other.content.accounts
    ]


@pytest.mark.parametrize("version", ["1.10", "1.30"])
def test_the_example_is_valid_and_a_broken_one_is_not(version: str, tmp_path: Path) -> None:
    name = "saft_financial_no_small_v130.xml" if version == "1.30" else "saft_financial_no_small.xml"
    schema = SHARED_DATA / f"saft_financial_no_v{version}.xsd"
    if not schema.is_file():
        pytest.skip("../shared/data has no SAF-T schema")
    compiled = read_schema(schema)
    body = (SHARED_DATA / name).read_bytes()
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_bytes(body)
    bad.write_bytes(body.replace(b"<n1:RecordID>2</n1:RecordID>", b"", 1))
    for path, is_valid in ((good, True), (bad, False)):
        (export,) = find_exports([path], schema=compiled)
        if is_valid:
            assert sum(batch.lines.num_rows for batch in export.files[0].batches()) == 5
        else:
            with pytest.raises(LedgerError, match="RecordID"):
                list(export.files[0].batches())


LAUGHS = (
    '<!DOCTYPE AuditFile [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY % p "<!ENTITY c \'&b;&b;\'>"> %p;]>'
)


def refused(change: Callable[[str], str | bytes], message: str) -> object:
    return pytest.param(change, message, id=message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        refused(lambda text: text.replace("<AuditFile", LAUGHS + "<AuditFile", 1), "has a DOCTYPE"),
        refused(
            lambda text: text.replace("<AuditFile", "<!DOCTYPE AuditFile><AuditFile", 1), "DOCTYPE, which"
        ),
        refused(
            lambda text: (
                text.replace("<AuditFile", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><AuditFile', 1)
                .replace("UTF-8", "UTF-16")
                .encode("utf-16")
            ),
            "a DOCTYPE, which no SAF-T",
        ),
        refused(lambda text: text.replace("Voucher", "&voucher;", 1), "not defined"),
        refused(lambda text: text[: len(text) // 2], "cannot be read"),
        refused(lambda text: text[: -len("</AuditFile>\n")], "books.xml cannot be read"),
        refused(lambda text: "", "is not XML"),
        refused(lambda text: "entry;date\n1;2", "is not XML"),
        refused(
            lambda text: text.replace("Voucher", "Bilag på", 1).encode("latin-1"), "cannot be read: line"
        ),
        refused(lambda text: text.replace(f' xmlns="{NAMESPACE}"', "", 1), r"namespace \(none\)"),
        refused(lambda text: text.replace("Financial:NO", "Financial:SE", 1), "Financial:SE"),
        refused(lambda text: text.replace("AuditFile", "Invoice"), "it is a Invoice"),
        refused(lambda text: text.replace('encoding="UTF-8"', 'encoding="utf-7"'), "encoding utf-7"),
        refused(lambda text: text.replace("1.30", "2.0", 1), "version 2.0"),
        refused(lambda text: text.replace("<AuditFileVersion>1.30</AuditFileVersion>", "", 1), r"\(none\)"),
        refused(lambda text: text.replace("NOK", "nok", 1), "DefaultCurrencyCode"),
        refused(
            lambda text: text.replace("<Amount>100.00", "<Amount>NaN", 1), "DebitAmount is no amount: 'NaN'"
        ),
        refused(lambda text: text.replace("<Amount>100.00", "<Amount>1e9", 1), "no amount: '1e9'"),
        refused(lambda text: text.replace("<Amount>100.00", "<Amount>1,00", 1), "no amount: '1,00'"),
        refused(lambda text: text.replace("<Amount>100.00", "<Amount>1.0.0", 1), "no amount: '1.0.0'"),
        refused(lambda text: text.replace("<Amount>100.00", "<Amount>INF", 1), "no amount: 'INF'"),
        refused(lambda text: text.replace("<Amount>100.00", "<Amount>٣", 1), "no amount"),
        refused(lambda text: text.replace("<Amount>100.00", f"<Amount>{'1' * 19}", 1), "more than 18 digits"),
        refused(lambda text: text.replace("<Amount>100.00", "<Amount>1.23456", 1), "too many digits"),
        refused(lambda text: text.replace("<Amount>100.00</Amount>", "<Amount/>", 1), "has no Amount"),
        refused(
            lambda text: text.replace(
                "</DebitAmount>", "</DebitAmount><CreditAmount><Amount>1</Amount></CreditAmount>", 1
            ),
            "has 2 amounts",
        ),
        refused(
            lambda text: text.replace("<DebitAmount><Amount>100.00</Amount></DebitAmount>", "", 1),
            "has 0 amounts",
        ),
        refused(
            lambda text: text.replace("2025-03-10", "2025-02-30"), "TransactionDate is no date: '2025-02-30'"
        ),
        refused(lambda text: text.replace("<Period>3", "<Period>third"), "Period is no whole number"),
        refused(lambda text: text.replace("<PeriodYear>2025", "<PeriodYear>25"), "year 25"),
        refused(
            lambda text: text.replace("<AccountID>1920</AccountID>", ""),
            "line 1 of transaction 1 .* no AccountID",
        ),
        refused(lambda text: text.replace("<TransactionID>1</TransactionID>", ""), "has no TransactionID"),
        refused(lambda text: text.replace("<JournalID>A", "<JournalID>"), "empty JournalID"),
        refused(lambda text: text.replace("<JournalID>A</JournalID>", ""), "stands in no journal"),
        refused(
            lambda text: text.replace("<TotalDebit>100.00</TotalDebit>", ""), "no control total of debit"
        ),
        refused(
            lambda text: text.replace("<TotalDebit>100.00", "<TotalDebit>1e2"), "control total of debit is no"
        ),
    ],
)
def test_what_no_saft_file_says_is_refused(change: Callable[[str], str | bytes], message: str) -> None:
    text = Saft().text
    changed = change(text)
    assert changed not in (text, text.encode())
    with pytest.raises(LedgerError, match=message) as raised:
        read(changed)
    assert str(raised.value).count("\n") == 0


def test_an_external_entity_reads_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret")
    text = Saft().text.replace("<AuditFile", f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret}">]><AuditFile', 1)
    with pytest.raises(LedgerError, match="DOCTYPE") as raised:
        read(text.replace("Voucher", "&x;"))
    assert "a secret" not in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: codecs.BOM_UTF8 + text.encode(), id="a byte order mark"),
        pytest.param(lambda text: text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"), id="UTF-16"),
        pytest.param(lambda text: text.replace("\n", "\r\n").replace("><", ">\r\n\t<").encode(), id="CRLF"),
        pytest.param(
            lambda text: text.replace("</", "\0").replace("<?", "\1").replace("<", "<x:").replace("\1", "<?")
            .replace("\0", "</x:").replace("xmlns=", "xmlns:x=").encode(),
            id="another prefix",
        ),
        pytest.param(
            lambda text: text.replace("100.00", "<!-- a -->1<!-- b -->00.<![CDATA[00]]>").encode(), id="comments"
        ),
        pytest.param(lambda text: text.replace("100.00", "+00100.000").encode(), id="as XML Schema has decimals"),
        pytest.param(lambda text: text.replace("2025-03-10", "2025-03-10+01:00").encode(), id="a zone"),
        pytest.param(
            lambda text: text.replace('encoding="UTF-8"', 'encoding="ISO-8859-1"').encode("latin-1"), id="Latin-1 said so"
        ),
    ],
)  # fmt: skip
def test_the_same_file_in_other_clothes_is_read_alike(change: Callable[[str], bytes]) -> None:
    text = Saft([sale("1", description="Blåbær")]).text
    plain, other = read(text), read(change(text))
    assert plain[1:] == other[1:]
    assert plain[0].content.counted == other[0].content.counted


NASTY = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\t\n\",\\'|")
).map(lambda text: text.replace("￾", "").replace("￿", ""))


@settings(max_examples=25)
@given(st.lists(st.tuples(NASTY, st.decimals(-1000, 1000, places=2)), min_size=1, max_size=30))
def test_texts_and_amounts_come_through_as_they_are(rows: list[tuple[str, Decimal]]) -> None:
    transactions = [
        Transaction(
            str(number),
            "2025-03-10",
            (debit("1920", str(amount)), credit("3000", str(amount))),
            description=text,
        )
        for number, (text, amount) in enumerate(rows)
    ]
    reader, entries, lines = read(Saft(transactions, debit="1", credit="1").text)
    assert lines.num_rows == 2 * len(rows)
    assert lines["debit"].to_pylist()[::2] == [amount for _, amount in rows]
    assert entries["description"].to_pylist() == [
        " ".join(text.translate(str.maketrans("\t\n", "  ")).split(" ")).strip() or None for text, _ in rows
    ]
    assert reader.content.counted.debit == sum(amount for _, amount in rows)


def test_what_bears_on_no_amount_is_rounded_and_a_date_that_nobody_means_left_out() -> None:
    shares = "<TaxPercentage>14.28571428</TaxPercentage><TaxBase>-1.00049999999999999999</TaxBase>"
    tax = f"<TaxInformation>{shares}</TaxInformation>"
    more = (
        debit("1920", "1.00", f"{tax}<DueDate>0001-01-01</DueDate>"),
        debit("1920", "1.00", "<DueDate>2025-04-01</DueDate>"),
    )
    _, _, lines = read(Saft([Transaction("1", "2025-03-10", (*more, credit("3000", "2.00")))]).text)
    assert lines["vat_rate"].to_pylist()[0] == Decimal("14.2857")
    assert lines["vat_base"].to_pylist()[0] == Decimal("-1.000")
    assert lines["due_date"].to_pylist() == [None, date(2025, 4, 1), None]


@settings(max_examples=200)
@given(
    st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,6}", fullmatch=True)
    | st.text("0123456789.+-eE,_ ٣", max_size=25)
)
def test_a_decimal_is_read_alike_alone_and_in_a_column(text: str) -> None:
    def alone() -> Decimal | None:
        return decimal(text, LEDGER_AMOUNT, "amount", "it")

    def in_a_column() -> Decimal | None:
        found: Decimal = decimals(pa.chunked_array([[text]]), LEDGER_AMOUNT, "amount", lambda _: "it")[
            0
        ].as_py()
        return found

    try:
        one = alone()
    except LedgerError as error:
        with pytest.raises(LedgerError, match=re.escape(str(error))):
            in_a_column()
    else:
        assert one == in_a_column() == Decimal(text)


PARTS = st.sampled_from(
    [
        "",
        "<",
        ">",
        "</Line>",
        "<Line>",
        "&",
        "&amp;",
        "&#0;",
        "-",
        "1e5",
        "\0",
        "é",
        "<Journal>",
        "</Journal>",
        "<!--",
        "]]>",
    ]
)


@settings(max_examples=150)
@given(st.data())
def test_whatever_a_file_says_it_is_read_or_refused_in_one_sentence(data: st.DataObject) -> None:
    by = "<CustomerID>7</CustomerID>"
    invoice = Transaction("3", "2025-03-10", (debit("1500", "1", by), credit("3000", "1", "<CID>0012</CID>")))
    customers = [party("Customer", "7", {"1500": ("0", "1")})]
    text = Saft([sale("1"), invoice], accounts=[account("1500")], customers=customers).text
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(100, len(text)))
        text = text[:place] + data.draw(PARTS) + text[place + data.draw(st.integers(0, 12)) :]
    try:
        reader, entries, lines = read(text)
    except LedgerError as error:
        refusal = str(error)
    else:
        refusal = "."
        owners = lines["entry"].to_pylist()
        assert entries["lines"].to_pylist() == [owners.count(number) for number in range(entries.num_rows)]
        assert reader.content.counted.entries == entries.num_rows
    assert refusal.endswith(".")
    assert "\n" not in refusal


def test_batches_and_journals_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = [
        sale(str(number), journal="AABAC"[number // 7 % 5], amount=f"{number}.00") for number in range(60)
    ]
    text = Saft(transactions).text
    whole = read(text)
    for size in (1, 2, 7, 59, 60, 61):
        monkeypatch.setattr(reader_module, "BATCH", size)
        again = read(text)
        assert again[1] == whole[1]
        assert again[2].drop_columns(["entry"]) == whole[2].drop_columns(["entry"])
    by_journal = sorted(transactions, key=lambda one: one.journal)
    assert whole[1]["transaction"].to_pylist() == [one.transaction_id for one in by_journal]
    assert whole[1]["journal"].to_pylist() == [one.journal for one in by_journal]


def test_other_parts_of_a_file_are_passed_over() -> None:
    documents = (
        "<SourceDocuments><SalesInvoices><NumberOfEntries>9</NumberOfEntries><TotalDebit>9</TotalDebit>"
        "<TotalCredit>9</TotalCredit><Invoice><InvoiceNo>1</InvoiceNo></Invoice></SalesInvoices></SourceDocuments>"
    )
    text = Saft().text.replace("</GeneralLedgerEntries>", f"</GeneralLedgerEntries>{documents}")
    assert read(text)[0].content.stated == {"entries": 1, "debit": 100, "credit": 100}


def test_files_of_an_export_come_together(tmp_path: Path) -> None:
    names = ["books_1_2.xml", "books_2_2.xml"]
    for name, number in zip(names, ("1", "2"), strict=True):
        (tmp_path / name).write_text(Saft([sale(number)], entries="2", debit="200", credit="200").text)
    (tmp_path / "year.xml").write_text(Saft(created="2024-01-01").text)
    paths = [tmp_path / name for name in (*names, "year.xml")]
    assert sorted(len(export.files) for export in find_exports(paths)) == [1, 2]
    with zipfile.ZipFile(tmp_path / "books.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(tmp_path / name, f"folder/{name}")
        archive.writestr("__MACOSX/._books.xml", "nothing")
    (export,) = find_exports([tmp_path / "books.zip"])
    assert export.name == ", ".join(names)
    assert [sum(batch.lines.num_rows for batch in file.batches()) for file in export.files] == [2, 2]
    with pytest.raises(LedgerError, match="lacks part 1 of 2"):
        find_exports([tmp_path / names[1]])
    with pytest.raises(LedgerError, match="given twice"):
        find_exports([tmp_path / "year.xml", tmp_path / "year.xml"])


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"no zip", "no zip"), (None, "no XML file"), (b"PK\x05\x06" + bytes(18), "no XML file")],
)
def test_a_zip_without_books_is_refused(body: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "books.zip"
    if body is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "nothing")
    else:
        path.write_bytes(body)
    with pytest.raises(LedgerError, match=message):
        find_exports([path])
    with pytest.raises(LedgerError, match="There is no file"):
        find_exports([tmp_path / "missing.xml"])
