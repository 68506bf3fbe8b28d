"""A newcomer's path through the documentation, and a data engineer's after it: each command, in one folder."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines import Ledger as Books
from ledger_pipelines_tests.conftest import short_folder
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger
from ledger_pipelines_tests.end_to_end.pages import Reader, commands_of, missing_from, steps_of

_GUIDES = (
    "operations.md",
    "cfo.md",
    "console.md",
    "api.md",
    "billing.md",
    "accruals.md",
    "demo.md",
    "deployment.md",
)
#: What goes on running, and what other tests of this folder run at length.
_LONG = {"up", "console", "sandbox", "bench", "close", "sync", "reopen"}
#: What these books have no occasion for, and what they have to say.
_REFUSED = {
    'errors ignore 7 --note "Left before the ledger began"': "There is no integration error 7",
    "cfo sync --force": "1 of the invoices have failed",
    "prune": "Say how old runs may get",
    "restore books-2025-03.zip": "holds books",
    "restore /files/books.zip": "/files/books.zip",
    "cfo verify": "it has no client",
    "cfo verify --repair": "it has no client",
}
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the reader works; the tutorial's `practice` is a home in it."""
    folder = short_folder("walk-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def reader(folder: Path) -> Iterator[Reader]:
    """Somebody who has followed the tutorial."""
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LEDGER_HOME", str(folder / "practice"))
        patch.delenv("LEDGER_DATABASE_URL", raising=False)
        reader = Reader(Ledger(folder, variables={"COLUMNS": "100"}), stack)
        assert reader.follow("tutorial.md") == 18
        yield reader


def test_the_tutorial_ends_with_a_closed_month(reader: Reader, folder: Path) -> None:
    with Books(home=folder / "practice") as books:
        assert books.periods()["status"].tolist() == ["closed", "open", "open"]
        posted = books.months("journal_entries", "2025-01")["status"]
    assert set(posted) == {"posted"}
    assert len(posted) > 10
    assert (folder / "march.xlsx").stat().st_size > 1000


def test_the_notebook_s_blocks_print_what_the_page_shows(reader: Reader) -> None:
    assert reader.follow("notebook.md") > 10


def test_the_guides_commands_work_on_these_books(reader: Reader) -> None:
    """In each page's order, for a company and a month that these books have; what is only named is no command."""
    done: dict[str, Done] = {}
    for page in _GUIDES:
        for command in commands_of(page):
            own = re.sub(r"620547|836444", "169010", command.replace("2026-10", "2025-03"))
            if own not in done and own.split()[0] not in _LONG:
                done[own] = reader.ran(own)
    tried = {own: one for own, one in done.items() if not _is_only_named(one)}
    assert len(tried) > 25
    refused = {own: one.out + one.err for own, one in tried.items() if one.code != 0}
    assert refused.keys() == _REFUSED.keys(), refused
    for own, sentence in _REFUSED.items():
        assert sentence in refused[own]
    assert all("Traceback" not in one.err for one in done.values())


def _is_only_named(done: Done) -> bool:
    return done.code == 2 and ("Missing argument" in done.err or "requires an argument" in done.err)


def test_what_a_page_shows_is_looked_for_in_its_order() -> None:
    output = "one\ntwo  \nthree four\n"
    assert missing_from(output, ["…", "two", "three…"]) is None
    assert missing_from(output, ["two", "one"]) == "one"
    assert missing_from(output, ["three"]) == "three"
    assert [step.language for step in steps_of("notebook.md")][:2] == ["python", "python"]
