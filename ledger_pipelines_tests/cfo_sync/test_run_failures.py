"""The sensor `run_failures`: of each job whose runs fail while nobody waits for them, a person hears once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import dagster as dg
import pytest

from ledger_pipelines.definitions import definitions
from ledger_pipelines.defs.cfo.sensors import cfo_alerts
from ledger_pipelines.defs.run_failures import run_failures
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG
from ledger_pipelines.orchestration.resources import CfoResource, LedgerResource
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.sources.conftest import ScriptedServer

OCTOBER = datetime(2025, 10, 22, tzinfo=UTC)
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


class Watching:
    """Dagster's history, and the sensor that looks at it."""

    def __init__(self, books: Books, instance: dg.DagsterInstance) -> None:
        self.books = books
        self.instance = instance

    def look(self, sensor: dg.SensorDefinition = run_failures) -> str:
        """One evaluation; what it says."""
        context = dg.build_sensor_context(
            instance=self.instance,
            definitions=definitions(),
            resources={"ledger": LedgerResource(), "cfo": CfoResource()},
        )
        return sensor.evaluate_tick(context).skip_message or ""

    def ended(self, job: str, status: dg.DagsterRunStatus, **tags: str) -> str:
        """A run of the job that has ended so; its id."""
        run = dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, tags=tags)
        return self.instance.add_run(run).run_id

    def hand_over(self, **tags: str) -> dg.ExecuteInProcessResult:
        """A run of the job `cfo_sync` for October."""
        job = definitions().resolve_job_def("cfo_sync")
        return job.execute_in_process(
            instance=self.instance, partition_key="2025-10", tags=tags, raise_on_error=False
        )

    def alerts(self) -> list[tuple[str, str, bool]]:
        """Kind, subject, and whether it is over, of all alerts so far."""
        rows = self.books.ours("SELECT kind, subject, cleared_at IS NOT NULL AS over FROM alerts ORDER BY id")
        return [(row["kind"], row["subject"], row["over"]) for row in rows]


@pytest.fixture
def watching(environment: Books) -> Iterator[Watching]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watching(environment, instance)


def test_a_failing_job_is_told_once_with_its_reason_and_is_over_with_the_next_success(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching.books.paid("DPY-1", paid_at=OCTOBER)
    with monkeypatch.context() as unusable:
        unusable.setenv("CFO_DATABASE_URL", "mysql://127.0.0.1:1/cfo")
        failed = watching.hand_over()
    assert not failed.success
    told = watching.look()
    watching.look()
    assert watching.alerts() == [("run_failed", "cfo_sync", False)]
    [alert] = watching.books.ours("SELECT message FROM alerts")
    assert alert["message"] == told
    assert told.startswith("A run of cfo_sync for 2025-10 failed: ")
    assert "CFO_DATABASE_URL is not a PostgreSQL URL" in told
    assert failed.run_id[:8] in told
    assert watching.hand_over().success
    assert watching.look() == "No job fails."
    assert watching.alerts() == [("run_failed", "cfo_sync", True)]


def test_jobs_fail_and_recover_each_by_itself(watching: Watching) -> None:
    for job in ("month_close", "import_steps"):
        watching.ended(job, SUCCESS)
        watching.ended(job, FAILURE)
        watching.ended(job, FAILURE)
    watching.look()
    assert watching.alerts() == [("run_failed", "import_steps", False), ("run_failed", "month_close", False)]
    watching.ended("month_close", SUCCESS)
    watching.look()
    assert watching.alerts() == [("run_failed", "import_steps", False), ("run_failed", "month_close", True)]
    watching.ended("month_close", FAILURE)
    watching.look()
    assert watching.alerts()[2:] == [("run_failed", "month_close", False)]


def test_what_a_command_ran_is_told_by_the_command(watching: Watching) -> None:
    run_id = str(uuid4())
    run = dg.DagsterRun(job_name="month_close", run_id=run_id, status=FAILURE, tags={ATTENDED_TAG: run_id})
    watching.instance.add_run(run)
    assert watching.look() == "No job fails."
    assert watching.alerts() == []


def test_a_command_that_fails_does_not_end_the_alert_of_a_run_that_failed_before(watching: Watching) -> None:
    watching.ended("month_close", FAILURE)
    watching.look()
    run_id = str(uuid4())
    watching.instance.add_run(
        dg.DagsterRun(job_name="month_close", run_id=run_id, status=FAILURE, tags={ATTENDED_TAG: run_id})
    )
    watching.look()
    assert watching.alerts() == [("run_failed", "month_close", False)]


def test_a_run_that_dagster_tries_again_is_not_told_but_its_last_try_is(watching: Watching) -> None:
    watching.ended("month_close", FAILURE, **{"dagster/will_retry": "true"})
    assert watching.look() == "No job fails."
    watching.ended("month_close", FAILURE, **{"dagster/will_retry": "false"})
    assert watching.look().startswith("A run of month_close failed: ")


def test_a_range_of_months_is_named(watching: Watching) -> None:
    ends = {"start": "2025-01", "end": "2025-12"}
    tags = {f"dagster/asset_partition_range_{end}": month for end, month in ends.items()}
    watching.ended("import_steps", FAILURE, **tags)
    assert watching.look().startswith("A run of import_steps for 2025-01 to 2025-12 failed: ")


def test_a_run_whose_process_was_killed_says_so(watching: Watching) -> None:
    run_id = watching.ended("month_close", dg.DagsterRunStatus.STARTED)
    run = watching.instance.get_run_by_id(run_id)
    assert run is not None
    watching.instance.report_run_failed(run, "The process that executed this run was killed.")
    assert "failed: The process that executed this run was killed. Mend" in watching.look()


def test_both_sensors_keep_their_own_alerts_and_the_webhook_hears_of_all(
    watching: Watching, webhook: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_ALERT_WEBHOOK", f"{webhook.url}/alerts")
    for number in range(6):
        watching.books.paid(f"DPY-{number}", paid_at=OCTOBER)
    watching.ended("month_close", FAILURE)
    for _ in range(2):
        watching.look()
        watching.look(cfo_alerts)
    assert watching.alerts() == [("run_failed", "month_close", False), ("pending", "", False)]
    assert [b'"kind": "run_failed"' in seen.body for seen in webhook.seen] == [True, False]
