"""`ledger up`: all of it, in a home of its own, until Ctrl-C."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import psutil
import pytest
import requests

from ledger_pipelines.destinations.cfo.transactions import CFO_SCHEMA
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.month_overview import month_overviews
from ledger_pipelines.workflows.payments import PaymentReport, report_payment
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.conftest import short_folder
from ledger_pipelines_tests.end_to_end.dagster_pages import DagsterPages
from ledger_pipelines_tests.end_to_end.harness import (
    MONTH_ASSETS,
    Ledger,
    Running,
    alive,
    eventually,
    fetch,
    free_ports,
    processes_of,
    rows_and_places,
)


@pytest.fixture
def embedded() -> Iterator[Ledger]:
    """The command in a fresh home, with the embedded database; whatever it leaves running fails the test."""
    home = short_folder("up-")
    yield Ledger(home)
    left = processes_of(home)
    found = alive(left)
    for process in left:
        if process.is_running():
            process.kill()
    shutil.rmtree(home, ignore_errors=True)
    assert found == []


ACCRUAL_TABLES = ("monthly_accruals", "deferred_revenue", "accrual_notices")


@pytest.mark.timeout(420)
def test_the_demo_interrupted_or_not_closes_a_year_shows_it_and_is_up_again_with_its_data(
    embedded: Ledger,
) -> None:
    dagster_port, sandbox_port, console_port = free_ports(3)
    pages = DagsterPages(dagster_port)
    ports = ("--dagster-port", str(dagster_port), "--sandbox-port", str(sandbox_port))
    ports += ("--port", str(console_port))
    database = _database_of(embedded)

    with embedded.started("up", "--demo", *ports) as running:
        eventually(
            lambda: running.says("Closing the last twelve months"), seconds=150, what="the first close"
        )
        eventually(lambda: _is_under_way(database), seconds=60, what="the first step")
        _ctrl_c_leaves_nothing_behind(embedded, running)

    with embedded.started("up", "--demo", *ports) as running:
        eventually(lambda: running.says("Ctrl-C stops everything."), seconds=150, what="the next start")
        assert (
            f"Up. Console: http://127.0.0.1:{console_port}\nDagster: http://127.0.0.1:{dagster_port}"
            in running.out
        )
        _a_newcomer_is_in_with_one_click(f"http://127.0.0.1:{console_port}")
        assert f"http://127.0.0.1:{sandbox_port}" in running.out
        year = _the_year_is_materialised(database, pages)
        _each_month_has_its_own_state(database, year)
        # The sensor may hand something over at this moment; what was interrupted would stay.
        eventually(lambda: not _is_under_way(database), seconds=30, what="the end of every execution")
        closed = rows_and_places(database)
        _ctrl_c_leaves_nothing_behind(embedded, running)

    with embedded.started("up", "--demo", *ports) as running:
        eventually(lambda: running.says("Ctrl-C stops everything."), seconds=90, what="the last start")
        assert "Closing" not in running.out
        assert rows_and_places(database) == closed
        closes = [run["status"] for run in pages.runs() if run["jobName"] == "month_close"]
        assert closes[0] == "SUCCESS"
        assert set(closes[1:]) <= {"CANCELED", "FAILURE"}
        assert len(closes) == 2
        _a_paid_invoice_reaches_the_cfo_by_itself(database)
        _ctrl_c_leaves_nothing_behind(embedded, running)


def _the_year_is_materialised(database: Database, pages: DagsterPages) -> list[date]:
    """The months of the statements, for which Dagster shows every table."""
    year = [month for (month,) in fetch(database, "SELECT DISTINCT month FROM billing_statements ORDER BY 1")]
    assert len(year) == 12
    span = (f"{year[0]:%Y-%m}", f"{year[-1]:%Y-%m}", "MATERIALIZED")
    # Tickets are read for the calendar years, documents and periods from the ledger's first month on; what was
    # invoiced then is accrued, and what was paid handed over.
    spans = pages.months()
    earlier = {"tickets", "invoices", "invoice_lines", "invoice_payments", "contracts", "enrollments"}
    earlier |= {*ACCRUAL_TABLES, "cfo_transactions", "journal_entries", "journal_lines"}
    assert {table: found for table, found in spans.items() if table not in earlier} == {
        table: [span] for table in MONTH_ASSETS if table not in earlier
    }
    for table in earlier:
        first, *rest = spans[table][-1]
        assert (first <= span[0], tuple(rest)) == (True, span[1:]), table
    return year


def _a_newcomer_is_in_with_one_click(console: str) -> None:
    with requests.Session() as browser:
        browser.headers["accept"] = "text/html"
        page = browser.get(f"{console}/periods", timeout=20)
        (link,) = [one for one in re.findall(r'href="([^"]+)"', page.text) if "user=clerk" in one]
        shown = browser.get(page.url.partition("/login")[0] + "/" + unescape(link), timeout=20)
        assert (shown.url, shown.status_code) == (f"{console}/periods", 200)
        assert "clerk" in shown.text


def _each_month_has_its_own_state(database: Database, year: list[date]) -> None:
    """No month of the demo is billed from a later state, and what Codex shows grew from month to month."""
    with database.connect() as connection:
        assert [overview.month for overview in month_overviews(connection)] == year
    late = "SELECT month, asset_name FROM check_results WHERE check_name = 'snapshot_in_time' AND records > 0"
    assert fetch(database, late) == []
    counts = fetch(database, "SELECT count(*) FROM assets GROUP BY month ORDER BY month")
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def _a_paid_invoice_reaches_the_cfo_by_itself(database: Database) -> None:
    """Told of its payment, with nobody doing anything: the sensor asks, a run hands it over."""
    books = Books(database, Database(database.url, CFO_SCHEMA))
    books.paid("DPY-UP", status="sent", paid_at=None)
    payment = PaymentReport("0xabcdef0123", "USDT", "TRC20", Decimal(100), 20)
    assert report_payment(database, "DPY-UP", payment, at=datetime.now(UTC)).status == "paid"
    eventually(
        lambda: books.ours("SELECT id FROM crypto_invoices WHERE status = 'complete'"),
        seconds=100,
        what="the hand-over of the paid invoice",
    )
    handed = books.theirs("SELECT amount, business_unit FROM transactions WHERE identifier = 'DPY-UP'")
    assert handed == [{"amount": Decimal("100.00"), "business_unit": "Paraguay Mining"}]


def _database_of(ledger: Ledger) -> Database:
    """The embedded database of a home, without holding its server as a process of the ledger does."""
    return Database(f"postgresql://postgres@/ledger?host={ledger.home}/postgres")


def _is_under_way(database: Database) -> bool:
    return bool(fetch(database, "SELECT FROM sync_executions WHERE status = 'running'"))


def _is_postgres(process: psutil.Process) -> bool:
    # One of a connection may have ended since it was found.
    with suppress(psutil.NoSuchProcess):
        return "postgres" in process.name()
    return False


def _ctrl_c_leaves_nothing_behind(ledger: Ledger, running: Running) -> None:
    """Ctrl-C is an ordinary end: exit code 0, no error, and no process, the database's own ones included."""
    started = processes_of(ledger.home)
    assert any(_is_postgres(process) for process in started)
    running.interrupt()
    done = running.finished(seconds=40)
    assert (done.code, done.err) == (0, "")
    assert alive(started) == []
    assert alive(processes_of(ledger.home)) == []
