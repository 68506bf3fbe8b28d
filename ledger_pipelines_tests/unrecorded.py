"""An instance of Dagster for a test's own process that keeps no events: the result of a run has them all anyway.

Keeping them in Dagster's SQLite takes as long as the run itself. Where what Dagster keeps is tested, it is on
PostgreSQL, as in a ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import dagster as dg
from dagster._core.instance.types import InstanceType
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.event_log.base import AssetRecord, EventRecordsResult
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.storage.root import TemporaryLocalArtifactStorage
from dagster._core.storage.runs import InMemoryRunStorage


class _Forgetful(InMemoryEventLogStorage):
    def store_event(self, event: dg.EventLogEntry) -> None:
        """Keeps nothing."""

    def get_asset_records(self, asset_keys: Sequence[dg.AssetKey] | None = None) -> list[AssetRecord]:
        """There are none."""
        return []

    def fetch_observations(self, *_: object, **__: object) -> EventRecordsResult:
        """There are none."""
        return EventRecordsResult([], "", has_more=False)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Belongs to the latest instance."""
        self._instance_weakref = None
        super().register_instance(instance)

    def dispose(self) -> None:
        """The next instance takes it, too."""


class _Runs(InMemoryRunStorage):
    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Belongs to the latest instance."""
        self._instance_weakref = None
        super().register_instance(instance)

    def dispose(self) -> None:
        """The next instance takes it, too."""


# This process's ones: making their tables takes some tenths of a second.
_event_storage = cache(_Forgetful)
_run_storage = cache(_Runs)


def unrecorded() -> dg.DagsterInstance:
    """`DagsterInstance.ephemeral()`, but for the events; the runs of all of a process's instances are in one storage."""
    return dg.DagsterInstance(
        instance_type=InstanceType.EPHEMERAL,
        local_artifact_storage=TemporaryLocalArtifactStorage(),
        run_storage=_run_storage(),
        event_storage=_event_storage(),
        compute_log_manager=NoOpComputeLogManager(),
        run_coordinator=DefaultRunCoordinator(),
        run_launcher=SyncInMemoryRunLauncher(),
    )
