"""How Dagster starts and stops the processes of runs, and knows whether they live.

Dagster's own launcher has the code server start them and asks nobody afterwards: a run whose process was killed stays
in its way for hours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.base import RunLauncher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value

from ledger_pipelines.connections import ledger_database
from ledger_pipelines.orchestration.orphaned_runs import settle_abandoned_runs
from ledger_pipelines.orchestration.run_worker import ARGUMENTS
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.process_identity import identity_of
from ledger_pipelines.store.run_processes import is_executed, process_of, register_process


class LedgerRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """A process for each run, a child of the daemon that ends with it, and is registered before it begins."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It takes no configuration in dagster.yaml."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> LedgerRunLauncher:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Starts the run's process. Raises LedgerError when the ledger's database cannot be used."""
        self._bury()
        run = context.dagster_run
        if context.job_code_origin is None:
            raise dg.DagsterInvariantViolationError(f"Run {run.run_id} does not say where its code is.")
        arguments = ExecuteRunArgs(context.job_code_origin, run.run_id, self._instance.get_ref())
        with _database().connect(application_name="ledger launch") as connection:
            process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-m", "ledger_pipelines.orchestration.run_worker", run.run_id],
                # When its end closes, the child knows that we are gone.
                stdin=subprocess.PIPE,
                env={**os.environ, ARGUMENTS: serialize_value(arguments)},
            )
            self._children[run.run_id] = process
            register_process(connection, run.run_id, identity_of(process.pid))
        self._instance.report_engine_event(f"Started the run's process (pid: {process.pid}).", run)

    def terminate(self, run_id: str) -> bool:
        """Interrupts the run's process, as Ctrl-C does; one on another machine stops before its next step."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        with _database().connect(application_name="ledger terminate") as connection:
            process = process_of(connection, run_id)
            if process is not None and process.is_here and process.is_alive:
                os.kill(process.pid, signal.SIGINT)
            elif is_executed(connection, run_id) is False:
                self._instance.report_run_canceled(run)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run is still executed. Whatever was killed is ended by that, as everywhere."""
        self._bury()
        killed = run.run_id in settle_abandoned_runs(self._instance, _database())
        return CheckRunHealthResult(WorkerStatus.FAILED if killed else WorkerStatus.RUNNING)

    def _bury(self) -> None:
        """Takes notice of children that ended, so that they are no zombies."""
        for run_id, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[run_id]


def _database() -> Database:
    return ledger_database(read_settings())
