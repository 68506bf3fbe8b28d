"""A stand-in of Dagster's webserver: it remembers what was launched, and its runs end as a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ledger_pipelines.runs.webserver import DagsterAwayError, DagsterRun, StepFailure, Webserver


@dataclass(frozen=True, slots=True)
class StandIn(Webserver):
    """Takes every run into its queue; raises `trouble` where there is one."""

    url: str = "http://127.0.0.1:1"
    launched: list[DagsterRun] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    keeps_despite_trouble: list[bool] = field(default_factory=list)

    def launch(
        self,
        job: str,
        tags: Mapping[str, str],
        *,
        assets: Sequence[str] = (),
        config: Mapping[str, Mapping[str, object]] | None = None,
    ) -> str:
        """Keeps the run as queued."""
        self.asked.append({"job": job, "assets": list(assets), "config": config})
        if self.trouble and not self.keeps_despite_trouble:
            raise self.trouble[0]
        run_id = f"run-{len(self.launched) + 1}"
        now = datetime.now(UTC)
        self.launched.insert(0, DagsterRun(run_id, job, "QUEUED", now, None, None, True, dict(tags)))
        if self.trouble:
            raise self.trouble[0]
        return run_id

    def runs(
        self,
        *,
        ids: Sequence[str] | None = None,
        job: str | None = None,
        tags: Mapping[str, str] | None = None,
        statuses: Sequence[str] = (),
        limit: int = 25,
        cursor: str | None = None,
    ) -> list[DagsterRun]:
        """The runs so far; raises where Dagster is away."""
        if self.trouble and isinstance(self.trouble[0], DagsterAwayError) and not self.keeps_despite_trouble:
            raise self.trouble[0]
        return [
            run
            for run in self.launched
            if (ids is None or run.run_id in ids)
            and (job is None or run.job == job)
            and (tags or {}).items() <= run.tags.items()
            and (not statuses or run.status in statuses)
        ][:limit]

    def failures(self, run_id: str) -> list[StepFailure]:
        """One, always the same."""
        return [StepFailure("services", "Holded refused the key.")]

    def terminate(self, run_id: str) -> None:
        """The run is cancelled at once."""
        self.become(run_id, "CANCELED")

    def become(self, run_id: str, status: str) -> None:
        """The run has this status from now on."""
        at = next(index for index, run in enumerate(self.launched) if run.run_id == run_id)
        self.launched[at] = replace(self.launched[at], status=status)
