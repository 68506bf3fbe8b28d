"""What MkDocs does beside rendering: adds the reference, the lineage, and the checkout's files that pages link to."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs_site.lineage import lineage, picture
from docs_site.reference import pages

_ROOT = Path(__file__).parents[1]
#: Where the checkout's files outside `docs/` stand in the site.
_CHECKOUT = "checkout"
_OUTSIDE = re.compile(r"\]\(((?:\.\./)+[\w./-]+)\)")
_LINEAGE = "<!-- lineage -->"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages that are written from the code, and the files that lie outside `docs/`."""
    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    for page in files.documentation_pages():
        for name in {_outside(page.src_uri, target) for target in _OUTSIDE.findall(page.content_string)}:
            if name is not None and files.get_file_from_path(f"{_CHECKOUT}/{name}") is None:
                files.append(File.generated(config, f"{_CHECKOUT}/{name}", abs_src_path=str(_ROOT / name)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links out of `docs/` to the copies, and puts the lineage where a page has its place."""

    def led(found: re.Match[str]) -> str:
        name = _outside(page.file.src_uri, found[1])
        if name is None:
            return found[0]
        here = page.file.src_uri.rpartition("/")[0] or "."
        return f"]({relpath(f'{_CHECKOUT}/{name}', here)})"

    text = _OUTSIDE.sub(led, markdown)
    if _LINEAGE in text:
        text = text.replace(_LINEAGE, f'<div class="lineage-frame">{picture(lineage())}</div>')
    return text


def _outside(source: str, target: str) -> str | None:
    """The file of the checkout that a page's link leads to; None where it stays in `docs/`."""
    found = normpath(f"docs/{source.rpartition('/')[0]}/{target}")
    return None if found.startswith("docs/") or not (_ROOT / found).is_file() else found
