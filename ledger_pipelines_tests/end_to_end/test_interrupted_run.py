"""Ctrl-C at each point of a close: it stops there, whatever Dagster is about at that moment."""

from __future__ import annotations

import json
from datetime import date

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.dagster_history import run_statuses
from ledger_pipelines_tests.end_to_end.harness import Ledger, fetch

#: Closes a month again and again, each time with a Ctrl-C at the next of a close's events, till one has come to its end.
#: What Dagster may try again is interrupted within the step and in the telling of its checks, too.
_INTERRUPTING = """
import json, os, signal, sys
from datetime import date
from ledger_pipelines.cli.context import enter
database = enter(to_run=True)
from ledger_pipelines.orchestration import findings, steps
from ledger_pipelines.runs.jobs import run_job

ends, count, at = [], 0, 0

def passing(*_):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGINT)

def passing_first(function):
    def passed(*arguments, **named):
        passing()
        return function(*arguments, **named)
    return passed

findings.record_check_results = passing_first(findings.record_check_results)
steps.settle_abandoned_runs = passing_first(steps.settle_abandoned_runs)
while not ends or ends[-1][1] != "done":
    count, at, begun = 0, at + 1, set()
    try:
        run_job(
            database, "month_close", [date(2025, 1, 1)], today=date(2025, 12, 31),
            assets=["services", "invoices", "companies"],
            on_step=lambda step, state: (begun.add(step), passing()),
        )
        ends.append((len(begun), "done" if count < at else "went on"))
    except KeyboardInterrupt:
        ends.append((len(begun), "stopped"))
json.dump(ends, sys.stdout)
"""


@pytest.mark.timeout(180)
def test_a_close_that_is_interrupted_at_any_point_stops_there_and_the_next_one_completes_it(
    ledger: Ledger, database: Database
) -> None:
    with running_sandbox(SandboxConfig(until=date(2025, 12, 31), companies=4, seed=1)) as sandbox:
        ledger.use_all(sandbox)
        with ledger.python("-c", _INTERRUPTING) as running:
            done = running.finished(seconds=170)
    assert done.code == 0, done.err
    ends = json.loads(done.out.splitlines()[-1])
    *interrupted, (_, last) = ends
    assert last == "done"
    assert {how for _, how in interrupted} == {"stopped"}
    # No step begins after the one in which, or after which, it came.
    begun = [count for count, _ in interrupted]
    assert begun == sorted(begun)
    assert set(begun) == set(range(1, max(begun) + 1))
    assert max(begun) >= 3
    statuses = run_statuses(database)
    assert statuses[-1] == "SUCCESS"
    assert set(statuses[:-1]) <= {"FAILURE", "SUCCESS"}
    assert len(statuses) == len(ends)
    assert fetch(database, "SELECT FROM sync_executions WHERE status = 'running'") == []
