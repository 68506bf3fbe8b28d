"""What people do at the console, at whatever address it has: a clerk's day, an admin's, and the clerk's by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZipFile

from playwright.sync_api import Download, Locator, Page, expect

MONTH = "2025-03"


def sign_in(page: Page, base: str, user: str, following: str = "/") -> None:
    """Signs in with one click on Core's page."""
    page.goto(f"{base}{following}")
    page.get_by_role("link", name=user).click()
    page.wait_for_url(f"{base}{following}")


def find_client(page: Page, base: str, account: str) -> None:
    """Goes to a client by the search box, from wherever one is."""
    page.get_by_role("searchbox", name=re.compile("Find an account")).fill(account)
    page.get_by_role("searchbox", name=re.compile("Find an account")).press("Enter")
    page.wait_for_url(re.compile(re.escape(f"{base}/client/{account}")))


def override_a_rate(page: Page, rate: str, value: str) -> str:
    """Overrides a rate of the client that one looks at; what the preview says before it is saved."""
    page.get_by_role("link", name="Settings", exact=True).last.click()
    page.wait_for_url("**/settings*")
    page.get_by_label(rate, exact=True).fill(value)
    page.get_by_label(re.compile("^Why")).first.fill("agreed on the phone")
    page.get_by_role("button", name="Preview").first.click()
    shown = page.locator(".beside").first
    expect(shown).to_contain_text(MONTH)
    before_saving = shown.inner_text()
    page.get_by_role("button", name="Save").first.click()
    expect(page.locator("#news")).to_contain_text("aved")
    return before_saving


def add_a_one_off(page: Page, base: str, account: str, name: str, amount: str) -> None:
    """Adds a one-off on the client's page."""
    page.goto(f"{base}/client/{account}?month={MONTH}")
    form = page.locator("#one-off form")
    form.get_by_label("What").fill(name)
    form.get_by_label("Amount").fill(amount)
    form.get_by_label(re.compile("^Why")).fill("moved to a new office")
    form.get_by_role("button", name="Add").click()
    expect(page.locator("#news")).to_contain_text("Saved")


def download(page: Page, name: str, folder: Path) -> Path:
    """Downloads what a link of this name leads to."""
    with page.expect_download() as begun:
        page.get_by_role("link", name=name, exact=True).click()
    arrived: Download = begun.value
    path = folder / arrived.suggested_filename
    arrived.save_as(path)
    return path


def names_in(archive: Path) -> list[str]:
    """The files of a ZIP."""
    with ZipFile(archive) as opened:
        assert opened.testzip() is None
        return opened.namelist()


def tab_to(page: Page, wanted: Locator) -> None:
    """Goes on with the Tab key until this is in focus, and one sees it."""
    expect(wanted).to_have_count(1)
    for _ in range(250):
        if wanted.evaluate("element => element === document.activeElement"):
            expect(wanted).to_be_in_viewport()
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never comes to {wanted}")


def press_at(page: Page, wanted: Locator) -> None:
    """Goes there with the Tab key, and presses Enter."""
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def ignore_what_may_stay(page: Page, base: str, text: str, why: str) -> None:
    """Ignores all open errors with this text, with a note."""
    page.goto(f"{base}/errors?q={text}")
    page.get_by_role("button", name="Choose all shown").click()
    page.get_by_label("Note").fill(why)
    page.get_by_role("button", name="Ignore chosen").click()
    expect(page.locator("#news")).to_contain_text("gnored")


def begin_to_close(page: Page, base: str, month: str) -> None:
    """Has a month run and closed for good, and is asked whether one means it."""
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto(f"{base}/periods/{month}")
    page.get_by_role("button", name="Run and close for good").click()
    page.wait_for_url("**/periods/closing/*")


def see_it_closed(page: Page, month: str) -> None:
    """Waits, without touching anything, until the page says that the month is closed."""
    expect(page.locator("#closing .notice")).to_contain_text("closed for good", timeout=150_000)
    page.get_by_role("link", name=month, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("closed")


def run_a_puller(page: Page, base: str, job: str, month: str) -> None:
    """Runs a job for a month from the page of the pullers."""
    page.goto(f"{base}/admin/pullers?job={job}#run")
    form = page.locator("form[action$='/admin/pullers/run']")
    form.get_by_label("Month", exact=True).fill(month)
    form.get_by_role("button", name="Run").click()
    page.wait_for_url("**/sync/requests/*")
    expect(page.locator("#watch")).to_contain_text("under way")


def see_it_done(page: Page) -> None:
    """Waits, without touching anything, until the page says that the run is done; then looks at its log."""
    expect(page.locator("#watch .mark.good").first).to_have_text("done", timeout=150_000)
    page.get_by_role("link", name="its log").click()
    expect(page.get_by_role("region", name="Log")).to_contain_text("Process for run exited")


def reopen(page: Page, base: str, month: str, why: str) -> None:
    """Reopens a closed month with a reason."""
    page.goto(f"{base}/periods/{month}")
    page.get_by_text(f"Reopen {month}").click()
    page.get_by_label(re.compile("^Why")).fill(why)
    page.get_by_role("button", name="Reopen").click()
    expect(page.get_by_role("main")).to_contain_text(why)
