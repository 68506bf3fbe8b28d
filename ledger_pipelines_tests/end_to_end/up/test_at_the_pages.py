"""What a person, or a foreign page, does at Dagster's pages: all over HTTP, against one running `ledger up`."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines_tests.end_to_end.dagster_history import run_statuses
from ledger_pipelines_tests.end_to_end.dagster_pages import LOCATION, START_BACKUPS
from ledger_pipelines_tests.end_to_end.harness import Ledger, eventually, execute, fetch, free_ports
from ledger_pipelines_tests.end_to_end.running_up import ENDED, Up

BILLED = ("companies", "plans", "assets", "contacts", "tickets")
BILLING = ("ticket_hours", "billing_statement_lines", "billing_statements")
_BACKFILL = """mutation ($backfill: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $backfill) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_TERMINATE = (
    "mutation ($id: String!) { terminateRun(runId: $id) { __typename ... on PythonError { message } } }"
)
_JOB_HISTORY = """query ($job: PipelineSelector!) { pipelineOrError(params: $job) {
    ... on Pipeline { runs(limit: 100) { runId status } } } }"""
_OVERVIEW = """query ($filter: RunsFilter!) { runsOrError(filter: $filter) {
    ... on Runs { results { runId tags { key value } } } } }"""

pytestmark = pytest.mark.timeout(360)


def test_a_command_s_run_is_in_the_overview_and_the_job_s_history(up: Up) -> None:
    repository = {"tags": [{"key": ".dagster/repository", "value": "__repository__@ledger_pipelines"}]}
    # The newest is first: others may have asked for runs since.
    *_, run = [
        found
        for found in up.pages.ask(_OVERVIEW, filter=repository)["runsOrError"]["results"]
        if any(tag["key"] == "ledger/person" for tag in found["tags"])
    ]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert (tags["dagster/partition"], tags["ledger/months"]) == ("2025-01", "2025-01")
    assert run["runId"] not in tags.values()
    job = {"pipelineName": "month_close", **LOCATION}
    history = up.pages.ask(_JOB_HISTORY, job=job)["pipelineOrError"]["runs"]
    assert {"runId": run["runId"], "status": "SUCCESS"} in history


def test_one_asset_of_a_step_may_be_materialised_alone(up: Up) -> None:
    run = up.pages.launch("2025-01", "ticket_hours")
    assert up.ends(run) == "SUCCESS"
    assert up.steps(run) == [("billing", "completed")]
    # The step fills its tables together, and says so of each.
    for asset in BILLING:
        told = fetch(
            up.database,
            "SELECT count(*) FROM dagster.event_logs WHERE run_id = %s AND asset_key = %s AND partition = '2025-01' "
            "AND dagster_event_type = 'ASSET_MATERIALIZATION'",
            run,
            f'["{asset}"]',
        )
        assert told == [(1,)], asset


def test_a_backfill_of_assets_of_several_groups_is_accepted_and_ends_well(up: Up) -> None:
    # A month's tickets bear on the statements of the next eleven, which are billed with it: the newest has none.
    month = f"{datetime.now(UTC):%Y-%m}"
    asked = {
        "assetSelection": [{"path": [asset]} for asset in (*BILLED, *BILLING)],
        "partitionNames": [month],
    }
    launched = up.pages.ask(_BACKFILL, backfill=asked)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def status() -> str | None:
        (found,) = [one["status"] for one in up.pages.backfills() if one["id"] == launched["backfillId"]]
        return None if found in {"REQUESTED", "COMPLETING"} else str(found)

    assert eventually(status, seconds=200, what="the end of the backfill", pause=1) == "COMPLETED_SUCCESS"


def test_a_close_for_good_beside_a_backfill_of_the_month_closes_what_was_checked(up: Up) -> None:
    assert up.ledger("close", "2025-04").code == 0
    execute(
        up.database, "UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = 'x'"
    )
    whole = _rows_of(up, "2025-04")
    asked = {
        "assetSelection": [{"path": [asset]} for asset in (*BILLED, *BILLING)],
        "partitionNames": ["2025-04"],
    }
    with up.ledger.started("close", "2025-04", "--finalise") as closing:
        launched = up.pages.ask(_BACKFILL, backfill=asked)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        done = closing.finished()

    def is_over() -> bool:
        (found,) = [one["status"] for one in up.pages.backfills() if one["id"] == launched["backfillId"]]
        return found not in {"REQUESTED", "COMPLETING"}

    eventually(is_over, seconds=200, what="the end of the backfill", pause=1)
    (status,) = fetch(up.database, "SELECT status FROM ledger_periods WHERE month = '2025-04-01'")[0]
    assert (status == "closed") == (done.code == 0), done.err
    assert done.code == 0 or "Error: " in done.err
    assert "Traceback" not in done.err
    assert _rows_of(up, "2025-04") == whole


def _rows_of(up: Up, month: str) -> dict[str, list[tuple[str]]]:
    return {
        table: fetch(up.database, f"SELECT t::text FROM {table} t WHERE month = '{month}-01' ORDER BY 1")
        for table in (*BILLED, *BILLING)
    }


def test_a_month_that_is_none_of_the_ledger_s_is_refused_before_anything_is_written(up: Up) -> None:
    """Nor one after its last, nor what is no month: such runs wait for nobody, so all are asked for at once."""
    runs = [up.pages.launch(month) for month in ("2031-01", "2025-1")]
    assert [up.ends(run) for run in runs] == ["FAILURE", "FAILURE"]
    for run, told in zip(
        runs, ("is outside the ledger: its months are 2024-01 to", "is not a month"), strict=True
    ):
        assert up.steps(run) == []
        messages = fetch(
            up.database,
            "SELECT event FROM dagster.event_logs WHERE run_id = %s AND dagster_event_type = 'STEP_FAILURE'",
            run,
        )
        assert any(told in text for (text,) in messages)
        written = (
            "SELECT count(*) FROM dagster.event_logs "
            "WHERE run_id = %s AND dagster_event_type = 'ASSET_MATERIALIZATION'"
        )
        assert fetch(up.database, written, run) == [(0,)]


def test_a_command_s_run_is_terminated_from_the_pages_too(up: Up) -> None:
    with up.database.connect(application_name="the test") as connection, connection.transaction():
        connection.execute("LOCK TABLE tickets IN SHARE MODE")
        with up.ledger.started("close", "2025-03") as running:
            (run,) = eventually(
                lambda: [one["runId"] for one in up.pages.runs() if one["status"] == "STARTED"],
                seconds=90,
                what="the command's run",
            )
            eventually(up.waits_for_a_lock, seconds=60, what="the first step's writing")
            up.pages.ask(_TERMINATE, id=run)
            done = running.finished(seconds=60)
    assert (done.code, "Traceback" in done.err) == (130, False)
    assert up.ends(run) == "CANCELED"
    assert up.steps(run)[-1] == ("codex", "failed")


def test_a_foreign_page_changes_nothing_and_a_person_does(up: Up) -> None:
    assert up.pages.schedule_state("backup_daily") == "STOPPED"
    graphql, body = f"{up.pages.url}/graphql", {"query": START_BACKUPS}
    # An image, a form, a script, and a foreign name that points here.
    foreign = [
        requests.get(graphql, params=body, timeout=30),
        requests.get(graphql, params=body, headers={"Sec-Fetch-Site": "cross-site"}, timeout=30),
        requests.post(graphql, params=body, headers={"Origin": "https://evil.example"}, timeout=30),
        requests.post(graphql, json=body, headers={"Origin": "http://127.0.0.1:1"}, timeout=30),
        requests.post(graphql, json=body, headers={"Origin": "null"}, timeout=30),
        requests.post(graphql, json=body, headers={"Sec-Fetch-Site": "cross-site"}, timeout=30),
        requests.post(graphql, json=body, headers={"Host": "evil.example"}, timeout=30),
        requests.get(f"{up.pages.url}/runs", headers={"Host": "evil.example"}, timeout=30),
        requests.post(
            f"{up.pages.url}/report_asset_materialization/tickets",
            json={"partition": "2025-01"},
            headers={"Origin": "https://evil.example"},
            timeout=30,
        ),
    ]
    assert [answer.status_code for answer in foreign] == [405, 405, 403, 403, 403, 403, 421, 421, 403]
    assert all(answer.json()["error"].endswith(".") for answer in foreign)
    assert up.pages.schedule_state("backup_daily") == "STOPPED"
    own = requests.post(
        graphql, json=body, headers={"Origin": up.pages.url, "Sec-Fetch-Site": "same-origin"}, timeout=30
    )
    assert own.status_code == 200, own.text
    assert up.pages.schedule_state("backup_daily") == "RUNNING"
    Webserver(up.pages.url).stop_schedule("backup_daily")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Origin": "own"}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_a_foreign_page_opens_no_websocket(up: Up, headers: dict[str, str], status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", up.pages.port, timeout=30)
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "graphql-ws",
    }
    own = {name: up.pages.url if value == "own" else value for name, value in headers.items()}
    connection.request("GET", "/graphql", headers=handshake | own)
    assert connection.getresponse().status == status
    connection.close()


def test_who_watches_the_console_hears_of_dagster_and_core(up: Up) -> None:
    def health() -> dict[str, object]:
        found: dict[str, object] = requests.get(f"{up.console}/health", timeout=20).json()
        return found

    eventually(lambda: health()["dagster"] == "up", seconds=60, what="an answer of Dagster's")
    assert health() == {"status": "healthy", "database": "up", "dagster": "up", "core": "up", "down": []}


def test_a_second_up_on_the_ledger_says_so_in_a_sentence(up: Up, tmp_path: Path) -> None:
    dagster, console = map(str, free_ports(2))
    second = Ledger(tmp_path / "other", up.database.url)("up", "--dagster-port", dagster, "--port", console)
    assert second.code == 1
    assert second.err.startswith(f"Error: `ledger up` runs on {up.database.label} already")
    assert second.err.count("\n") == 1


def test_the_logs_are_for_their_owner_only_and_warn_of_nothing(up: Up) -> None:
    logs = sorted((up.ledger.home / "logs").iterdir())
    names = ["code-server.log", "console.log", "dagster-daemon.log", "dagster-webserver.log"]
    assert [log.name for log in logs] == names
    assert {log.stat().st_mode & 0o777 for log in logs} == {0o600}
    assert set(run_statuses(up.database)) <= ENDED
