"""Databases that die, turn read-only or run into each other under a command: a sentence, and books that hold.

How many instants is LEDGER_TRIALS (of two commands where it is not set), the seed LEDGER_TRIALS_SEED; both are printed.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path

import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.migrations import migrate
from ledger_pipelines.store.periods import close_months, reopen_month
from ledger_pipelines_tests.conftest import FIRST_MONTH, FORGETFUL, short_folder
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger, eventually, execute, fetch, rows

MONTH = date(2025, 3, 1)
TRIALS = int(os.environ.get("LEDGER_TRIALS", "1"))
SEED = int(os.environ.get("LEDGER_TRIALS_SEED", "16"))
#: Commands that read or write the books, and in how many seconds they are about done.
COMMANDS: dict[tuple[str, ...], float] = {
    ("close", "2025-03", "--finalise"): 12,
    ("sync", "--start-date", "2025-03-01", "--end-date", "2025-05-01"): 8,
    ("export", "accruals", "--month", "2025-03"): 3,
    ("errors", "list"): 1.5,
}


def in_a_sentence(done: Done) -> str:
    """What a failed command said: one sentence after `Error:`, and no traceback anywhere."""
    assert done.code == 1, (done.code, done.err)
    for stream in (done.out, done.err):
        assert "Traceback" not in stream, stream
        assert "psycopg" not in stream, stream
        assert 'File "' not in stream, stream
    told = " ".join(done.err.split())
    assert re.search(r"(^|\. )Error: \S.*\.$", told), done.err
    return told.rpartition("Error: ")[2]


def _server(home: Path) -> EmbeddedServer:
    """The server of this home, which may have to recover from the last time first."""

    def started() -> EmbeddedServer | None:
        with suppress(LedgerError, psycopg.Error):
            # What is written is in memory's hands when a process is killed: nothing need reach a disk.
            server = EmbeddedServer(home, settings=FORGETFUL)
            with server.database("postgres").connect():
                return server
        return None

    found = eventually(started, seconds=120, what="a server that has recovered", pause=1)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home for a server that may be killed."""
    home = short_folder("ledger-killed-")
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.timeout(300 + 240 * TRIALS)
def test_a_server_that_is_killed_under_a_command_is_told_in_a_sentence(
    sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    print(f"LEDGER_TRIALS={TRIALS} LEDGER_TRIALS_SEED={SEED}")
    server = _server(home)
    database = server.database("books")
    migrate(database, first_month=FIRST_MONTH)
    ledger = Ledger(tmp_path / "ledger", database.url)
    ledger.use_all(sandbox)
    assert ledger("close", "2025-03").code == 0
    whole = rows(database)
    for command in list(COMMANDS)[: None if TRIALS > 1 else 2]:
        draw = random.Random(f"{SEED}{command}")
        for _ in range(TRIALS):
            pid = server.pid
            assert pid is not None
            instant = draw.uniform(0, COMMANDS[command])
            with ledger.started(*command) as running:
                with suppress(subprocess.TimeoutExpired):
                    running.process.wait(instant)
                os.kill(pid, signal.SIGKILL)
                done = running.finished()
            told = " ".join(done.err.split())[-200:]
            print(f"{' '.join(command)}: killed after {instant:.1f} s: {done.code} {told}")
            if done.code != 0:
                assert "database" in in_a_sentence(done).lower()
            server = _server(home)
    assert ledger("close", "2025-03").code == 0
    assert rows(database) == whole
    server.release()


def test_a_database_that_turns_read_only_in_the_middle_is_told_in_a_sentence(
    ledger: Ledger, database: Database
) -> None:
    whole = rows(database)
    execute(database, "UPDATE plans SET per_user_cost = per_user_cost + 1")
    name = fetch(database, "SELECT current_database()")[0][0]
    with database.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE plans IN SHARE MODE")
        with ledger.started("close", "2025-03", "--refresh-snapshots") as running:
            eventually(
                lambda: fetch(
                    database,
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
                ),
                seconds=80,
                what="a run that waits in the middle of writing",
            )
            # Every connection that is made from now on may only read.
            execute(database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            connection.execute("ROLLBACK")
            done = running.finished()
    assert "read-only" in in_a_sentence(done)
    writable = "-cdefault_transaction_read_only=off"
    with psycopg.connect(database.url, autocommit=True, options=writable) as connection:
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
    assert ledger("close", "2025-03", "--refresh-snapshots").code == 0
    assert rows(database) == whole


def test_of_two_who_reopen_a_month_at_once_one_does_and_the_other_is_told(
    ledger: Ledger, database: Database
) -> None:
    for _ in range(max(TRIALS, 3)):
        with database.connect() as connection:
            close_months(connection, [MONTH], person="Ada")
        with ThreadPoolExecutor(2) as both:
            ended = list(both.map(lambda reason: ledger("reopen", "2025-03", "--reason", reason), "12"))
        assert sorted(done.code for done in ended) == [0, 1]
        (loser,) = (done for done in ended if done.code)
        assert in_a_sentence(loser) == "2025-03 is not closed, so there is nothing to reopen."
        assert fetch(database, "SELECT status FROM ledger_periods WHERE month = %s", MONTH) == [("open",)]
        actions = fetch(database, "SELECT action FROM ledger_period_events ORDER BY id DESC LIMIT 2")
        assert actions == [("reopened",), ("closed",)]


def test_who_reopens_a_month_that_a_run_is_reading_gives_up_himself(database: Database) -> None:
    with database.connect() as reader, database.connect() as connection:
        close_months(connection, [MONTH], person="Ada")
        with reader.transaction():
            reader.execute("SELECT count(*) FROM tickets")
            with pytest.raises(LedgerError, match="2025-03 was not reopened, a run is reading it: try again"):
                reopen_month(connection, MONTH, person="Ada", reason="news", patience=0)
            # The one that reads goes on, and nothing is half done.
            reader.execute("SELECT count(*) FROM assets")
        reopen_month(connection, MONTH, person="Ada", reason="news")
        assert fetch(database, "SELECT status FROM ledger_periods WHERE month = %s", MONTH) == [("open",)]
