"""Scripts, SQL, templates and formulas in every text that people or Codex write: text on every page and in every file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from zipfile import ZipFile

import pytest
from lxml import etree, html
from psycopg import sql
from pypdf import PdfReader
from starlette.testclient import TestClient

from ledger_pipelines.console.app import create_app
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.console.browser.addresses import addresses, records
from ledger_pipelines_tests.console.browser.site import Book, console_of
from ledger_pipelines_tests.console.conftest import KnownPeople

pytestmark = pytest.mark.timeout(240)

#: One text with all of it; 49 is what a template would make of it.
HOSTILE = (
    "=cmd|'/c x'!A1 \"><script>alert(1)</script><img src=x onerror=alert(2)>'); DROP TABLE companies;-- "
    '{{7*7}} ${7*7} #eval("7*7") $7*7$ *bold* \\ javascript:alert(3)'
)
#: What people and other systems write, by table; the first character makes it a formula.
_TEXTS = {
    "companies": ("name",),
    "assets": ("hostname",),
    "contacts": ("name",),
    "tickets": ("subject",),
    "billing_statements": ("company_name",),
    "billing_statement_lines": ("description",),
    "custom_line_items": ("name", "description"),
    "manual_assets": ("hostname", "notes"),
    "manual_users": ("full_name", "notes"),
    "feature_options": ("display_name", "description"),
    "client_feature_overrides": ("value",),
    "integration_errors": ("error_message", "external_id"),
    "alerts": ("message",),
    "parties": ("name",),
    "check_results": ("description",),
}
_FILES = (
    "/dashboard.csv?month=2025-03",
    "/api/integration-errors.csv",
    "/invoice/{account}/download?year=2025&month=3",
    "/client/{account}/export/quickbooks?year=2025&month=3",
)


@pytest.fixture(scope="module")
def hostile(book: Book) -> Iterator[Database]:
    """The book, with that text everywhere, each with a number of its own."""
    with book.copied() as database:
        with database.connect() as connection:
            # Closed months are closed, to whoever is no superuser that says otherwise.
            connection.execute("SET session_replication_role = replica")
            for table, columns in _TEXTS.items():
                there = connection.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass",
                    [table],
                ).fetchall()
                for column in columns:
                    assert (column,) in there, f"{table} has no {column}: {there}"
                    connection.execute(
                        sql.SQL("UPDATE {} SET {} = %s || ' ' || md5(ctid::text)").format(
                            sql.Identifier(table), sql.Identifier(column)
                        ),
                        [HOSTILE],
                    )
            connection.execute(
                "UPDATE integration_errors SET error_details = jsonb_build_object('name', %s::text)",
                [HOSTILE],
            )
        yield database


@pytest.fixture(scope="module")
def client(book: Book, hostile: Database) -> TestClient:
    console = replace(console_of(hostile, book.sandbox), identity=KnownPeople())
    return TestClient(
        create_app(console), headers={"Authorization": "Bearer admin"}, raise_server_exceptions=False
    )


def test_on_every_page_it_is_text(client: TestClient, hostile: Database) -> None:
    faults, shown = [], 0
    for address in addresses(hostile):
        answer = client.get(address)
        if answer.status_code != 200:
            faults.append((address, answer.status_code))
            continue
        root = html.document_fromstring(answer.text)
        shown += "{{7*7}}" in root.text_content()
        for element in root.iter(etree.Element):
            scripted = [name for name in element.attrib if name.lower().startswith("on")]
            leads = element.get("href", "").strip().lower().startswith("javascript:")
            if scripted or leads or (element.tag == "script" and not element.get("src")):
                faults.append((address, html.tostring(element)[:200]))
            if element.tag == "img" and element.get("src") == "x":
                faults.append((address, html.tostring(element)[:200]))
    assert faults == []
    assert shown > 8


def test_in_files_it_is_no_formula(client: TestClient, hostile: Database) -> None:
    account = records(hostile)["account"]
    for path in _FILES:
        answer = client.get(path.format(account=account))
        assert answer.status_code == 200, path
        assert "{{7*7}}" in answer.text, path
        cells = [cell for line in answer.text.splitlines() for cell in line.replace('"', "").split(",")]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+cmd"))], path
    workbook = ZipFile(BytesIO(client.get("/dashboard.xlsx?month=2025-03").content))
    sheets = b"".join(workbook.read(name) for name in workbook.namelist() if name.endswith(".xml"))
    assert b"{{7*7}}" in sheets
    assert b"<f>" not in sheets


def test_on_paper_it_is_text(client: TestClient, hostile: Database) -> None:
    account = records(hostile)["account"]
    answer = client.get(f"/client/{account}/statement.pdf?year=2025&month=3")
    assert answer.status_code == 200
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)
    joined = "".join(text.split())
    assert "{{7*7}}" in joined
    assert "<script>alert(1)</script>" in joined
    assert "*bold*" in joined
    with hostile.connect() as connection:
        assert connection.execute("SELECT count(*) > 0 FROM companies").fetchone() == (True,)
