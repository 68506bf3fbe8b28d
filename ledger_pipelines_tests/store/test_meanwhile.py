"""Other runs' executions beside a run: what was checked must be what is closed."""

from __future__ import annotations

from datetime import date

import psycopg

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.executions import others_meanwhile, recorded_execution

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
