"""What people do at the console, at whatever address it has: a clerk's day, an admin's, and the clerk's by keyboard."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZipFile

from playwright.sync_api import Download, Page, expect

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
