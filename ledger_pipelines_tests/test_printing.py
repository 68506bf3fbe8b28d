"""What the command shows of other people's texts, and of the database's address."""

from __future__ import annotations

import io

import pytest
from rich.padding import Padding
from rich.table import Table

from ledger_pipelines.cli.printing import PrintableConsole
from ledger_pipelines.errors import ConfigurationError, Problem
from ledger_pipelines.store.database import Database

EVIL = "Acme\x1b[2J\x1b]0;owned\x07\u202egnp"


@pytest.mark.parametrize("colours", [False, True])
def test_no_name_controls_the_terminal(colours: bool) -> None:
    out = io.StringIO()
    console = PrintableConsole(file=out, force_terminal=colours, width=80, legacy_windows=False)
    table = Table("Company")
    table.add_row(EVIL)
    for shown in (EVIL, table, Padding(EVIL, (0, 0, 0, 4))):
        console.print(shown, style="red", highlight=False, markup=False)
    text = out.getvalue()
    assert ("\x1b[31m" in text) == colours
    for evil in ("\x1b[2J", "\x1b]0;", "\x07", "\u202e"):
        assert evil not in text
    assert text.count("Acme�[2J�]0;owned") == 3


def test_a_problem_is_one_short_line_whatever_it_quotes() -> None:
    problem = Problem("codex", "tickets", "ticket", "T\x1b[2J" + "9" * 3_000, "Ticket\n\x07\ud800 is odd.")
    assert problem.message == "Ticket �� is odd."
    assert problem.external_id.startswith("T�[2J999")
    assert len(problem.external_id) < 320
    other = Problem("codex", "tickets", "ticket", "T\x1b[2J" + "9" * 3_001, "x")
    assert other.external_id != problem.external_id


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ledger:S3cr/t@db.example/ledger",
        "postgresql://ledger:12/S3cr@db.example/ledger",
        "postgresql://ledger:S3cr/t@db.example:5432/ledger?sslmode=require",
        "postgresql://ledger:S3cr@t@db.example/ledger",
        "postgresql://ledger:S3cr/12",
        "postgres://ledger:12/S3cr?x@db.example/ledger",
    ],
)
def test_a_password_that_is_not_encoded_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        Database(url)
    assert "S3cr" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ledger:S3cr%2Ft%40@db.example/books", "books on db.example:5432 as ledger"),
        ("postgresql://ledger@db.example:5433/books", "books on db.example:5433 as ledger"),
        ("postgresql://one,two:5433/books", "books on one,two:,5433 as the current user"),
        ("postgresql://ledger@/books?host=/tmp/a@b", "books on /tmp/a@b:5432 as ledger"),
        ("postgresql:///books", "books on localhost:5432 as the current user"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert Database(url).label == shown
