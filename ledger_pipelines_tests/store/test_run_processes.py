"""Which process executes a run, and whether it lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import psycopg
import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.process_identity import identity_of, this_process
from ledger_pipelines.store.run_processes import held_run, is_executed, process_of, register_process
from ledger_pipelines_tests.end_to_end.harness import eventually, execute

RUN = "0c9f5bd4-8a43-4b0c-8d16-2d2f6b3c0001"
HOLDS = """
import sys, time
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.run_processes import held_run
with held_run(Database(sys.argv[1]), sys.argv[2]):
    print("holds", flush=True)
    time.sleep(600)
"""


@contextmanager
def _holder(database: Database) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, database.url, RUN], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"holds\n"
        try:
            yield process
        finally:
            process.kill()


def _from_elsewhere(database: Database) -> None:
    """Makes the process one of another machine, of which only the lock says something."""
    execute(database, "UPDATE run_processes SET place = 'elsewhere'")


def _time_passes(database: Database) -> None:
    execute(database, "UPDATE run_processes SET unheld_since = unheld_since - interval '1 minute'")


def test_a_process_here_is_known_to_live_and_at_once_to_be_dead(
    database: Database, connection: psycopg.Connection
) -> None:
    assert is_executed(connection, RUN) is None
    with _holder(database) as process:
        assert is_executed(connection, RUN) is True
        process.kill()
        # Nobody has taken notice of its end yet: it is a zombie.
        eventually(lambda: is_executed(connection, RUN) is False, seconds=10, what="its end to be known")


def test_another_process_with_the_same_id_is_not_the_run_s(
    database: Database, connection: psycopg.Connection
) -> None:
    register_process(connection, RUN, replace(this_process(), started="1"))
    assert is_executed(connection, RUN) is False


def test_a_process_here_that_cannot_be_seen_lives_as_long_as_it_holds_its_run(
    database: Database, connection: psycopg.Connection
) -> None:
    with _holder(database) as process:
        execute(database, "UPDATE run_processes SET started = 'unseen'")
        assert is_executed(connection, RUN) is True
        process.kill()
        eventually(lambda: is_executed(connection, RUN) is False, seconds=10, what="its end to be known")


def test_a_process_elsewhere_is_dead_when_nobody_holds_its_run_for_long(
    database: Database, connection: psycopg.Connection
) -> None:
    with _holder(database) as process:
        _from_elsewhere(database)
        assert is_executed(connection, RUN) is True
        process.kill()

    def is_seen_unheld() -> bool:
        """The server gives the lock of a killed client free when it notices, which may take a while."""
        assert is_executed(connection, RUN) is True
        rows = connection.execute("SELECT unheld_since IS NOT NULL FROM run_processes").fetchall()
        return bool(rows == [(True,)])

    eventually(is_seen_unheld, seconds=30, what="the lock to be given free")
    _time_passes(database)
    assert is_executed(connection, RUN) is False


def test_a_lock_that_a_restart_of_the_server_takes_is_held_again_and_the_run_never_counts_as_dead(
    database: Database, connection: psycopg.Connection
) -> None:
    with held_run(database, RUN):
        _from_elsewhere(database)
        lost = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ledger run' "
            "AND datname = current_database()"
        ).fetchall()
        assert lost == [(True,)]
        assert is_executed(connection, RUN) is True

        def is_held_again() -> bool:
            assert is_executed(connection, RUN) is True
            rows = connection.execute("SELECT unheld_since IS NULL FROM run_processes").fetchall()
            return bool(rows == [(True,)])

        eventually(is_held_again, seconds=20, what="the run to be held again")
        _time_passes(database)
        assert is_executed(connection, RUN) is True
    assert not [thread for thread in threading.enumerate() if RUN in thread.name]


def test_a_hold_within_a_hold_of_the_same_process_changes_nothing(
    database: Database, connection: psycopg.Connection
) -> None:
    with held_run(database, RUN):
        with held_run(database, RUN):
            assert process_of(connection, RUN) == identity_of(os.getpid())
        _from_elsewhere(database)
        _time_passes(database)
        assert is_executed(connection, RUN) is True


def test_nobody_is_found_where_no_process_has_the_id() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(psutil.NoSuchProcess):
        identity_of(process.pid)
