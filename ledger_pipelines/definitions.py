"""Everything that Dagster knows of the ledger: whatever stands under `defs/`, and what it reaches outside."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg

from ledger_pipelines.orchestration.dagster_home import project_file
from ledger_pipelines.orchestration.executor import held_executor
from ledger_pipelines.orchestration.presentation import CODE_REFERENCES
from ledger_pipelines.orchestration.resources import environment_resources


def build_defs(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources; each asset says in which file it is defined.

    `resources` stand in for those of the environment, by name, as a test's do.
    """
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
    """What Dagster loads. It is built once in a process: that takes some tenths of a second."""
    return _built()


@cache
def _built() -> dg.Definitions:
    return build_defs()
