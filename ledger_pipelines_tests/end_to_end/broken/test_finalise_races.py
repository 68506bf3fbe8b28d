"""`ledger close --finalise` while another run writes another reading: what is closed is what was checked.

How many trials is LEDGER_TRIALS, the seed LEDGER_TRIALS_SEED; both are printed.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import pytest

from ledger_pipelines.sandbox.registry import environment
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.end_to_end.harness import MONTH_TABLES, Ledger, Rows, execute, fetch
from ledger_pipelines_tests.hostile.distorting import OTHER, Distortion, distorting

MONTH = "2025-03"
TRIALS = int(os.environ.get("LEDGER_TRIALS", "1"))
SEED = int(os.environ.get("LEDGER_TRIALS_SEED", "16"))
#: The lists of which the other run reads other values, and the months that it is for: tickets are read for a year.
LISTS = ("codex tickets", "codex plans", "holded invoices")
OTHER_RUNS = (
    ("close", MONTH),
    ("close", "2025-05"),
    ("sync", "--start-date", "2025-02-01", "--end-date", "2025-05-01"),
)
#: Seconds between the two commands' beginnings: either may be the first.
APART = 9.0


class Race:
    """Two homes on the databases of one server: one ledger reads the sandbox, the other one something else."""

    def __init__(
        self, server: EmbeddedServer, folder: Path, url: str, other_url: str, other: Distortion
    ) -> None:
        self._server, self._folder, self.other = server, folder, other
        self._urls = (url, other_url)

    def ledgers(self, database: Database) -> tuple[Ledger, Ledger]:
        """The one that closes and the one that writes meanwhile."""
        one, two = (
            Ledger(self._folder / name, database.url, environment(url))
            for name, url in zip(("closing", "other"), self._urls, strict=True)
        )
        return one, two

    def copy(self, of: Database | None = None) -> AbstractContextManager[Database]:
        """A database like that one, or an empty ledger."""
        return copied_database(self._server, of)


@pytest.fixture(scope="module")
def race(
    server: EmbeddedServer, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Race]:
    """Two ledgers that read the same sandbox, one of them through a server that changes values."""
    folder = tmp_path_factory.mktemp("race")
    with distorting(sandbox.base_url) as (url, distortion):
        yield Race(server, folder, sandbox.base_url, url, distortion)


def _month(database: Database) -> Rows:
    """The month's rows of every table."""
    # Closing posts the journal's drafts, each with a number: nothing else of them.
    shown = dict.fromkeys(MONTH_TABLES, "t::text") | {
        "journal_entries": "(to_jsonb(t) - 'status' - 'number')::text"
    }
    return {
        table: fetch(database, f"SELECT {row} FROM {table} t WHERE month = '{MONTH}-01' ORDER BY 1")
        for table, row in shown.items()
    }


def _status(database: Database) -> str:
    return str(fetch(database, f"SELECT status FROM ledger_periods WHERE month = '{MONTH}-01'")[0][0])


@pytest.mark.timeout(600 + 90 * TRIALS)
def test_what_is_closed_is_what_was_checked(race: Race, march: Database) -> None:
    print(f"LEDGER_TRIALS={TRIALS} LEDGER_TRIALS_SEED={SEED}")
    draw = random.Random(SEED)
    closed, faults = 0, []
    with race.copy(march) as database:
        # What the sandbox's named cases lack stands against every closing.
        execute(
            database,
            "UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = 'known'",
        )
        checked = _month(database)
        for number in range(TRIALS):
            other_run, listed = draw.choice(OTHER_RUNS), draw.choice(LISTS)
            apart = draw.uniform(-APART, APART)
            race.other.set(listed, OTHER)
            with race.copy(database) as own:
                told, is_closed = _race(race, own, other_run, apart)
                closed += is_closed
                trial = f"trial {number}, {listed}, {' '.join(other_run)}, {apart:.1f} s apart: {told}"
                if is_closed and _month(own) != checked:
                    differing = [table for table, rows in _month(own).items() if rows != checked[table]]
                    faults.append(f"{trial}: closed other rows of {', '.join(differing)}")
                if not is_closed and not told:
                    faults.append(f"{trial}: not closed without a word")
                print(trial)
    print(f"{closed} of {TRIALS} closed")
    assert faults == []


def _race(race: Race, database: Database, other_run: tuple[str, ...], apart: float) -> tuple[str, bool]:
    """Runs both; the sentence of the one that closes, and whether the month is closed."""
    ledger, other = race.ledgers(database)
    arguments = [("close", MONTH, "--finalise", "--refresh-snapshots"), other_run]
    pair = list(zip((ledger, other), arguments, strict=True))
    if apart < 0:
        pair.reverse()
    with ExitStack() as stack:
        begun = []
        for one, command in pair:
            begun.append(stack.enter_context(one.started(*command)))
            if len(begun) == 1:
                with suppress(subprocess.TimeoutExpired):
                    begun[0].process.wait(abs(apart))
        ended = [one.finished() for one in begun]
    if apart < 0:
        ended.reverse()
    closing = ended[0]
    assert "Traceback" not in "".join(one.err for one in ended)
    is_closed = _status(database) == "closed"
    assert is_closed == (closing.code == 0), closing.err
    return " ".join(closing.err.split())[:300], is_closed


@pytest.mark.timeout(400)
def test_of_two_who_close_a_month_at_once_one_closes_its_own_reading(race: Race) -> None:
    """Each reads other rates. Whichever closes, the month's rows are all of its reading, and the other one says so."""
    finalise = ("close", MONTH, "--finalise", "--refresh-snapshots")
    race.other.set("codex plans", OTHER)
    with race.copy() as database:
        one, other = race.ledgers(database)
        assert one("close", MONTH).code == 0
        execute(
            database,
            "UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = 'known'",
        )
        readings = [_month(database)]
        assert other("close", MONTH, "--refresh-snapshots").code == 0
        readings.append(_month(database))
        assert readings[0] != readings[1]
        with one.started(*finalise) as first, other.started(*finalise) as second:
            ended = [first.finished(), second.finished()]
        for done in ended:
            assert "Traceback" not in done.err, done.err
            # Who did not close it says why, whether as a refusal or as what would be different.
            told = " ".join((done.out + done.err).split())
            assert done.code == 0 or "Error: " in told, told
        closings = fetch(database, "SELECT action FROM ledger_period_events")
        if all(done.code for done in ended):
            # Both were told that the other one wrote meanwhile; whoever asks again gets it.
            assert closings == []
            assert one(*finalise).code == 0
        assert fetch(database, "SELECT action FROM ledger_period_events") == [("closed",)]
        assert _status(database) == "closed"
        assert _month(database) in readings
