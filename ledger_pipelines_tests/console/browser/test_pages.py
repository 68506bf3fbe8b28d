"""Every page in a browser: for everybody's eyes and fingers, in both themes and at both widths, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page

from ledger_pipelines_tests.console.browser.addresses import addresses, records
from ledger_pipelines_tests.console.browser.site import Site

pytestmark = pytest.mark.timeout(600)
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_ALL = {"runOnly": {"type": "tag", "values": list(_TAGS)}}
_CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
#: What takes time is reckoning each row's contrast, and rows look as those before them: of all pages but one of the
#: longest the further ones are left out. Whole pages would take half as long again.
_LOOKED_AT = {"exclude": ["tbody tr:nth-child(n+9)", "details:nth-of-type(n+6)"]}
_LOOKED_AT_WHOLE = "/client/{account}?month=2025-03"
#: Colours are looked at in both themes at both widths; all else, which is the same in both themes, at each width.
_LOOKS = (
    (1280, "light", _ALL),
    (1280, "dark", _CONTRAST),
    (390, "dark", _ALL),
    (390, "light", _CONTRAST),
)
_RUN = "([looked_at, options]) => axe.run(looked_at || document, options)"


def _faults(page: Page, looked_at: dict[str, list[str]] | None) -> list[str]:
    """What is wrong with a page that is open, in both themes and at both widths."""
    found = []
    page.evaluate(AXE_SCRIPT)
    for width, theme, rules in _LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        scrolled = page.evaluate("document.documentElement.scrollWidth")
        if scrolled > width:
            found.append(f"at {width} px it is {scrolled} px wide")
        options = rules | {"resultTypes": ["violations"], "preload": False}
        for one in page.evaluate(_RUN, [looked_at, options])["violations"]:
            where = [node["target"] for node in one["nodes"]][:3]
            found.append(f"{theme} at {width} px: {one['id']} {where}")
    return found


def test_every_page_is_for_everybody_in_both_themes_and_at_both_widths_and_of_one_origin(
    site: Site, person_at: Callable[..., BrowserContext]
) -> None:
    page = person_at("admin", reduced_motion="reduce").new_page()
    elsewhere: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda asked: elsewhere.append(asked.url) if _leaves(asked.url, site.direct) else None)
    page.on("console", lambda said: complaints.append(f"{page.url}: {said.text}") if _is_bad(said) else None)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    faults: dict[str, list[str]] = {}
    found_at = addresses(site.database)
    whole = _LOOKED_AT_WHOLE.format_map(records(site.database))
    assert whole in found_at
    for address in found_at:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        assert answer.headers["content-type"].startswith("text/html"), address
        found = _faults(page, None if address == whole else _LOOKED_AT)
        if found:
            faults[address] = found
    assert faults == {}
    assert elsewhere == []
    assert complaints == []


def _leaves(url: str, origin: str) -> bool:
    return not url.startswith((f"{origin}/", "data:"))


def _is_bad(said: Any) -> bool:
    return said.type in {"error", "warning"}
