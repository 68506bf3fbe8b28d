"""The first and the last months that there are, in every command that takes one."""

from __future__ import annotations

import itertools

import pytest

from ledger_pipelines_tests.end_to_end.harness import Ledger

COMMANDS = [
    "close {}",
    "close {} --finalise",
    "close 2024-01 {}",
    "sync --start-date {} --end-date {}",
    "reopen {} --reason why",
    "history --nothing-before {} --reason why",
    "export statements --month {}",
    "export statements --start 2024-01 --end {}",
    "export accruals --month {}",
    "export errors --month {}",
    "migrate --first-month {}",
    "sandbox --until {}-01",
]
MONTHS = ["9999-12", "0001-01"]


@pytest.mark.parametrize("month", MONTHS)
def test_a_month_at_the_edge_of_the_calendar_is_one_sentence(month: str, ledger: Ledger) -> None:
    for command in COMMANDS:
        done = ledger(*command.replace("{}", month).split(), seconds=60)
        assert done.code == 1, (command, done)
        assert done.err.startswith(f"Error: '{month}"), (command, done)
        assert done.err.count("\n") == 1, (command, done)


def test_the_last_and_the_first_month_that_are_read_break_nothing(ledger: Ledger) -> None:
    # Each command at one of the two edges: they are read by the same code.
    months = itertools.cycle(["9998-12", "1000-01"])
    for command, month in zip(COMMANDS, months, strict=False):
        if "sandbox" in command:
            continue
        done = ledger(*command.replace("{}", month).split(), seconds=60)
        assert "Traceback" not in done.err, (command, done)
        assert (done.code, done.err.count("\n")) in ((0, 0), (1, 1)), (command, done)
