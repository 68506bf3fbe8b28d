"""A worker that could not execute what it takes does not begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.runs.celery_worker import worker_app
from ledger_pipelines.store.database import Database

#: What entering a ledger sets in the environment.
_ENTERED = ("DAGSTER_HOME", "LEDGER_HOME", "LEDGER_TIMEZONE", "LEDGER_DAGSTER_URL", "LEDGER_FIRST_MONTH")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "LEDGER_CELERY_BROKER is not set"),
        ({"LEDGER_CELERY_BROKER": "memory://"}, "set LEDGER_DAGSTER_YAML to deploy/celery/dagster.yaml"),
    ],
)
def test_a_worker_without_the_settings_of_who_hands_runs_over_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    tmp_path: Path,
    variables: dict[str, str],
    told: str,
) -> None:
    for name in _ENTERED:
        monkeypatch.setenv(name, "2024-01" if name == "LEDGER_FIRST_MONTH" else "")
    monkeypatch.setenv("LEDGER_TIMEZONE", "UTC")
    monkeypatch.setenv("LEDGER_HOME", str(tmp_path))
    monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
    monkeypatch.delenv("LEDGER_CELERY_BROKER", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LedgerError, match=told):
        worker_app()
