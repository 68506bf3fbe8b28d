"""Executions that never run for ever, and integration errors that resolve themselves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import date

import psycopg
import pytest

from ledger_pipelines.errors import LedgerError, Problem
from ledger_pipelines.shrinkage import shrunken_list
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import fail_abandoned, recorded_execution
from ledger_pipelines.store.integration_errors import (
    ErrorCounts,
    ListedError,
    ignore_error,
    list_errors,
    record_problems,
    resolve_error,
    take_confirmation,
    unignore_error,
)

JANUARY, FEBRUARY = date(2025, 1, 1), date(2025, 2, 1)


def executions(connection: psycopg.Connection) -> list[tuple[str, str, str | None]]:
    return connection.execute(
        "SELECT step_name, status, error_message FROM sync_executions ORDER BY id"
    ).fetchall()


def test_a_step_is_completed_with_what_it_did(database: Database, connection: psycopg.Connection) -> None:
    with recorded_execution(database, "codex", {"months": ["2025-01"]}) as execution:
        assert executions(connection) == [("codex", "running", None)]
        execution.metadata["rows"] = 3

    assert executions(connection) == [("codex", "completed", None)]
    assert connection.execute("SELECT metadata FROM sync_executions").fetchone() == (
        {"months": ["2025-01"], "rows": 3},
    )


def test_a_step_that_raises_is_failed_with_its_reason(
    database: Database, connection: psycopg.Connection
) -> None:
    with pytest.raises(LedgerError), recorded_execution(database, "codex", {}):
        raise LedgerError("Codex does not answer.")

    assert executions(connection) == [("codex", "failed", "Codex does not answer.")]


def test_a_step_that_still_runs_is_not_taken_for_abandoned(
    database: Database, connection: psycopg.Connection
) -> None:
    with recorded_execution(database, "codex", {}):
        assert fail_abandoned(connection) == []
    assert executions(connection) == [("codex", "completed", None)]


def test_a_step_whose_process_was_killed_ends_as_failed(
    database: Database, connection: psycopg.Connection
) -> None:
    program = """
import sys, time
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import recorded_execution
with recorded_execution(Database(sys.argv[1]), "codex", {"dagster_run_id": "r1"}):
    print("running", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    found = _until_abandoned(connection)

    assert [(row.step_name, row.dagster_run_id) for row in found] == [("codex", "r1")]
    assert executions(connection)[0][1] == "failed"
    assert fail_abandoned(connection) == []


def _until_abandoned(connection: psycopg.Connection) -> list[object]:
    # The server notices the end of the connection a moment after the process is gone: waiting for the lock itself
    # needs no sleep.
    connection.execute(
        "SELECT pg_advisory_lock(7433, id::integer), pg_advisory_unlock(7433, id::integer) FROM sync_executions"
    )
    return list(fail_abandoned(connection))


def problem(external_id: str = "17", month: str | None = None) -> Problem:
    return Problem(
        "codex", "assets", "asset", external_id, f"Asset {external_id} has no id.", {"x": 1}, month
    )


def errors(connection: psycopg.Connection) -> list[tuple[str, int, bool, list[date]]]:
    return connection.execute(
        "SELECT external_id, occurrences, is_resolved, months FROM integration_errors ORDER BY external_id"
    ).fetchall()


def test_an_error_seen_again_is_counted_and_gone_is_resolved(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem("17"), problem("18")])

    assert record_problems(connection, "codex", "assets", [problem("17")]) == ErrorCounts(
        seen=1, new=0, resolved=1
    )
    assert errors(connection) == [("17", 2, False, []), ("18", 1, True, [])]


def test_an_error_that_comes_back_is_unresolved_again(connection: psycopg.Connection) -> None:
    for problems in ([problem()], [], [problem()]):
        record_problems(connection, "codex", "assets", problems)

    assert errors(connection) == [("17", 2, False, [])]


def test_a_source_read_in_part_resolves_nothing(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem()])

    record_problems(connection, "codex", "assets", [], is_complete=False)

    assert errors(connection) == [("17", 1, False, [])]


def test_other_operations_are_left_alone(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem()])

    record_problems(connection, "codex", "contacts", [])

    assert errors(connection) == [("17", 1, False, [])]


def test_an_error_of_several_months_is_resolved_month_by_month(connection: psycopg.Connection) -> None:
    both = [problem(month="2025-01"), problem(month="2025-02")]
    record_problems(connection, "billing", "statements", both, months=[JANUARY, FEBRUARY])
    assert errors(connection) == [("17", 1, False, [JANUARY, FEBRUARY])]

    record_problems(connection, "billing", "statements", [], months=[JANUARY])
    assert errors(connection) == [("17", 1, False, [FEBRUARY])]

    record_problems(connection, "billing", "statements", [], months=[FEBRUARY])
    assert errors(connection) == [("17", 1, True, [])]


def test_an_ignored_error_stays_ignored(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem()])
    ignore_error(connection, only_error(connection).error_id, "Sold last year.")

    record_problems(connection, "codex", "assets", [problem()])

    (ignored,) = list_errors(connection)
    assert (ignored.status, ignored.ignore_notes) == ("ignored", "Sold last year.")
    assert ignored.ignored_at is not None
    assert connection.execute("SELECT occurrences FROM integration_errors").fetchone() == (2,)


def test_an_ignored_error_that_is_heeded_counts_again(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem()])
    error = only_error(connection)
    ignore_error(connection, error.error_id, "Sold last year.")

    assert unignore_error(connection, error.error_id) == error.message

    assert only_error(connection) == error


def test_a_resolved_error_is_open_again_when_it_is_seen_again(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem()])
    resolve_error(connection, only_error(connection).error_id, "Given a name.")
    resolved = only_error(connection)
    assert (resolved.status, resolved.resolution_notes) == ("resolved", "Given a name.")

    record_problems(connection, "codex", "assets", [problem()])

    opened = only_error(connection)
    assert (opened.status, opened.resolution_notes, opened.resolved_at) == ("open", None, None)


def test_a_decision_needs_an_error_and_a_reason(connection: psycopg.Connection) -> None:
    record_problems(connection, "codex", "assets", [problem()])
    before = only_error(connection)
    for decide in (ignore_error, resolve_error):
        with pytest.raises(LedgerError, match="There is no integration error 999"):
            decide(connection, 999, "Sold.")
        with pytest.raises(LedgerError, match="Say why in a note"):
            decide(connection, before.error_id, "  ")
    with pytest.raises(LedgerError, match="There is no integration error 999"):
        unignore_error(connection, 999)
    assert only_error(connection) == before


def only_error(connection: psycopg.Connection) -> ListedError:
    (error,) = list_errors(connection)
    return error


def test_many_running_steps_are_looked_at_one_by_one(
    database: Database, connection: psycopg.Connection
) -> None:
    """A lock for each row of the table at once would exhaust the server's memory for locks."""
    connection.execute(
        "INSERT INTO sync_executions (step_name, status, started_at, completed_at) "
        "SELECT 'codex', 'completed', now(), now() FROM generate_series(1, 40000)"
    )
    with recorded_execution(database, "billing", {}):
        assert fail_abandoned(connection) == []


@pytest.mark.parametrize("character", ["9", "🦊"])
def test_an_id_of_any_length_is_kept_and_found_again(connection: psycopg.Connection, character: str) -> None:
    # Random, so that the database cannot make them shorter.
    order = random.Random(4)
    ids = ["".join(chr(ord(character) + order.randrange(40)) for _ in range(3_000)) for _ in range(2)]
    problems = [Problem("codex", "tickets", "ticket", one, "is odd") for one in (*ids, ids[0] + "x")]
    first = record_problems(connection, "codex", "tickets", problems)
    again = record_problems(connection, "codex", "tickets", problems[:2])
    assert (first.new, again.new, again.resolved) == (3, 0, 1)


def test_a_confirmation_holds_once_and_for_no_shorter_list(connection: psycopg.Connection) -> None:
    def shows(now: int) -> Problem:
        return shrunken_list("codex", "assets", "Codex", "assets", before=300, now=now)

    def doubted(now: int) -> bool:
        """Whether a run that is shown so many doubts them; it keeps the error then."""
        if take_confirmation(connection, shows(now)):
            return False
        record_problems(connection, "codex", "assets", [shows(now)])
        return True

    def confirm() -> None:
        (number,) = connection.execute("SELECT id FROM integration_errors").fetchone() or (0,)
        ignore_error(connection, number, "Sold.")

    assert doubted(36)
    confirm()
    assert not doubted(36)
    assert doubted(36)
    confirm()
    # Nobody has said that there are none.
    assert doubted(0)
    assert doubted(0)
    confirm()
    assert not doubted(10)
