"""The documentation site: it builds strictly, names all that the code has, and asks nothing of another origin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from docs_site.lineage import lineage
from docs_site.reference import command_tree, openapi, page_routes
from ledger_pipelines.tables import TABLES
from ledger_pipelines_tests.conftest import FIRST_MONTH

_ROOT = Path(__file__).parents[1]
#: Attributes by which a page asks for something as it is read, without a click.
_FETCHES = {"src", "srcset", "poster", "data", "action"}


class Links(HTMLParser):
    """What a page links to, what it fetches, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps the element's addresses and its id."""
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name in _FETCHES or (name == "href" and tag in {"link", "use", "image"}):
                self.fetched.add(value or "")
            elif name == "href":
                self.links.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The built site; any warning, such as a link to nowhere, fails it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.setenv("LEDGER_FIRST_MONTH", f"{FIRST_MONTH:%Y-%m}")
        folder = tmp_path_factory.mktemp("site")
        build(load_config(str(_ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder)))
        yield folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Links]:
    """Its pages by their place, but for the one that a server shows where there is none."""
    found = {str(path.relative_to(site)): Links(path.read_text()) for path in site.rglob("*.html")}
    del found["404.html"]
    return found


def words(site: Path, page: str) -> str:
    """A page as it is read."""
    return unescape(re.sub(r"<[^>]+>", "", (site / page).read_text()))


def test_the_reference_names_every_command_route_table_and_column(site: Path) -> None:
    commands = words(site, "reference/commands.html")
    assert len(command_tree()) > 40
    for name, command in command_tree():
        _, _, section = commands.partition(f"ledger {name}¶")
        assert section, name
        section = section.partition("¶")[0]
        options = [word for one in command.params for word in one.opts if word.startswith("-")]
        assert [word for word in options if word not in section] == [], name

    routes = words(site, "reference/routes.html")
    for path, operations in openapi()["paths"].items():
        for method in operations:
            assert f"{method.upper()} {path}¶" in routes
    assert len(page_routes()) > 40
    for route, _ in page_routes():
        assert route.strip("`") in routes

    tables = (site / "reference/tables.html").read_text()
    for name, table in TABLES.items():
        _, _, section = tables.partition(f'<h2 id="{name}">')
        section = section.partition("<h2")[0]
        assert [one.name for one in table.all_columns if f"<code>{one.name}</code>" not in section] == [], (
            name
        )

    variables = words(site, "reference/variables.html")
    documented = re.findall(r"^\| `([A-Z_]+)`", (_ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    assert [name for name in documented if name not in variables] == []
    assert "LEDGER_TIMEZONE" in variables


def test_the_architecture_shows_the_real_lineage(site: Path) -> None:
    [svg] = re.findall(r'<svg class="lineage".*?</svg>', (site / "architecture.html").read_text(), re.DOTALL)
    assets = lineage()
    assert set(re.findall(r"<text[^>]*>([^<]+)</text>", svg)) == set(assets)
    assert svg.count("<path") == sum(len(parents) for _, parents in assets.values())
    assert not re.search(r"#[0-9a-f]{3,6}\b", svg)
    drawn = [float(number) for number in re.findall(r' [xy]="([\d.]+)"', svg)]
    assert min(drawn) >= 0


def test_every_link_in_the_site_leads_somewhere(site: Path, pages: dict[str, Links]) -> None:
    checked = 0
    for place, page in pages.items():
        for link in page.links | page.fetched:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (site / place).parent / unquote(parts.path) if parts.path else site / place
            assert target.exists(), f"{place}: {link}"
            if parts.fragment and target.suffix == ".html":
                ids = pages[str(target.resolve().relative_to(site.resolve()))].ids
                assert unquote(parts.fragment) in ids, f"{place}: {link}"
            checked += 1
    assert checked > 1000


def test_reading_it_asks_nothing_of_another_origin(site: Path, pages: dict[str, Links]) -> None:
    for place, page in pages.items():
        assert [one for one in page.fetched if urlsplit(one).netloc or one.startswith("//")] == [], place
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet
    # What the theme's script could ask others for: a mermaid diagram's renderer, and facts of a public repository.
    html = "".join(path.read_text() for path in site.rglob("*.html"))
    assert 'class="mermaid"' not in html
    assert 'data-md-component="source"' not in html
