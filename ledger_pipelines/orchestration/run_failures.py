"""Why a run failed, in a sentence."""

from __future__ import annotations

import dagster as dg

from ledger_pipelines.printable import one_line


def reason_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """The sentence of the first step that failed, or what ended the run."""
    for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for record in instance.get_records_for_run(run_id, of_type=kind, limit=1).records:
            event = record.event_log_entry.dagster_event
            if event is not None:
                return failure_sentence(event)
    return "Nobody knows why."


def failure_sentence(event: dg.DagsterEvent) -> str:
    """What failed, in the step's own words; an unexpected exception with its type."""
    if not event.is_step_failure:
        return event.message or "Nobody knows why."
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    cause = error.cause if error is not None and error.cause is not None else error
    text = "unknown" if cause is None else one_line(cause.message.strip())
    return f"The step {event.step_key} failed: {text}"
