"""One book for all of this folder, and a browser for each of its modules."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.periods import close_months
from ledger_pipelines_tests.browser_setup import find_browser
from ledger_pipelines_tests.console.browser.furnishing import furnish
from ledger_pipelines_tests.console.browser.site import MONTHS, Book, Site, site_on
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.end_to_end.running_up import SCHOOL


@pytest.fixture(scope="session")
def book(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """Three months of a small school that has clients, the first closed, with something on every page."""
    with copied_database(server) as database, running_sandbox(SCHOOL) as sandbox:
        ledger = Ledger(tmp_path_factory.mktemp("console_book"), database.url)
        ledger.use_all(sandbox)
        done = ledger("close", f"{MONTHS[0]:%Y-%m}", "2025-04")
        assert done.code == 0, done.err
        with database.connect() as connection:
            furnish(connection)
            close_months(connection, [MONTHS[0]], person="ada")
        yield Book(server, database, sandbox)


@pytest.fixture(scope="module")
def site(book: Book) -> Iterator[Site]:
    """A console on a copy of the book, for all tests of a module."""
    with site_on(book) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; the tests are skipped where there is none, except in CI."""
    path = find_browser()
    if path is None:
        assert os.environ.get("CI") != "true", "there is no browser, and CI is true"
        pytest.skip("there is no browser: `python -m ledger_pipelines_tests.browser_setup` installs one")
    with sync_playwright() as playwright:
        # The other worker may keep the machine busy: how long a page takes is not what is tested.
        expect.set_options(timeout=30_000)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def person_at(browser: Browser, site: Site) -> Iterator[Callable[..., BrowserContext]]:
    """Gives a browser's profile in which somebody is signed in, as after a click on Core's page."""
    opened: list[BrowserContext] = []

    def at(user: str | None, **options: object) -> BrowserContext:
        context = browser.new_context(base_url=site.direct, **options)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        opened.append(context)
        if user is not None:
            page = context.new_page()
            page.goto("/login?next=/docs")
            page.get_by_role("link", name=user).click()
            page.wait_for_url("**/docs")
            page.close()
        return context

    yield at
    for context in opened:
        context.close()
