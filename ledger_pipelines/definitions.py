"""Everything that Dagster knows of the ledger: whatever stands under `defs/`."""

from __future__ import annotations

import warnings
from functools import cache

import dagster as dg

from ledger_pipelines.dagster_home import project_file


@dg.definitions
def definitions() -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources; each asset says in which file it is defined.

    They are loaded once in a process: that takes half a second.
    """
    return _loaded()


@cache
def _loaded() -> dg.Definitions:
    found = dg.load_from_defs_folder(path_within_project=project_file("pyproject.toml").parent)
    with warnings.catch_warnings():
        # A person can do without the links: should this part of Dagster change, the inventory's test says so.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = dg.with_source_code_references([*(found.assets or ())])
    return dg.Definitions(
        assets=assets,
        asset_checks=found.asset_checks,
        schedules=found.schedules,
        sensors=found.sensors,
        jobs=found.jobs,
        resources=found.resources,
        executor=found.executor,
        loggers=found.loggers,
        metadata=found.metadata,
    )
