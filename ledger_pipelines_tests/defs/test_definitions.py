"""The definitions as Dagster loads them, whoever starts it: they have the ledger's own months."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ledger_pipelines.definitions import build_defs
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.partitions import first_partition
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import migrate

_FIRST_KEY = """
from ledger_pipelines.definitions import definitions
print(definitions().resolve_assets_def("billing_statements").partitions_def.get_first_partition_key())
"""


def load(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The first month of the definitions, as another process loads them that the command did not start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    return subprocess.run(
        [sys.executable, "-c", _FIRST_KEY],
        env=kept | {"LEDGER_HOME": str(tmp_path / "home")} | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_dagster_started_by_hand_shows_the_months_of_the_ledger(
    empty_database: Database, tmp_path: Path
) -> None:
    migrate(empty_database, first_month=date(2025, 7, 1))
    done = load(tmp_path, LEDGER_DATABASE_URL=empty_database.url)
    assert (done.stdout.strip(), done.returncode) == ("2025-07", 0), done.stderr


@pytest.mark.process
def test_where_there_is_no_ledger_a_sentence_says_what_to_do(
    empty_database: Database, tmp_path: Path
) -> None:
    for variables in ({}, {"LEDGER_DATABASE_URL": empty_database.url}):
        done = load(tmp_path, **variables)
        assert done.returncode == 1
        assert "There is no ledger in" in done.stderr
        assert "run `ledger migrate` first" in done.stderr
    done = load(tmp_path, LEDGER_FIRST_MONTH="2025-03")
    assert done.stdout.strip() == "2025-03"


def test_a_process_has_the_definitions_of_one_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_FIRST_MONTH", "2024-01")
    with pytest.raises(LedgerError, match="loaded in this process"):
        build_defs(first_month=date(1999, 1, 1))
    assert build_defs(first_month=first_partition()).assets
