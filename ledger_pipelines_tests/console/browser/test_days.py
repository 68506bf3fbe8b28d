"""A clerk's day and what of an admin's needs no Dagster: direct, behind the gateway, by keyboard, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from ledger_pipelines_tests.console.browser import days
from ledger_pipelines_tests.console.browser.site import Book, Site, site_on

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def site(book: Book) -> Iterator[Site]:
    """A copy of the book for each day."""
    with site_on(book) as site:
        yield site


def _one(site: Site, query: str) -> str:
    with site.database.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None, query
    return str(row[0])


def _account(site: Site) -> str:
    return _one(site, "SELECT max(account_number) FROM companies")


def _edits(site: Site, table: str) -> list[tuple[str, str | None]]:
    with site.database.connect() as connection:
        return connection.execute(
            "SELECT person, reason FROM edits WHERE table_name = %s AND person LIKE '%%lerk%%' ORDER BY id",
            [table],
        ).fetchall()


@pytest.mark.parametrize("door", ["direct", "gateway"])
def test_a_clerks_day(
    site: Site, person_at: Callable[..., BrowserContext], door: str, tmp_path: Path
) -> None:
    base, account = getattr(site, door), _account(site)
    page = person_at(None, accept_downloads=True).new_page()
    if door == "direct":
        days.sign_in(page, base, "clerk")
    else:
        site.at_gateway["user"] = "clerk"
        page.goto(f"{base}/")
        assert page.evaluate("[document.documentElement.dataset.theme, window.fromGateway]") == ["dark", True]
    days.find_client(page, base, account)
    shown = days.override_a_rate(page, "User", "99.25")
    users = int(
        _one(
            site,
            f"SELECT regular_users FROM billing_statements WHERE month = '2025-03-01' AND account_number = '{account}'",
        )
    )
    assert f"{users * Decimal('99.25'):,.2f}" in shown or "99.25" in shown
    days.add_a_one_off(page, base, account, "Office move", "120.40")
    expect(page.locator("table.statement")).to_contain_text("Office move")
    expect(page.locator("table.statement")).to_contain_text("99.25")
    pdf = days.download(page, "PDF", tmp_path)
    assert pdf.read_bytes().startswith(b"%PDF-")
    page.goto(f"{base}/?month={days.MONTH}")
    expect(page.locator("tbody .mark").first).to_have_text("edited since its run")
    assert len(days.names_in(days.download(page, "CSVs in a ZIP", tmp_path))) == 3
    assert len(days.names_in(days.download(page, "PDFs in a ZIP", tmp_path))) == 3
    assert [reason for _, reason in _edits(site, "client_billing_overrides")] == ["agreed on the phone"]
    assert [reason for _, reason in _edits(site, "custom_line_items")] == ["moved to a new office"]


def test_a_clerks_day_by_keyboard(site: Site, person_at: Callable[..., BrowserContext]) -> None:
    account = _account(site)
    page = person_at(None).new_page()
    page.goto(f"{site.direct}/")
    _press_at(page, page.get_by_role("link", name="clerk"))
    page.wait_for_url(f"{site.direct}/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(account)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/client/{account}*")
    _press_at(page, page.get_by_role("navigation", name="Documents").get_by_role("link", name="Settings"))
    page.wait_for_url("**/settings*")
    _tab_to(page, page.get_by_label("Server", exact=True))
    page.keyboard.type("77.75")
    _tab_to(page, page.get_by_label(re.compile("^Why")).first)
    page.keyboard.type("by hand")
    _press_at(page, page.get_by_role("button", name="Preview").first)
    expect(page.locator(".beside").first).to_contain_text(days.MONTH)
    page.keyboard.press("Control+s")
    expect(page.locator("#news")).to_contain_text("aved")
    page.goto(f"{site.direct}/client/{account}?month={days.MONTH}")
    _tab_to(page, page.locator("#one-off").get_by_label("What"))
    page.keyboard.type("Typed")
    page.keyboard.press("Tab")
    page.keyboard.type("12.10")
    page.keyboard.press("Enter")
    expect(page.locator("#news")).to_contain_text("Saved")
    assert [reason for _, reason in _edits(site, "client_billing_overrides")] == ["by hand"]
    page.locator("body").press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/periods")


def _tab_to(page: Page, wanted: Locator) -> None:
    """Goes on with the Tab key until this is in focus, and one sees it."""
    expect(wanted).to_have_count(1)
    for _ in range(250):
        if wanted.evaluate("element => element === document.activeElement"):
            expect(wanted).to_be_in_viewport()
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never comes to {wanted}")


def _press_at(page: Page, wanted: Locator) -> None:
    _tab_to(page, wanted)
    page.keyboard.press("Enter")


def test_all_is_read_and_saved_without_scripts(site: Site, person_at: Callable[..., BrowserContext]) -> None:
    account = _account(site)
    page = person_at(None, java_script_enabled=False).new_page()
    days.sign_in(page, site.direct, "clerk", f"/client/{account}?month={days.MONTH}")
    page.get_by_role("link", name=re.compile("^Why")).first.click()
    expect(page.get_by_role("main")).to_contain_text("March 2025")
    days.find_client(page, site.direct, account)
    days.override_a_rate(page, "Workstation", "41.15")
    days.add_a_one_off(page, site.direct, account, "Without scripts", "5")
    page.goto(f"{site.direct}/?month={days.MONTH}")
    page.get_by_role("searchbox", name="Account or company").fill(account)
    page.get_by_role("button", name="Show").last.click()
    expect(page.get_by_role("table", name="Companies").get_by_role("row")).to_have_count(2)
    assert len(_edits(site, "client_billing_overrides")) == 1


@pytest.mark.parametrize("door", ["direct", "gateway"])
def test_an_admins_day(site: Site, person_at: Callable[..., BrowserContext], door: str) -> None:
    base = getattr(site, door)
    page = person_at(None).new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    if door == "direct":
        days.sign_in(page, base, "admin")
    page.goto(f"{base}/admin/plans?plan=House")
    page.get_by_role("link", name=re.compile("^Edit")).first.click()
    page.get_by_label("User", exact=True).fill("23.45")
    page.get_by_role("button", name="Preview").first.click()
    expect(page.locator(".beside").first).to_contain_text("Total difference")
    page.get_by_role("button", name="Save").first.click()
    expect(page.locator("#news")).to_contain_text("aved")
    assert _one(site, "SELECT per_user_cost FROM billing_plans WHERE billing_plan = 'House'") == "23.4500"
    page.goto(f"{base}/errors?q=4711")
    page.get_by_label(re.compile("^Choose company 4711")).check()
    page.get_by_label("Note").fill("has a plan now")
    page.get_by_role("button", name="Resolve chosen").click()
    expect(page.locator("#news")).to_contain_text("1")
    assert _one(
        site, "SELECT resolution_notes FROM integration_errors WHERE external_id = '4711'"
    ).startswith("has a plan now")
    page.goto(f"{base}/periods/2025-01")
    page.get_by_text("Reopen 2025-01").click()
    page.get_by_label(re.compile("^Why")).fill("a wrong rate")
    page.get_by_role("button", name="Reopen").click()
    expect(page.get_by_role("main")).to_contain_text("a wrong rate")
    assert _one(site, "SELECT status FROM ledger_periods WHERE month = '2025-01-01'") == "open"
