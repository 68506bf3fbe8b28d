"""Dagster's webserver, asked over HTTP: launching runs, stopping them, and reading how they are.

Nothing here imports Dagster, so that the console starts at once. Before the webserver stands a guard that lets programs
on this machine through; it sends no origin (`local/guard.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.orchestration.code_location import LOCATION
from ledger_pipelines.printable import one_line
from ledger_pipelines.runs import documents
from ledger_pipelines.workflows.run_tags import PERSON_TAG, USER_TAG, months_of_tags

_REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
#: Seconds to connect, to be answered a question, and to have a run launched, for which its code is asked.
_CONNECT_SECONDS, _ANSWER_SECONDS, _LAUNCH_SECONDS = 1.0, 5.0, 15.0
_SUCCESSES = frozenset(
    {
        *("LaunchRunSuccess", "TerminateRunSuccess", "Runs", "EventConnection", "Schedules", "Sensors"),
        *("ScheduleStateResult", "Sensor", "StopSensorMutationResult"),
    }
)
#: How Dagster says that a run waits for its turn, or is at work.
WAITING = ("QUEUED", "NOT_STARTED")
UNENDED = (*WAITING, "STARTING", "STARTED", "CANCELING")


class DagsterAwayError(LedgerError):
    """Dagster does not answer."""


class DagsterSilentError(DagsterAwayError):
    """Dagster took a question and has not answered it: whether it did what was asked nobody knows yet."""


class DagsterRefusedError(LedgerError):
    """Dagster answered that it does not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class DagsterRun:
    """A run in Dagster's history: its status in Dagster's words, its instants (UTC), months and tags."""

    run_id: str
    job: str
    status: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    can_be_stopped: bool
    tags: Mapping[str, str]

    @property
    def months(self) -> list[date]:
        """The months that it is for; none where its tags do not say."""
        return months_of_tags(self.tags)

    @property
    def person(self) -> str | None:
        """Who asked for it, where a person did."""
        return self.tags.get(PERSON_TAG) or self.tags.get(USER_TAG)

    @property
    def started_by(self) -> str | None:
        """The schedule or sensor that asked for it, where one did."""
        return self.tags.get("dagster/schedule_name") or self.tags.get("dagster/sensor_name")

    @property
    def has_ended(self) -> bool:
        return self.status in ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a run's log: when (UTC), how grave, of which step, and what it says."""

    at: datetime
    level: str
    step: str | None
    kind: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Log:
    """A part of a run's log; `cursor` is where the next one begins, `has_more` whether it is there already."""

    lines: list[LogLine]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step of a run that failed, in its own words; `step` is null where the run failed as a whole."""

    step: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Instigator:
    """A schedule or a sensor: whether it is on, when it looks next (UTC), and what came of its last look.

    `cron` and `zone` are a schedule's, `seconds` is how often a sensor looks.
    """

    id: str
    name: str
    description: str
    is_on: bool
    next_at: datetime | None
    last_at: datetime | None
    last_outcome: str | None
    last_message: str | None
    job: str | None = None
    cron: str | None = None
    zone: str | None = None
    seconds: int | None = None


def _session() -> requests.Session:
    session = requests.Session()
    # A proxy of the environment has no business between us and this machine.
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=16))
    return session


@dataclass(frozen=True, slots=True)
class Webserver:
    """Dagster's webserver at a URL. Every method raises DagsterAwayError where it does not answer, DagsterSilentError
    where it took what it was asked and nobody knows what came of it, and DagsterRefusedError with its reason.
    """

    url: str
    answer_seconds: float = _ANSWER_SECONDS
    launch_seconds: float = _LAUNCH_SECONDS
    _session: requests.Session = field(default_factory=_session, repr=False, compare=False)

    def launch(
        self,
        job: str,
        tags: Mapping[str, str],
        *,
        assets: Sequence[str] = (),
        config: Mapping[str, Mapping[str, object]] | None = None,
    ) -> str:
        """Asks for a run of a job, or of these of its assets; returns its id. `config` is that of steps, by step."""
        selector: dict[str, Any] = {**_REPOSITORY, "jobName": job}
        if assets:
            selector["assetSelection"] = [{"path": [asset]} for asset in assets]
        steps = {step: {"config": dict(values)} for step, values in (config or {}).items()}
        run = {
            "selector": selector,
            "mode": "default",
            "runConfigData": {"ops": steps} if steps else {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self._ask(documents.LAUNCH, {"run": run}, self.launch_seconds)
        return str(answer["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        """Stops a run: one that waits is cancelled, one that is at work is interrupted."""
        self._ask(documents.TERMINATE, {"id": run_id}, self.launch_seconds)

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
        """Runs, the newest first; `cursor` is the id of the run after which to go on."""
        wanted: dict[str, Any] = {}
        if ids is not None:
            wanted["runIds"] = list(ids)
        if job is not None:
            wanted["pipelineName"] = job
        if tags:
            wanted["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
        if statuses:
            wanted["statuses"] = list(statuses)
        answer = self._ask(documents.RUNS, {"filter": wanted, "limit": limit, "cursor": cursor})
        return [_run_of(one) for one in answer["results"]]

    def run(self, run_id: str) -> DagsterRun | None:
        """The run of this id, None where there is none."""
        return next(iter(self.runs(ids=[run_id], limit=1)), None)

    def log(self, run_id: str, *, after: str | None = None, limit: int = 500) -> Log:
        """What a run's log says from a cursor on."""
        answer = self._ask(documents.LOGS, {"id": run_id, "after": after, "limit": limit})
        lines = [
            LogLine(
                at=datetime.fromtimestamp(float(event["timestamp"]) / 1000, UTC),
                level=event["level"],
                step=event["stepKey"],
                kind=event["eventType"],
                message=_sentence_of(event),
            )
            for event in answer["events"]
            if "timestamp" in event
        ]
        return Log(lines, answer["cursor"], bool(answer["hasMore"]))

    def failures(self, run_id: str) -> list[StepFailure]:
        """What failed in a run: its steps, or the run as a whole where no step did."""
        found, cursor, has_more = [], None, True
        while has_more:
            part = self.log(run_id, after=cursor, limit=1000)
            found += [
                one for one in part.lines if one.kind in ("STEP_FAILURE", "PIPELINE_FAILURE", "RUN_FAILURE")
            ]
            cursor, has_more = part.cursor, part.has_more and bool(part.lines)
        steps = [StepFailure(one.step, one.message) for one in found if one.kind == "STEP_FAILURE"]
        return steps or [StepFailure(None, one.message) for one in found]

    def schedules(self) -> list[Instigator]:
        """The schedules, by name."""
        answer = self._ask(documents.SCHEDULES, {"repository": _REPOSITORY})
        return sorted(map(_schedule_of, answer["results"]), key=lambda one: one.name)

    def sensors(self) -> list[Instigator]:
        """The sensors, by name."""
        answer = self._ask(documents.SENSORS, {"repository": _REPOSITORY})
        return sorted(map(_sensor_of, answer["results"]), key=lambda one: one.name)

    def start_schedule(self, name: str) -> None:
        """Switches a schedule on."""
        self._ask(documents.START_SCHEDULE, {"schedule": {**_REPOSITORY, "scheduleName": name}})

    def stop_schedule(self, name: str) -> None:
        """Switches a schedule off."""
        self._ask(documents.STOP_SCHEDULE, {"id": _named(self.schedules(), name).id})

    def start_sensor(self, name: str) -> None:
        """Switches a sensor on."""
        self._ask(documents.START_SENSOR, {"sensor": {**_REPOSITORY, "sensorName": name}})

    def stop_sensor(self, name: str) -> None:
        """Switches a sensor off."""
        self._ask(documents.STOP_SENSOR, {"id": _named(self.sensors(), name).id})

    def version(self) -> str:
        """Dagster's version, when it is there."""
        return str(self._post(documents.VERSION, {}, self.answer_seconds)["version"])

    def _ask(
        self, document: str, variables: Mapping[str, Any], seconds: float | None = None
    ) -> dict[str, Any]:
        """The one answer of a document that asks one thing."""
        data = self._post(document, variables, seconds or self.answer_seconds)
        (answer,) = data.values()
        if answer["__typename"] not in _SUCCESSES:
            raise DagsterRefusedError(f"Dagster refused: {_reason(answer)}")
        found: dict[str, Any] = answer
        return found

    def _post(self, document: str, variables: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        try:
            response = self._session.post(
                f"{self.url.rstrip('/')}/graphql",
                json={"query": document, "variables": dict(variables)},
                timeout=(_CONNECT_SECONDS, seconds),
                allow_redirects=False,
            )
            content = response.json()
        except requests.ConnectTimeout:
            raise DagsterAwayError(_away(self.url, "nobody answers there")) from None
        except requests.Timeout:
            raise DagsterSilentError(_away(self.url, f"no answer within {seconds:g} seconds")) from None
        except requests.ConnectionError as error:
            # Refused before anything was sent, or broken off when it may have been received.
            is_refused = "NewConnectionError" in repr(error) or "Connection refused" in str(error)
            kind = DagsterAwayError if is_refused else DagsterSilentError
            raise kind(_away(self.url, "nobody listens there" if is_refused else "it broke off")) from None
        except (requests.RequestException, ValueError):
            raise DagsterAwayError(_away(self.url, "what answers there is not Dagster")) from None
        return _data_of(response.status_code, content)


def _away(url: str, reason: str) -> str:
    return f"Dagster does not answer at {url} ({reason}): start it with `ledger up`."


def _data_of(status: int, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise DagsterRefusedError(f"Dagster answered with status {status} and nothing that can be read.")
    errors = content.get("errors") or ([{"message": content["error"]}] if "error" in content else [])
    if errors:
        raise DagsterRefusedError(f"Dagster refused: {one_line(str(errors[0].get('message')))[:500]}")
    data: dict[str, Any] = content.get("data") or {}
    if not data or any(value is None for value in data.values()):
        raise DagsterRefusedError(f"Dagster answered with status {status} and without what it was asked for.")
    return data


def _reason(answer: Mapping[str, Any]) -> str:
    """What an error of Dagster's says, in one line."""
    kind = str(answer["__typename"])
    if kind == "UnauthorizedError":
        return "its webserver is read-only, so it starts and stops nothing."
    if kind == "InvalidStepError":
        return f"the job has no step {answer['invalidStepKey']}."
    if kind == "InvalidOutputError":
        return f"the step {answer['stepKey']} has no output {answer['invalidOutputName']}."
    messages = (
        [answer["message"]] if "message" in answer else [one["message"] for one in answer.get("errors", ())]
    )
    text = one_line(" ".join(map(str, messages)).strip())[:500]
    return text or f"it answered {kind}."


def _sentence_of(event: Mapping[str, Any]) -> str:
    """What an event says; of a failure, what the step itself said."""
    described = (event.get("failureMetadata") or {}).get("description")
    if described:
        return str(described)
    error = event.get("error") or {}
    if error and event["__typename"] == "ExecutionStepFailureEvent":
        causes = error.get("causes") or []
        text = one_line(str((causes[0] if causes else error)["message"]).strip())
        return f"The step {event['stepKey']} failed: {text}"
    return str(event["message"]).strip()


def _run_of(found: Mapping[str, Any]) -> DagsterRun:
    return DagsterRun(
        run_id=found["runId"],
        job=found["jobName"],
        status=found["status"],
        created_at=datetime.fromtimestamp(found["creationTime"], UTC),
        started_at=_instant(found["startTime"]),
        ended_at=_instant(found["endTime"]),
        can_be_stopped=bool(found["canTerminate"]),
        tags={tag["key"]: tag["value"] for tag in found["tags"]},
    )


def _schedule_of(found: Mapping[str, Any]) -> Instigator:
    return Instigator(
        **_state_of(found["scheduleState"]),
        name=found["name"],
        description=found["description"] or "",
        job=found["pipelineName"],
        cron=found["cronSchedule"],
        zone=found["executionTimezone"] or "UTC",
    )


def _sensor_of(found: Mapping[str, Any]) -> Instigator:
    return Instigator(
        **_state_of(found["sensorState"]),
        name=found["name"],
        description=found["description"] or "",
        seconds=found["minIntervalSeconds"],
    )


def _state_of(state: Mapping[str, Any]) -> dict[str, Any]:
    last = next(iter(state["ticks"]), None) or {}
    message = (last.get("error") or {}).get("message") or last.get("skipReason")
    return {
        "id": state["id"],
        "is_on": state["status"] == "RUNNING",
        "next_at": _instant((state["nextTick"] or {}).get("timestamp")),
        "last_at": _instant(last.get("timestamp")),
        "last_outcome": last.get("status"),
        "last_message": None if message is None else one_line(str(message))[:500],
    }


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _named(found: Sequence[Instigator], name: str) -> Instigator:
    one = next((one for one in found if one.name == name), None)
    if one is None:
        raise DagsterRefusedError(
            f"Dagster has nothing named {one_line(name)[:100]}: it has {', '.join(one.name for one in found)}."
        )
    return one
