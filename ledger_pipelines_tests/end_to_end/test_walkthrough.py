"""A newcomer's path through the documentation, and a data engineer's after it: each command, in one folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_pipelines import Ledger as Books
from ledger_pipelines_tests.conftest import short_folder
from ledger_pipelines_tests.end_to_end.harness import Ledger
from ledger_pipelines_tests.end_to_end.pages import Reader, missing_from, steps_of

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


def test_what_a_page_shows_is_looked_for_in_its_order() -> None:
    output = "one\ntwo  \nthree four\n"
    assert missing_from(output, ["…", "two", "three…"]) is None
    assert missing_from(output, ["two", "one"]) == "one"
    assert missing_from(output, ["three"]) == "three"
    assert [step.language for step in steps_of("notebook.md")][:2] == ["python", "python"]
