"""Everything that Dagster knows of the ledger: whatever stands under `defs/`, and what it reaches outside."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import dagster as dg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.logs import configure_from_environment
from ledger_pipelines.months import format_month
from ledger_pipelines.orchestration.dagster_home import first_month_of_ledger, project_file
from ledger_pipelines.orchestration.executor import held_executor
from ledger_pipelines.orchestration.presentation import CODE_REFERENCES
from ledger_pipelines.orchestration.resources import environment_resources
from ledger_pipelines.settings import read_settings

_FIRST_MONTH = "LEDGER_FIRST_MONTH"


def build_defs(resources: Mapping[str, Any] | None = None, first_month: date | None = None) -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources; each asset says in which file it is defined.

    `resources` stand in for those of the environment, by name, as a test's do. `first_month` is the ledger's, which
    LEDGER_FIRST_MONTH names another. Raises LedgerError where this process has loaded those of a ledger with another
    first month: assets have their months from when they are imported.
    """
    if first_month is not None:
        os.environ[_FIRST_MONTH] = format_month(first_month)
    from ledger_pipelines.orchestration.partitions import first_partition

    if first_month not in (None, first_partition()):
        raise LedgerError(
            f"The definitions of a ledger since {format_month(first_partition())} are loaded in this process: take "
            "another for another ledger."
        )
    found = dg.load_from_defs_folder(path_within_project=project_file("pyproject.toml").parent)
    with warnings.catch_warnings():
        # A person can do without the links: should this part of Dagster change, the inventory's test says so.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [_with_code_reference(asset) for asset in found.assets or ()]
    return dg.Definitions(
        assets=assets,
        asset_checks=found.asset_checks,
        schedules=found.schedules,
        sensors=found.sensors,
        jobs=found.jobs,
        resources={**environment_resources(), **(resources or {})},
        executor=held_executor,
    )


def _with_code_reference(asset: Any) -> Any:
    """The asset with the file and line that define it, where it does not say so itself."""
    specs = getattr(asset, "specs", ())
    if any(CODE_REFERENCES in spec.metadata for spec in specs):
        return asset
    (referenced,) = dg.with_source_code_references([asset])
    return referenced


@dg.definitions
def definitions() -> dg.Definitions:
    """What Dagster loads. It is built once in a process: that takes some tenths of a second.

    Raises LedgerError where nobody says the ledger's first month and there is no ledger to be asked.
    """
    return _built()


@cache
def _built() -> dg.Definitions:
    # Whatever executes runs comes by here, also where Celery or a cluster started it.
    configure_from_environment()
    if os.environ.get(_FIRST_MONTH):
        return build_defs()
    # Not started by the `ledger` command, as with `dagster dev`: the ledger itself is asked.
    return build_defs(first_month=first_month_of_ledger(read_settings()))
