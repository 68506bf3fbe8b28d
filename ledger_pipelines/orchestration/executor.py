"""How a run's steps are executed: one after another in the run's own process, until somebody stops the run.

Dagster's in-process executor begins the next step whatever became of the run meanwhile, and nobody knows whether the
process lives between two steps.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._utils.interrupts import pop_captured_interrupt

from ledger_pipelines.connections import ledger_database
from ledger_pipelines.orchestration.interruptions import noticed_interruptions
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.run_processes import held_run

_STEP_ENDS = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
}


class HeldExecutor(InProcessExecutor):
    """Dagster's in-process executor, whose process holds the run, and which begins no step of a run that is stopped."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """The events of the steps. Raises DagsterExecutionInterruptedError when the run was stopped meanwhile."""
        with (
            held_run(ledger_database(read_settings()), plan_context.run_id),
            noticed_interruptions() as interrupted,
        ):
            for event in super().execute(plan_context, execution_plan):
                yield event
                if event.event_type in _STEP_ENDS and (
                    interrupted() or _is_stopped(plan_context.instance, plan_context.run_id)
                ):
                    _stop_after(event)


def _stop_after(event: dg.DagsterEvent) -> None:
    """Begins no further step."""
    if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
        # An exception here would be recorded as the failure of the step that has just succeeded. Dagster notes the
        # signal, and interrupts the next step before it does anything.
        signal.raise_signal(signal.SIGINT)
        return
    # What is noted would be raised again while the run's resources are given back.
    pop_captured_interrupt()
    raise DagsterExecutionInterruptedError


def _is_stopped(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether somebody stops the run, or it has ended without this process."""
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished or run.status == dg.DagsterRunStatus.CANCELING


@dg.executor(name="in_process")
def held_executor(_: dg.InitExecutorContext) -> HeldExecutor:
    """One step after another, in the run's own process: the executor of every job."""
    return HeldExecutor(RetryMode.ENABLED)
