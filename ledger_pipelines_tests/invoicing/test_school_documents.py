"""The school's cases (shared/data/school), from Holded's records over HTTP to what they change in the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from ledger_pipelines.errors import Problem
from ledger_pipelines.invoicing.contracts import CONTRACTS, contract_movements
from ledger_pipelines.invoicing.documents import Documents, dated, month_documents, newest
from ledger_pipelines.invoicing.unclaimed import contradictory, unclaimed
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.sources.conftest import FakeTime, fake_time, reply
from ledger_pipelines_tests.sources.school_servers import KEY, HoldedLike, running

CASES = SHARED_DATA / "school"
SERVICES = pa.table({"id": ["chFS", "chDAYS"], "account_number": ["70500001", "70500002"]})
JAN, FEB, MAR, APR = (date(2024, month, 1) for month in (1, 2, 3, 4))
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the shared data is not there")

__all__ = ["fake_time"]


@pytest.fixture
def holded() -> Iterator[HoldedLike]:
    with running(HoldedLike()) as server:
        yield server


@pytest.fixture
def client(holded: HoldedLike, fake_time: FakeTime) -> Iterator[HoldedClient]:
    with HoldedClient(holded.url, KEY, clock=fake_time.clock, timeout=5) as client:
        yield client


def case(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text())
    return loaded


def read(
    records: dict[str, Any], holded: HoldedLike, client: HoldedClient, until: date = date(2025, 1, 1)
) -> tuple[Documents, list[Problem]]:
    holded.lists = {
        "/documents/invoice": records["invoices"],
        "/documents/creditnote": records.get("creditnotes", []),
    }
    found = client.documents(JAN, until)
    return dated(found.invoices, found.invoice_lines), found.problems


def booked(documents: Documents, held: pa.Table | None = None) -> list[tuple[str, str, str]]:
    frame = contract_movements(documents, CONTRACTS.empty_table() if held is None else held, SERVICES)
    return [(f"{row['month']:%Y-%m}", row["contact_id"], str(row["amount"])) for row in frame.to_pylist()]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("A07", [("2024-01", "A07", "5400.00")]),
        ("A08", [("2024-01", "A08", "6000.00")]),
        ("A10", [("2024-01", "A10", "20000.00"), ("2024-12", "A10", "-19500.00")]),
        ("A21", [("2024-01", "A21", "5400.00")]),
        ("A22", [("2024-01", "A22", "6000.00")]),
        ("A23", [("2024-01", "A23", "6000.00")]),
        ("A33", [("2024-01", "A33", "6000.00"), ("2024-08", "A33", "-1500.00")]),
        ("A38", [("2024-01", "A38", "120.00"), ("2024-01", "A38", "-30.00")]),
        ("A38b", [("2024-01", "A38b", "90.00"), ("2024-02", "A38b", "-45.00")]),
        ("A44", [("2024-01", "A44", "6000.00")]),
        ("A44b", []),
        ("N1", []),
        ("N2", [("2024-01", "N2", "6000.00")]),
        ("N3", [("2024-01", "N3", "6000.00"), ("2024-02", "N3", "-600.00")]),
    ],
)
def test_documents_come_to_what_is_right(
    name: str, right: list[tuple[str, str, str]], holded: HoldedLike, client: HoldedClient
) -> None:
    documents, problems = read(case(name)["records"], holded, client)
    assert booked(documents) == right
    # A44 says that 290.00 were paid, and names no payment.
    assert [problem.external_id for problem in problems] == (["d000048/paid"] if name == "A44" else [])
    assert contradictory(documents, SERVICES) == []


def test_a_document_of_the_last_minutes_of_a_year_in_utc_is_the_next_year_s(
    holded: HoldedLike, client: HoldedClient
) -> None:
    documents, _ = read(case("A23")["records"], holded, client)
    assert documents.headers["date"].to_pylist() == [JAN]
    found = client.documents(date(2023, 12, 1), JAN)
    assert found.invoices.num_rows == 0


def test_a_credit_note_is_told_whose_invoice_nobody_knows(holded: HoldedLike, client: HoldedClient) -> None:
    documents, _ = read(case("N3")["records"], holded, client)
    rows = unclaimed(
        documents, SERVICES, channels=SERVICES["id"].combine_chunks(), invoice_ids=documents.ids
    ).to_pylist()
    assert [(row["document_number"], row["amount"]) for row in rows] == [("R2024-001", Decimal("-600.00"))]


def test_a_list_goes_on_after_a_short_page(holded: HoldedLike, client: HoldedClient) -> None:
    """C1: page 1 has 499 of 500 records, pages 2 and 3 hold 510 more."""
    invoice = case("A07")["records"]["invoices"][0]
    invoices = [
        invoice | {"id": f"d{number:06}", "subtotal": 100, "total": 100, "discount": 0}
        for number in range(1009)
    ]
    for one in invoices:
        one["products"] = [invoice["products"][0] | {"price": 100}]
    holded.faults = [reply(invoices[:499]), reply(invoices[499:999]), reply(invoices[999:])]
    documents, problems = read({"invoices": []}, holded, client)
    assert documents.headers.num_rows == 1009
    assert sum(Decimal(amount) for _, _, amount in booked(documents)) == Decimal("100900.00")
    assert problems == []


def test_an_invoice_whose_contact_was_merged_moves_in_the_first_open_month(
    holded: HoldedLike, client: HoldedClient
) -> None:
    """B2: January to March are closed with the old contact."""
    merged, closed = case("B2"), {JAN, FEB, MAR}
    before, _ = read(merged["when_january_to_march_are_closed"], holded, client)
    held = contract_movements(before, CONTRACTS.empty_table(), SERVICES)
    now, _ = read(merged["afterwards"], holded, client, date(2024, 5, 1))
    nothing = before.of_months([])
    kept = month_documents(now, nothing, newest(before), months=[JAN, FEB, MAR, APR], closed=closed)
    assert booked(kept.of_months([APR]), held) == [
        ("2024-04", "B2", "-6000.00"),
        ("2024-04", "B2new", "6000.00"),
    ]
