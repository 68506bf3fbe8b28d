"""What a trace and the logs tell of a step: which, for which months, in which run, and how it ended."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from ledger_pipelines import tracing
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.partitions import MONTHS
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines.orchestration.steps import executed_step
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.run_tags import TRACE_TAG
from ledger_pipelines_tests.collector import running_collector
from ledger_pipelines_tests.json_logs import json_logs
from ledger_pipelines_tests.unrecorded import unrecorded

PASSWORD = "p4ssword-nobody-may-see"


@dg.asset(partitions_def=MONTHS, backfill_policy=dg.BackfillPolicy.single_run())
def things(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Iterator[dg.MaterializeResult[None]]:
    """Does nothing, or fails where the run says so."""
    with executed_step(context, ledger, "things") as step:
        step.log.info(f"Read postgresql://reader:{PASSWORD}@db/books")
        if "fails" in context.run.tags:
            raise LedgerError(f"password={PASSWORD} is refused.")
        yield dg.MaterializeResult()


def test_a_step_is_a_span_of_the_run_and_its_lines_say_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
    months = {
        "dagster/asset_partition_range_start": "2025-03",
        "dagster/asset_partition_range_end": "2025-04",
    }
    with running_collector(monkeypatch) as collector, json_logs(monkeypatch) as stream:
        with tracing.span("console"):
            asking = {TRACE_TAG: str(tracing.traceparent())}
        results = [
            dg.materialize(
                [things],
                instance=unrecorded(),
                resources={"ledger": LedgerResource()},
                tags={**months, **asking, **more},
                raise_on_error=False,
            )
            for more in ({}, {"fails": "yes"})
        ]
        console, good, bad = collector.spans()
        assert not collector.has_seen(PASSWORD)
    assert [one.success for one in results] == [True, False]
    assert {one.trace_id for one in (good, bad)} == {console.trace_id}
    assert (good.name, good.parent_id, good.has_failed, bad.has_failed) == (
        "step things",
        console.span_id,
        False,
        True,
    )
    assert good.attributes["ledger.months"] == ["2025-03", "2025-04"]
    assert good.attributes["ledger.run_id"] == results[0].run_id
    assert bad.attributes["error.type"] == "LedgerError"
    told: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    (read, _) = [one for one in told if one["message"].startswith("Read ")]
    assert read["message"] == "Read postgresql://[redacted]@db/books"
    assert (read["level"], read["step"], read["months"], read["run_id"]) == (
        "INFO",
        "things",
        ["2025-03", "2025-04"],
        results[0].run_id,
    )
    events = [one["event"] for one in told if one.get("run_id") == results[0].run_id and "event" in one]
    assert {"STEP_START", "STEP_SUCCESS"} <= set(events)
    assert PASSWORD not in stream.getvalue()
