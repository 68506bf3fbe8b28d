"""XML files from outside: what can do more than be read is refused in a sentence, and every honest form is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.files.decimals import parse_decimal
from ledger_pipelines.sources.files.xml import parse_xml, read_bytes, refuse_doctype

BOMB = b"<!DOCTYPE a [<!ENTITY b 'ha'>" + b"".join(
    b"<!ENTITY %c '%b'>" % (97 + place + 1, b"&%c;" % (97 + place) * 10) for place in range(1, 9)
)
HOSTILE = {
    "an entity bomb": (BOMB + b"]><a>&j;</a>", "DOCTYPE"),
    "an entity bomb in an attribute": (BOMB + b"]><a x='&j;'/>", "DOCTYPE"),
    "an external entity": (b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "DOCTYPE"),
    "an external DTD": (b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:1/a.dtd'><a/>", "DOCTYPE"),
    "a harmless DOCTYPE": (b"<!-- hello --><!DOCTYPE a><a/>", "DOCTYPE"),
    "a DOCTYPE in UTF-16": (
        "<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a><a/>".encode("utf-16"),
        "DOCTYPE",
    ),
    "a DOCTYPE behind a long comment": (b"<!--" + b"x" * 20_000 + b"--><!DOCTYPE a><a/>", "DOCTYPE"),
    "a file that is cut off": (b"<a><b>1</b>", "not readable XML"),
    "Latin-1 that says it is UTF-8": (
        "<?xml version='1.0' encoding='UTF-8'?><a>\xe5</a>".encode("latin-1"),
        "not readable",
    ),
    "an encoding that nobody has": (b"<?xml version='1.0' encoding='klingon'?><a/>", "not readable XML"),
    "UTF-7": (b"<?xml version='1.0' encoding='utf-7'?>+ADw-a/+AD4-", "not readable XML"),
    "a name that stands for nothing": (b"<a>&x;</a>", "not readable XML"),
    "elements without an end": (b"<a>" * 100_000 + b"</a>" * 100_000, "not readable XML"),
    "two documents": (b"<a/><a/>", "not readable XML"),
    "no XML": (b"%PDF-1.4", "not readable XML"),
    "nothing": (b"", "not readable XML"),
}
TEXT = "<a>\r\n<b>ærlig</b></a>"
HONEST = {
    "UTF-8": TEXT.encode(),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "Latin-1 that says so": b"<?xml version='1.0' encoding='ISO-8859-1'?>" + TEXT.encode("latin-1"),
    "Windows-1252": b"<?xml version='1.0' encoding='windows-1252'?>" + TEXT.encode("cp1252"),
    "comments in a value": TEXT.replace("ærlig", "ær<!-- x -->lig").encode(),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_refused_in_one_sentence_that_names_the_file(what: str) -> None:
    data, why = HOSTILE[what]
    with pytest.raises(LedgerError) as refused:
        parse_xml(data, "books.xml")
    message = str(refused.value)
    assert message.startswith("books.xml ")
    assert why in message
    assert "\n" not in message


@pytest.mark.parametrize("what", HONEST)
def test_what_is_taken(what: str) -> None:
    assert parse_xml(HONEST[what], "books.xml").findtext("b") == "ærlig"


def test_an_attachment_of_twelve_megabytes_is_taken() -> None:
    root = parse_xml(b"<a><b>" + b"QUJD" * 3_000_000 + b"</b></a>", "books.xml")
    assert len(root.findtext("b") or "") == 12_000_000


def test_a_stream_is_read_as_far_as_its_first_element() -> None:
    read = []

    def parts() -> list[bytes]:
        return [b"<?xml version='1.0'?>", b"<!-- one -->", b"<a>", b"<!DOCTYPE too late>"]

    refuse_doctype((read.append(part) or part for part in parts()), "books.xml")
    assert len(read) == 3
    with pytest.raises(LedgerError, match="DOCTYPE"):
        refuse_doctype([b"<!DOC", b"TYPE a><a/>"], "books.xml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"absent\.xml cannot be read: No such file or directory\."):
        read_bytes(tmp_path / "absent.xml")


@pytest.mark.parametrize("text", ["0", "12", "-3.96", "+1", ".5", "5.", " 1460.5\n", "123456789012345678"])
def test_a_decimal_is_digits_with_at_most_one_point(text: str) -> None:
    assert str(parse_decimal(text)).lstrip("-").replace(".", "").isdigit()


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "1e9",
        "1E-2",
        "1,5",
        "1.2.3",
        "",
        "-",
        ".",
        "0x1",
        "\u0661",
        "1 000",
        "1234567890.123456789",
    ],
)
def test_what_is_no_decimal(text: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        parse_decimal(text)
