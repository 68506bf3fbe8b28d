"""`/cfo`: what waits and why, retrying, verifying, and mappings with what a correction would change."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger_pipelines.console.pages import cfo as page
from ledger_pipelines.destinations.cfo.table import CFO_SCHEMA
from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.cfo.sync import correct_months
from ledger_pipelines_tests.cfo_sync.building import DELTA, Books
from ledger_pipelines_tests.console.pages.dagster import AWAY, Scheduler
from ledger_pipelines_tests.console.pages.looking import all_rows, beside

HOSTILE = "<script>alert(1)</script>"
MAPPING = {
    "table": "entities",
    "at": "10",
    "position": "10",
    "client_name": "Alps Blockchain",
    "entity": "Other S.A.",
    "business_unit": "Mining",
}


@pytest.fixture
def books(database: Database) -> Books:
    """Two invoices that are handed over, in an open and a closed month; one that failed for good, and one that waits."""
    books = Books(database, replace(database, schema=CFO_SCHEMA))
    prepare_cfo_database(books.cfo)
    books.paid("INV-1")
    books.paid("INV-2", "250.00", client="Exos Capital")
    books.paid("INV-3" + HOSTILE * 13, client=HOSTILE)
    books.sync()
    books.paid("INV-4", "1234.50", client=HOSTILE, paid_at=books.watch.now.replace(year=2026, month=3))
    return books


def edited(books: Books) -> list[dict[str, Any]]:
    return books.ours(
        "SELECT position, client_name, entity, business_unit FROM cfo_entity_mappings ORDER BY 1"
    )


def saved(client: TestClient, **changes: str) -> Any:
    """What comes of saving the mapping as somebody does who looked at it before."""
    form = {**MAPPING, **changes}
    return client.post("/cfo/mappings", data={**form, "seen": seen_by(client)})


def seen_by(client: TestClient) -> str:
    found = re.search(r'name="seen" value="(\d+)"', client.get("/cfo/mappings?at=10").text)
    assert found is not None
    return found[1]


def test_what_waits_is_shown_with_its_reason_and_found(clerk: TestClient, books: Books) -> None:
    shown = clerk.get("/cfo").text
    assert HOSTILE not in shown
    for words in ("INV-3", "INV-4", "1,234.50", "for good", "at most 600 s", "at least 95 %"):
        assert words in shown, words
    assert "INV-1" not in shown
    assert "INV-4" not in clerk.get("/cfo?status=failed").text
    assert "INV-3" not in clerk.get("/cfo?q=INV-4").text.partition('id="list"')[2].partition("</table>")[0]


def test_one_or_all_are_tried_again_as_a_run(clerk: TestClient, books: Books, dagster: Scheduler) -> None:
    (failed,) = books.ours("SELECT invoice_id FROM crypto_invoice_cfo_sync WHERE sync_status = 'failed'")
    path = f"/cfo/invoices/{failed['invoice_id']}/retry"
    assert clerk.post(path).headers["location"].startswith("/sync/requests/")
    assert clerk.post(path).headers["location"].endswith("did=joined")
    assert clerk.post("/cfo/sync", data={"force": "true"}).status_code == 303
    configs = [one["config"]["cfo_transactions"] for one in dagster.asked]
    assert [(len(one["invoices"]), one["force"]) for one in configs] == [(1, True), (0, True)]
    (synced, _) = books.ours("SELECT invoice_id FROM crypto_invoice_cfo_sync WHERE sync_status = 'synced'")
    there = clerk.post(f"/cfo/invoices/{synced['invoice_id']}/retry")
    assert there.headers["location"] == "/cfo?did=there"
    unknown = clerk.post("/cfo/invoices/99999/retry")
    assert (unknown.status_code, "No paid invoice" in unknown.text) == (409, True)


def test_dagster_away_is_said(clerk: TestClient, books: Books, dagster: Scheduler) -> None:
    dagster.trouble.append(AWAY)
    assert clerk.get("/cfo").status_code == 200
    asked = clerk.post("/cfo/sync")
    assert "Dagster does not answer" in clerk.get(asked.headers["location"]).text


def test_what_was_handed_over_is_compared_and_mended(
    clerk: TestClient, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "INV-4" in clerk.post("/cfo/verify").text
    books.theirs("UPDATE transactions SET amount = 1 WHERE identifier = 'INV-1' RETURNING id")
    found = clerk.post("/cfo/verify").text
    assert "its amount is &#39;1.00&#39; there" in found
    assert HOSTILE not in found
    over = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(page, "PATIENCE", 0.05)
        patch.setattr(page, "repair", lambda *_, **__: over.wait(30))
        hanging = clerk.post("/cfo/repair")
        assert (hanging.status_code, "goes on" in hanging.text) == (202, True)
        over.set()
    mended = clerk.post("/cfo/repair").text
    assert "before the repair" in mended
    assert "its amount is" not in mended
    assert books.theirs("SELECT amount::text FROM transactions WHERE identifier = 'INV-1'") == [
        {"amount": "100.00"}
    ]


def test_the_preview_is_what_the_correction_changes(clerk: TestClient, books: Books) -> None:
    previewed = clerk.get("/cfo/mappings", params=MAPPING).text
    assert "1 transaction of open months would be corrected." in previewed
    assert edited(books)[0]["entity"] == DELTA
    assert saved(clerk).headers["location"] == "/cfo/mappings?table=entities&did=saved"
    assert edited(books)[0] == {
        "position": 10,
        "client_name": "Alps Blockchain",
        "entity": "Other S.A.",
        "business_unit": "Mining",
    }
    assert "1 transaction of open months would be corrected." in clerk.get("/cfo").text
    corrected = correct_months(
        books.ledger, books.cfo, [books.watch.now.date().replace(day=1)], clock=books.watch
    )
    assert corrected == 1
    assert "Nothing: every transaction is its entity" in clerk.get("/cfo").text


def test_closed_months_stay_and_that_is_said(clerk: TestClient, books: Books, dagster: Scheduler) -> None:
    books.ours(
        """INSERT INTO ledger_periods (month, status, closed_at, closed_by) VALUES ('2025-10-01', 'closed', now(), 'ana')
           ON CONFLICT (month) DO UPDATE SET status = 'closed', closed_at = now(), closed_by = 'ana' RETURNING month"""
    )
    assert "1 of closed months stays as it is" in clerk.get("/cfo/mappings", params=MAPPING).text
    saved(clerk)
    assert clerk.post("/cfo/correct").headers["location"] == "/cfo?did=nothing"
    books.ours(
        "UPDATE ledger_periods SET status = 'open', closed_at = NULL, closed_by = NULL RETURNING month"
    )
    assert clerk.post("/cfo/correct").headers["location"].startswith("/sync/requests/")
    assert dagster.asked[0]["config"]["cfo_transactions"]["correct"] is True


def test_mappings_are_added_moved_and_removed_by_name(clerk: TestClient, books: Books) -> None:
    assert saved(clerk, at="", position="5", client_name="", entity=HOSTILE, reason="why").status_code == 303
    assert saved(clerk, at="20", position="21", client_name="Exos Capital").status_code == 303
    assert saved(clerk, at="30", remove="true").status_code == 303
    assert [one["position"] for one in edited(books)] == [5, 10, 21, 1000]
    assert edited(books)[0]["client_name"] is None
    shown = clerk.get("/cfo/mappings").text
    assert HOSTILE not in shown
    edits = books.ours(
        "SELECT person, reason FROM edits WHERE table_name = 'cfo_entity_mappings' ORDER BY id"
    )
    assert next((one["person"], one["reason"]) for one in edits) == ("billing", "why")
    category = {"table": "categories", "position": "10", "keyword": "host", "subcategory": "Hosting"}
    assert saved(clerk, **category).status_code == 303
    assert (
        "a correction changes entities only"
        in clerk.get("/cfo/mappings", params=category | {"at": "10"}).text
    )


def test_what_cannot_be_saved_changes_nothing(clerk: TestClient, books: Books) -> None:
    before = edited(books)
    for change, said in (
        ({"position": "x"}, "is no whole number"),
        ({"position": "20"}, "There is a mapping 20 already"),
        ({"entity": " "}, "The entity needs 1 to 255 characters."),
        ({"business_unit": "x" * 256}, "The business unit needs 1 to 255 characters."),
        ({"at": "77"}, "There is no mapping 77 any more"),
        ({"entity": "a\0b"}, "signs that no record has"),
    ):
        answered = saved(clerk, **change)
        assert (answered.status_code, said in answered.text) == (422, True), said
    assert edited(books) == before


def test_who_edits_second_is_told(clerk: TestClient, books: Books) -> None:
    seen = seen_by(clerk)
    assert clerk.post("/cfo/mappings", data={**MAPPING, "seen": seen}).status_code == 303
    second = clerk.post("/cfo/mappings", data={**MAPPING, "entity": "Third S.A.", "seen": seen})
    assert second.status_code == 409
    assert "billing changed the mapping 10" in second.text
    assert 'value="Third S.A."' in second.text
    assert edited(books)[0]["entity"] == "Other S.A."


def test_it_is_for_clerks_and_looking_writes_nothing(
    client_of: Callable[[str | None], TestClient], clerk: TestClient, books: Books, dagster: Scheduler
) -> None:
    before = all_rows(books.ledger)
    for _ in range(2):
        for path in ("/cfo", "/cfo?status=failed", "/cfo/mappings?at=10&remove=true"):
            assert clerk.get(path).status_code == 200
        assert clerk.get("/cfo/mappings", params=MAPPING).status_code == 200
    assert all_rows(books.ledger) == before
    posts = ("sync", "verify", "repair", "correct", "payments/settle", "mappings", "invoices/1/retry")
    for permission, status in ((None, 401), ("technician", 403), ("client", 403)):
        asker = beside(client_of(permission), dagster)
        assert asker.get("/cfo").status_code == status
        answers = {asker.post(f"/cfo/{one}", data={**MAPPING, "seen": "0", "payment": "x"}) for one in posts}
        assert {one.status_code for one in answers} == {status}
    assert all_rows(books.ledger) == before
