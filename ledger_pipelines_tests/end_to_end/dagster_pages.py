"""Dagster's pages: their GraphQL, for what a test waits for, and a browser, for what a person does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from ledger_pipelines_tests.browser_setup import find_browser

_RUNS = "{ runsOrError(limit: 1000) { ... on Runs { results { runId status jobName tags { key value } } } } }"
_BACKFILLS = (
    "{ partitionBackfillsOrError { ... on PartitionBackfills { results { id status numPartitions } } } }"
)
_MONTHS = """{ assetNodes { assetKey { path } assetPartitionStatuses {
    ... on TimePartitionStatuses { ranges { startKey endKey status } } } } }"""
_LAUNCH = """mutation ($run: ExecutionParams!) { launchRun(executionParams: $run) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_SCHEDULE_STATE = """query ($schedule: ScheduleSelector!) { scheduleOrError(scheduleSelector: $schedule) {
    ... on Schedule { scheduleState { status } } } }"""
#: A mutation that needs no variables, as a foreign page would send it.
START_BACKUPS = """mutation { startSchedule(scheduleSelector: {repositoryLocationName: "ledger_pipelines",
    repositoryName: "__repository__", scheduleName: "backup_daily"}) { __typename } }"""
#: What GraphQL calls the ledger's code.
LOCATION = {"repositoryLocationName": "ledger_pipelines", "repositoryName": "__repository__"}


@dataclass(frozen=True, slots=True)
class DagsterPages:
    """A running Dagster webserver."""

    port: int

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return requests.get(f"{self.url}/server_info", timeout=5).ok
        except requests.RequestException:
            return False

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first, with their tags as a mapping."""
        found: list[dict[str, Any]] = self.ask(_RUNS)["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def backfills(self) -> list[dict[str, Any]]:
        """All backfills, newest first."""
        found: list[dict[str, Any]] = self.ask(_BACKFILLS)["partitionBackfillsOrError"]["results"]
        return found

    def months(self) -> dict[str, list[tuple[str, str, str]]]:
        """Of every asset the spans of months that are not missing: first, last, status."""
        return {
            "/".join(node["assetKey"]["path"]): [
                (span["startKey"], span["endKey"], span["status"])
                for span in node["assetPartitionStatuses"]["ranges"]
            ]
            for node in self.ask(_MONTHS)["assetNodes"]
            # What has no months, `ledger_periods`, answers with another kind of statuses.
            if "ranges" in node["assetPartitionStatuses"]
        }

    def status(self, run_id: str) -> str:
        """How a run stands: `STARTED`, `SUCCESS` …"""
        asked = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
        return str(self.ask(asked, id=run_id)["runOrError"]["status"])

    def schedule_state(self, name: str) -> str:
        """Whether a schedule is switched on: `RUNNING` or `STOPPED`."""
        found = self.ask(_SCHEDULE_STATE, schedule={**LOCATION, "scheduleName": name})["scheduleOrError"]
        return str(found["scheduleState"]["status"])

    def launch(self, month: str, *assets: str, job: str = "month_close") -> str:
        """Starts a run of a job, or of these of its assets, for a month; its id."""
        selector: dict[str, Any] = {**LOCATION, "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": [asset]} for asset in assets]
        tags = [{"key": "dagster/partition", "value": month}]
        asked = {
            "selector": selector,
            "mode": "default",
            "runConfigData": "{}",
            "executionMetadata": {"tags": tags},
        }
        launched = self.ask(_LAUNCH, run=asked)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What GraphQL answers; fails the test when it is an error."""
        asked = {"query": query, "variables": variables}
        answer = requests.post(f"{self.url}/graphql", json=asked, timeout=60).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page of a real browser; the test is skipped where there is none, except in CI."""
    path = find_browser()
    if path is None:
        assert os.environ.get("CI") != "true", "there is no browser, and CI is true"
        pytest.skip("there is no browser: `python -m ledger_pipelines_tests.browser_setup` installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.set_default_timeout(45_000)
            # The other worker may keep the machine busy: how long a page takes is not what is tested.
            expect.set_options(timeout=30_000)
            yield page
        finally:
            browser.close()


def leave(page: Page) -> None:
    """Goes to an empty page: Dagster's own ask it again and again while a test waits."""
    page.goto("about:blank")
