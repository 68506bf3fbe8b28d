"""How Dagster hands runs to Celery's workers, and knows whether they live: `run_launcher` in deploy/celery/dagster.yaml.

Dagster's own asks Celery for a task's state, and a worker that is killed whole says nothing: its run would stand in the
way until its longest time is over. Here, as everywhere, whether a run lives is whether its process holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.defaults import task_default_queue
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from ledger_pipelines.connections import ledger_database
from ledger_pipelines.orchestration.celery_settings import app_arguments
from ledger_pipelines.orchestration.orphaned_runs import settle_abandoned_runs
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.run_processes import is_executed


class LedgerCeleryRunLauncher(CeleryRunLauncher):
    """Dagster's launcher for Celery, with the ledger's settings of the broker, that knows killed workers."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It takes no configuration in dagster.yaml: the broker's address may hold a password."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Raises LedgerError where LEDGER_CELERY_BROKER is not set."""
        return cls(default_queue=task_default_queue, inst_data=inst_data, **app_arguments(read_settings()))

    @property
    def supports_resume_run(self) -> bool:
        """A run whose worker died begins anew, as a run of its own: its months are as they were before it."""
        return False

    def terminate(self, run_id: str) -> bool:
        """Interrupts the run where it is executed, as Ctrl-C does; one that no worker has begun is never begun."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        if task := run.tags.get(DAGSTER_CELERY_TASK_ID_TAG):
            self.celery.control.revoke(task, terminate=True, signal="SIGINT")
        with ledger_database(read_settings()).connect(application_name="ledger terminate") as connection:
            if not is_executed(connection, run_id):
                self._instance.report_run_canceled(run)
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run is still executed. Whatever was killed is ended by that, as everywhere."""
        killed = run.run_id in settle_abandoned_runs(self._instance, ledger_database(read_settings()))
        return CheckRunHealthResult(WorkerStatus.FAILED if killed else WorkerStatus.RUNNING)
