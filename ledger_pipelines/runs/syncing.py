"""A sync's run: which job and assets its steps are, and which steps have no source (rules/sync_management.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.settings import Settings
from ledger_pipelines.workflows.sync_steps import ACCRUAL_STEP, SyncStep


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The job of the steps and the assets that it fills; `left_out` names, by step, the variable that is not set."""

    job: str
    assets: list[str]
    left_out: Mapping[str, str]


def plan_sync(steps: Sequence[SyncStep], settings: Settings) -> SyncPlan:
    """The run of these steps. Raises ConfigurationError when the source of the first is not configured."""
    missing = {step.id: settings.missing_for(step.source) for step in steps if step.source is not None}
    left_out = {step: variable for step, variable in missing.items() if variable is not None}
    first = steps[0]
    if first.id in left_out:
        name = next(source.name for source in settings.sources if source.id == first.source)
        raise ConfigurationError(f"{left_out[first.id]} is not set: without it {name} cannot be read.")
    job = "process_accruals" if ACCRUAL_STEP in steps else "import_steps"
    return SyncPlan(job, [asset for step in steps for asset in step.assets], left_out)
