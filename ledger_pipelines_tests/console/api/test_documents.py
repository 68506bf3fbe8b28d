"""Documents over HTTP."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import psycopg
import pytest
from starlette.testclient import TestClient

from ledger_pipelines_tests.general_ledger.journals import ACME, day, invoice
from ledger_pipelines_tests.workflows.general_ledger.books import reckon, write
from ledger_pipelines_tests.workflows.test_documents import keep

_MARCH = "?year=2025&month=3"
_PATHS = (
    f"/invoice/a1/download{_MARCH}",
    f"/client/a1/export/quickbooks{_MARCH}",
    f"/client/a1/statement.pdf{_MARCH}",
    f"/invoices/bulk/download{_MARCH}",
    f"/invoices/bulk/download{_MARCH}&format=pdf",
    f"/invoices/bulk/statements.pdf{_MARCH}",
    f"/ledgers/statement.pdf?party={ACME}&as_of=2025-02-28",
    "/ledgers/overdue.pdf?as_of=2025-02-28",
)


@pytest.fixture
def books(connection: psycopg.Connection) -> None:
    """Statements of March, and a customer who owes something."""
    keep(connection)
    write(connection, invoice("i1", "2025-01-10", 1000, due_date=day("2025-01-31")))
    reckon(connection, "2025-01", "2025-02")


@pytest.mark.usefixtures("books")
def test_each_document_is_for_clerks_and_a_file_of_its_kind(
    client_of: Callable[[str | None], TestClient],
) -> None:
    starts = {
        "text/csv; charset=utf-8": b"InvoiceNo,",
        "application/pdf": b"%PDF-1.7",
        "application/zip": b"PK",
    }
    for path in _PATHS:
        for permission in ("billing", "admin"):
            made = client_of(permission).get(path)
            assert made.status_code == 200
            assert made.content.startswith(starts[made.headers["content-type"]])
            assert made.headers["content-disposition"].startswith('attachment; filename="')
            assert made.headers["x-content-type-options"] == "nosniff"
            assert made.headers["cache-control"] == "no-store"
        for permission in ("client", "technician", "service"):
            assert client_of(permission).get(path).status_code == 403
        assert client_of(None).get(path).status_code == 401
    names = zipfile.ZipFile(io.BytesIO(client_of("admin").get(_PATHS[3]).content)).namelist()
    assert len(names) == 7


@pytest.mark.usefixtures("books")
def test_a_name_of_another_script_has_one_in_ascii_beside_it(
    client_of: Callable[[str | None], TestClient],
) -> None:
    made = client_of("billing").get(f"/invoice/株/download{_MARCH}")
    assert made.headers["content-disposition"] == (
        'attachment; filename="2025-03.csv"; '
        "filename*=UTF-8''%E6%A0%AA-2025-03-%E6%A0%AA%E5%BC%8F%E4%BC%9A%E7%A4%BE.csv"
    )
    hostile = client_of("billing").get(f"/invoice/..%2F..%2Fetc%2Fpasswd/download{_MARCH}")
    assert hostile.status_code == 404


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/invoice/zz/download", 404, "There is no statement of 2025-03 for 'zz'"),
        ("/client/a1/statement.pdf?year=2025&month=13", 422, "month"),
        ("/client/a1/statement.pdf?year=2025", 422, "Say year and month"),
        ("/client/a1/statement.pdf?year=2025&month=NaN", 422, "month"),
        ("/client/a%00/statement.pdf", 422, "signs that no record has"),
        ("/invoices/bulk/download?year=2025&month=4", 404, "2025-04 has no statement"),
        ("/invoices/bulk/download?format=exe", 422, "format"),
        ("/invoices/bulk/statements.pdf?part=2", 404, "the parts 1 to 1"),
        ("/invoices/bulk/statements.pdf?part=0", 422, "part"),
        ("/ledgers/statement.pdf?party=nobody&as_of=2025-02-28", 404, "is written as 'customer:nobody'"),
        ("/ledgers/statement.pdf", 422, "party"),
        ("/ledgers/overdue.pdf?as_of=2025-02-30", 422, "as_of"),
        ("/ledgers/overdue.pdf", 404, "Nothing is overdue on 2026-03-15"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(
    client_of: Callable[[str | None], TestClient], path: str, status: int, words: str
) -> None:
    answer = client_of("billing").get(path)
    assert answer.status_code == status
    assert words in answer.json()["error"]
