"""Other runs' executions beside a run: what was checked must be what is closed."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import others_meanwhile, recorded_execution
from ledger_pipelines.store.periods import close_months, closed_months, make_partitions

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)


def test_steps_that_other_runs_executed_for_the_month_since_a_run_began(
    database: Database, connection: psycopg.Connection
) -> None:
    def execute(step: str, run: str, month: str = "2025-03") -> None:
        with recorded_execution(database, step, {"months": [month], "dagster_run_id": run}):
            pass

    execute("codex", "before")
    execute("codex", "mine")
    assert others_meanwhile(connection, "mine", [MARCH]) == []
    execute("billing", "other")
    execute("accruals", "other", "2025-04")
    execute("cfo-sync", "other")
    assert others_meanwhile(connection, "mine", [MARCH]) == ["billing"]
    assert others_meanwhile(connection, "mine", [MARCH, APRIL]) == ["accruals", "billing"]
    with recorded_execution(database, "codex", {"months": ["2025-03"], "dagster_run_id": "running"}):
        assert others_meanwhile(connection, "mine", [MARCH]) == ["billing", "codex"]


def test_closing_waits_for_a_run_that_writes_the_month_no_longer_than_it_may(
    database: Database, connection: psycopg.Connection
) -> None:
    make_partitions(connection, [MARCH])
    metadata = {"months": ["2025-03"], "dagster_run_id": "0123456789"}
    sentence = "2025-03 was not closed: the step billing of the run 01234567 is writing it"
    with (
        recorded_execution(database, "billing", metadata),
        database.connect() as run,
        run.transaction(),
    ):
        run.execute("INSERT INTO ledger_periods (month) VALUES (%s) ON CONFLICT DO NOTHING", [MARCH])
        run.execute("SELECT FROM ledger_periods WHERE month = %s FOR SHARE", [MARCH])
        with pytest.raises(LedgerError, match=sentence):
            close_months(connection, [MARCH], person="ada", patience=0.05)
        with connection.transaction(), pytest.raises(LedgerError, match=sentence):
            close_months(connection, [MARCH], person="ada", patience=0.05)
    assert closed_months(connection) == frozenset()
    with connection.transaction():
        assert close_months(connection, [MARCH], person="ada", patience=5) == [MARCH]
        assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
