"""What a person does in Dagster's pages: half a year at once, a month alone."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.dagster_pages import DagsterPages, browser_page, leave
from ledger_pipelines_tests.end_to_end.harness import (
    MONTH_ASSETS,
    Ledger,
    eventually,
    fetch,
    free_ports,
    rows,
    rows_and_places,
)

HALF = ("2025-01", "2025-06")
MAY = ("2025-05", "2025-05")

#: `ledger close` of these months backwards, alone and in ranges; in one process, which is quicker.
BACKWARDS = """
from ledger_pipelines.cli import app

for months in (["2025-06"], ["2025-03", "2025-06"], ["2025-02"], ["2025-01"]):
    app(["close", *months], standalone_mode=False)
"""


@pytest.mark.timeout(400)
def test_half_a_year_is_one_run_a_month_alone_another_and_in_any_order_the_rows_are_the_same(
    ledger: Ledger, database: Database, other_ledger: Ledger, other_database: Database, tmp_path: Path
) -> None:
    # Several closes read from it, of two ledgers at once: without the limits that other tests keep.
    school = SandboxConfig(until=date(2025, 6, 30), companies=6, students=30, invoices=80, rate_limit=None)
    with running_sandbox(school) as sandbox:
        ledger.use_all(sandbox)
        other_ledger.use_all(sandbox)
        _begin_with_the_year(database)
        _begin_with_the_year(other_database)
        port, console = free_ports(2)
        pages = DagsterPages(port)
        with (
            ledger.started(
                "up", "--dagster-port", str(pages.port), "--port", str(console), BACKFILL_SECONDS="2"
            ) as running,
            browser_page() as page,
        ):
            eventually(lambda: running.says("Up."), seconds=90, what="Dagster's start")
            with other_ledger.python("-c", BACKWARDS) as backwards:
                _launch(page, pages, "[2025-01...2025-06]")
                eventually(pages.backfills, seconds=60, what="the backfill")
                leave(page)
                eventually(lambda: _ended(pages), seconds=240, what="the end of the backfill", pause=1)
                (run,) = _closes(pages)
                (backfill,) = pages.backfills()
                assert (backfill["status"], backfill["numPartitions"]) == ("COMPLETED_SUCCESS", 6)
                assert (run["status"], run["jobName"], _span(run["tags"])) == ("SUCCESS", "month_close", HALF)
                assert pages.months() == {table: [(*HALF, "MATERIALIZED")] for table in MONTH_ASSETS}
                _months_are_green(page, pages, tmp_path)
                written = rows_and_places(database)
                assert all(written.values())

                _launch(page, pages, "2025-05")
                eventually(lambda: len(_closes(pages)) == 2, seconds=60, what="the month's run")
                leave(page)
                eventually(lambda: _ended(pages), seconds=120, what="the end of the month's run", pause=1)
                newest, _ = _closes(pages)
                assert (newest["status"], _span(newest["tags"])) == ("SUCCESS", MAY)
                assert rows_and_places(database) == written

                done = backwards.finished()
                assert done.code == 0, done.err
    assert rows(other_database) == rows(database)
    assert fetch(other_database, "SELECT count(*), count(DISTINCT status) FROM dagster.runs") == [(4, 1)]


def _begin_with_the_year(database: Database) -> None:
    """Makes the year's first month the ledger's: a close would else read, and show, the history before it, too."""
    with database.connect() as connection:
        connection.execute("UPDATE ledger_settings SET value = '2025-01' WHERE name = 'first_month'")


def _launch(page: Page, pages: DagsterPages, months: str) -> None:
    """Opens the job, asks for everything of these months, and starts it."""
    page.goto(f"{pages.url}/locations/ledger_pipelines/jobs/month_close")
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Launch runs to materialize {len(MONTH_ASSETS)} assets")
    selection = dialog.locator("input[type=text]").first
    selection.fill(months)
    selection.press("Enter")
    selection.blur()
    dialog.get_by_role("button", name=re.compile("^Launch")).click()
    expect(dialog).to_be_hidden()


def _closes(pages: DagsterPages) -> list[dict[str, Any]]:
    """The runs that somebody asked for: the sensor of paid invoices may ask for its own in between."""
    return [run for run in pages.runs() if run["jobName"] == "month_close"]


def _ended(pages: DagsterPages) -> bool:
    """Whether there are runs and nothing is under way; a run or a backfill that failed has ended, too."""
    ends = {"SUCCESS", "FAILURE", "CANCELED"}
    runs = [run["status"] for run in _closes(pages)]
    backfills = [backfill["status"] for backfill in pages.backfills()]
    return bool(runs) and ends.issuperset(runs) and all(re.match("COMPLETED|FAIL", one) for one in backfills)


def _span(tags: dict[str, str]) -> tuple[str, str]:
    """The first and the last month of a run."""
    one = tags.get("dagster/partition")
    first, last = (tags.get(f"dagster/asset_partition_range_{end}", one) for end in ("start", "end"))
    assert first
    assert last
    return first, last


def _months_are_green(page: Page, pages: DagsterPages, folder: Path) -> None:
    """What a person sees: the asset graph, and the months of the statements."""
    page.goto(f"{pages.url}/asset-groups")
    for group in ("codex", "billing", "invoicing", "crm", "accruals", "cfo"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    page.goto(f"{pages.url}/locations/ledger_pipelines/asset-groups/accruals/lineage")
    for asset in ("monthly_accruals", "deferred_revenue", "accrual_notices"):
        expect(page.get_by_text(asset, exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ / \d+ Passed$")).first).to_be_visible()
    page.screenshot(path=folder / "asset_graph.png")
    page.goto(f"{pages.url}/assets/billing_statements?view=partitions")
    expect(page.get_by_text("Materialized (6)")).to_be_visible()
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    page.screenshot(path=folder / "months.png")
