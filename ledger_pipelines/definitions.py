"""Everything that Dagster knows of the ledger: whatever stands under `defs/`."""

from __future__ import annotations

import dagster as dg

from ledger_pipelines.dagster_home import project_file


@dg.definitions
def definitions() -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources."""
    return dg.load_from_defs_folder(path_within_project=project_file("pyproject.toml").parent)
