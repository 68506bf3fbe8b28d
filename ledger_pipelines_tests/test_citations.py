"""The rules and wire formats that the code cites are in `docs/`, under the headings that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Where the rules and wire formats are kept for all; a machine without it has the copies only.
SHARED = ROOT.parent / "shared"
CITED = sorted(
    path.relative_to(ROOT / "docs") for part in ("rules", "wire") for path in ROOT.glob(f"docs/{part}/*")
)
#: `rules/billing.md`, or `rules/billing.md, Ticket hours`: what begins with a capital or a backtick names a part.
CITATION = re.compile(r"\b((?:rules|wire)/\w+\.md)(?:, ((?:[A-Z]\w*|`[^`]+`)(?: [\w-]+)*))?")
#: What stands out in a document: its headings, words in bold, italics or code, and a name before a colon.
PART = re.compile(r"^#+ (.+)$|\*{1,2}(.+?)\*{1,2}|(`[^`]+`)|^([A-Z]\w*(?: \w+)*): ", re.MULTILINE)


def citations() -> Iterator[tuple[str, str, str]]:
    """Each file that cites, what it cites, and the part that it names, or nothing."""
    files = [
        *ROOT.glob("ledger_pipelines/**/*.py"),
        *ROOT.glob("ledger_pipelines_tests/**/*.py"),
        *ROOT.glob("benchmarks/**/*.py"),
        *ROOT.glob("sql/**/*.sql"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*.md"),
    ]
    for path in files:
        if path != Path(__file__):
            text = re.sub(r"\s*\n\s*(?:#:?|--)?\s*", " ", path.read_text())
            for cited, part in CITATION.findall(text):
                yield str(path.relative_to(ROOT)), cited, part


def test_much_is_cited() -> None:
    assert len(list(citations())) > 70


@pytest.mark.parametrize(("citing", "cited", "part"), sorted(set(citations())))
def test_what_is_cited_is_there(citing: str, cited: str, part: str) -> None:
    document = ROOT / "docs" / cited
    assert document.is_file(), f"{citing} cites {cited}"
    parts = [next(filter(None, found)).casefold() for found in PART.findall(document.read_text())]
    assert not part or any(name.startswith(part.casefold().split(" and ")[0]) for name in parts), (
        f"{citing} cites {cited}, {part}"
    )


@pytest.mark.parametrize("name", map(str, CITED))
def test_the_copies_are_up_to_date(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("the rules and wire formats are not beside the project here")
    kept = set((ROOT / "docs" / name).read_text().splitlines())
    # What only stands beside the project is not spoken of in it.
    changed = [line for line in (SHARED / name).read_text().splitlines() if line not in kept]
    assert [line for line in changed if "seeds/" not in line and "../data" not in line] == []
