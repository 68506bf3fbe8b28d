"""What a person sees and does at Dagster's pages, in a real browser, against one running `ledger up`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from ledger_pipelines.store.periods import close_months
from ledger_pipelines_tests.end_to_end.dagster_pages import START_BACKUPS, DagsterPages, browser_page, leave
from ledger_pipelines_tests.end_to_end.harness import eventually, execute, fetch
from ledger_pipelines_tests.end_to_end.running_up import Up

pytestmark = pytest.mark.timeout(240)
FEE = Decimal("34.46")


@pytest.fixture(scope="module")
def up(running: Up) -> Up:
    """Three months, the first of them closed for good, with a fee that was forgotten until then."""
    done = running.ledger("close", "2025-02", "2025-04")
    assert done.code == 0, done.err
    with running.database.connect() as connection:
        close_months(connection, [date(2025, 1, 1)], person="Ada")
    execute(
        running.database,
        "INSERT INTO custom_line_items (account_number, name, monthly_fee) "
        "SELECT min(account_number), 'Forgotten', %s FROM companies",
        FEE,
    )
    compared = running.ledger("close", "2025-01")
    assert compared.code == 0, compared.err
    return running


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """One page that all tests go on with, as a person does."""
    with browser_page() as page:
        yield page


def test_the_overview_and_the_runs_show_what_commands_did_and_a_run_is_executed_again(
    up: Up, page: Page
) -> None:
    page.goto(f"{up.pages.url}/overview")
    expect(page.get_by_text("month_close").first).to_be_visible()
    page.goto(f"{up.pages.url}/runs")
    expect(page.get_by_text("ledger/months: 2025-02 to 2025-03").first).to_be_visible()
    run_id = next(
        run["runId"] for run in up.pages.runs() if run["tags"].get("dagster/partition") == "2025-01"
    )
    page.get_by_role("link", name=run_id[:8]).first.click()
    page.get_by_role("button").filter(has_text="Re-execute").first.click()
    eventually(lambda: _again(up.pages, run_id), seconds=60, what="the run that is executed again")
    leave(page)
    (again,) = _again(up.pages, run_id)
    assert up.ends(again) == "SUCCESS"
    assert {status for _, status in up.steps(again)} == {"completed"}


def test_a_closed_month_shows_what_was_booked_what_would_be_and_the_difference(up: Up, page: Page) -> None:
    ((booked,),) = fetch(up.database, "SELECT sum(total) FROM billing_statements WHERE month = '2025-01-01'")
    shown = _month(page, up.pages, "billing_statements", "2025-01")
    expect(shown).to_contain_text(f"{booked:,.2f} USD")
    expect(shown).to_contain_text(f"{booked + FEE:,.2f} USD")
    expect(shown).to_contain_text(f"difference{FEE} USD")


def test_each_month_of_the_invoices_shows_its_own_rows(up: Up, page: Page) -> None:
    numbers = fetch(
        up.database,
        "SELECT document_number, to_char(month, 'YYYY-MM') FROM invoices WHERE month < '2025-04-01' "
        "AND document_number IS NOT NULL",
    )
    months = {month for _, month in numbers}
    assert {"2025-01", "2025-02", "2025-03"} <= months
    for month in ("2025-01", "2025-02", "2025-03"):
        shown = _month(page, up.pages, "invoices", month)
        expect(shown).to_contain_text(re.compile("|".join(number for number, of in numbers if of == month)))
        text = shown.inner_text()
        assert not [number for number, of in numbers if of != month and number in text]


def test_checks_are_made_with_a_month_and_never_without_one(up: Up, page: Page) -> None:
    page.goto(f"{up.pages.url}/assets/billing_statements?view=checks")
    # Dagster executes no check of an asset with months alone; its button for all of them asks for no month.
    expect(
        page.get_by_role("button", name="Execute", exact=False).filter(has_text=re.compile("Execute$"))
    ).to_be_disabled()
    before = {run["runId"] for run in up.pages.runs()}
    page.get_by_role("button").filter(has_text="Execute all").click()
    refused = eventually(lambda: _new_run(up.pages, before), seconds=60, what="the run without a month")
    leave(page)
    assert up.ends(refused) == "FAILURE"
    assert up.steps(refused) == []
    page.goto(f"{up.pages.url}/runs/{refused}")
    expect(
        page.get_by_text(re.compile("No month was chosen: press Materialize and choose one")).first
    ).to_be_visible()

    before = {run["runId"] for run in up.pages.runs()}
    page.goto(f"{up.pages.url}/assets/billing_statements")
    page.get_by_role("button").filter(has_text="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    months = dialog.locator("input[type=text]").first
    months.fill("2025-02")
    months.press("Enter")
    months.blur()
    dialog.get_by_role("button", name=re.compile("^Launch")).click()
    run = eventually(lambda: _new_run(up.pages, before), seconds=60, what="the month's run")
    leave(page)
    assert up.ends(run) == "SUCCESS"
    page.goto(f"{up.pages.url}/assets/billing_statements?view=checks")
    page.get_by_text("total_is_the_sum_of_its_lines").first.click()
    expect(page.get_by_text("Passed").first).to_be_visible()
    expect(page.get_by_text("2025-02").first).to_be_visible()


def test_terminate_stops_a_run_in_its_step(up: Up, page: Page) -> None:
    with up.database.connect(application_name="the test") as connection, connection.transaction():
        connection.execute("LOCK TABLE tickets IN SHARE MODE")
        run = up.pages.launch("2025-03")
        eventually(up.waits_for_a_lock, seconds=90, what="the first step's writing")
        page.goto(f"{up.pages.url}/runs/{run}")
        page.get_by_role("button").filter(has_text="Terminate").first.click()
        page.get_by_role("dialog").get_by_role("button").filter(has_text="Terminate").click()
        assert up.ends(run) == "CANCELED"
    assert up.steps(run)[-1] == ("codex", "failed")


def test_a_foreign_page_s_link_and_form_start_nothing(up: Up, page: Page, tmp_path: Path) -> None:
    launched = {run["runId"] for run in up.pages.runs()}
    foreign = tmp_path / "foreign.html"
    graphql = f"{up.pages.url}/graphql"
    foreign.write_text(
        f"<img src='{graphql}?query={quote(START_BACKUPS)}'>"
        f"<form method=post action='{graphql}'><input name=query value='{START_BACKUPS}'></form>"
        "<script>document.forms[0].submit()</script>"
    )
    page.goto(foreign.as_uri())
    page.wait_for_url(graphql)
    expect(page.locator("body")).to_contain_text("error")
    assert up.pages.schedule_state("backup_daily") == "STOPPED"
    assert {run["runId"] for run in up.pages.runs()} == launched


def _month(page: Page, pages: DagsterPages, asset: str, month: str) -> Locator:
    """A month's page of an asset."""
    page.goto(f"{pages.url}/assets/{asset}?view=partitions&partition={month}")
    expect(page.get_by_text("Latest materialization").first).to_be_visible()
    return page.locator("body")


def _again(pages: DagsterPages, run_id: str) -> list[str]:
    return [run["runId"] for run in pages.runs() if run["tags"].get("dagster/parent_run_id") == run_id]


def _new_run(pages: DagsterPages, before: set[str]) -> str | None:
    """The run that was launched since, by a person."""
    found = [
        run["runId"] for run in pages.runs() if run["runId"] not in before and run["jobName"] != "cfo_sync"
    ]
    return found[0] if found else None
