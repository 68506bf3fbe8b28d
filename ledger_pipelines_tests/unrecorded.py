"""An instance of Dagster for a test's own process that keeps no events: the result of a run has them all anyway.

Keeping them in Dagster's SQLite takes as long as the run itself. Where what Dagster keeps is tested, it is on
PostgreSQL, as in a ledger.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.instance.types import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage


class _Forgetful(InMemoryEventLogStorage):
    def store_event(self, event: dg.EventLogEntry) -> None:
        """Keeps nothing."""


def unrecorded() -> dg.DagsterInstance:
    """`DagsterInstance.ephemeral()`, but for the events."""
    return dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),
        run_storage=InMemoryRunStorage(),
        event_storage=_Forgetful(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )
