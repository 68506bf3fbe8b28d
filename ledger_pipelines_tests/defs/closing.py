"""A month's close in the test's own process: the whole job, real sources over HTTP, a real database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from ledger_pipelines.definitions import definitions
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG
from ledger_pipelines.orchestration.partitions import partition_key
from ledger_pipelines.sandbox.registry import environment
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.run_processes import held_run
from ledger_pipelines_tests.unrecorded import unrecorded


def use(
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
    sandbox: Sandbox,
    *,
    codex: bool = False,
    direct: bool = False,
) -> None:
    """Makes the environment that of a ledger with this database and the school of this sandbox; more where asked."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
    for name, value in environment(sandbox.base_url, with_optional=direct).items():
        if codex or not name.startswith(("CORE_", "CODEX_")):
            monkeypatch.setenv(name, value)
    for name in () if codex else ("CORE_URL", "CODEX_URL"):
        monkeypatch.delenv(name, raising=False)


def run(
    database: Database,
    months: Sequence[date],
    *,
    job: str = "month_close",
    assets: Sequence[str] | None = None,
) -> dict[tuple[str, str], Any]:
    """Runs the job for a span of months and returns its checks by asset and name; a step that fails fails the test."""
    result = executed(database, months, job=job, assets=assets)
    return {
        (check.asset_key.to_user_string(), check.check_name): check
        for check in result.get_asset_check_evaluations()
        if check.partition is None
    }


def executed(
    database: Database,
    months: Sequence[date],
    *,
    job: str,
    assets: Sequence[str] | None = None,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Runs the job, or these of its assets, for a span of months, as one run that somebody waits for."""
    run_id = str(uuid4())
    tags = {
        "dagster/asset_partition_range_start": partition_key(months[0]),
        "dagster/asset_partition_range_end": partition_key(months[-1]),
        ATTENDED_TAG: run_id,
    }
    selection = None if assets is None else [dg.AssetKey(asset) for asset in assets]
    with held_run(database, run_id), unrecorded() as instance:
        return (
            definitions()
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_id=run_id,
                tags=tags,
                asset_selection=selection,
                raise_on_error=raise_on_error,
            )
        )
