"""Logs as LEDGER_LOG_FORMAT says: as each library writes them, or as JSON, one object a line, without secrets.

Here: the format, and what a line knows of the work that it is about. Not here: what is logged.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from ledger_pipelines.months import format_month
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.http.redaction import REDACTED, keep_secret, redact_text
from ledger_pipelines.tracing import VARIABLE as TRACES_VARIABLE
from ledger_pipelines.workflows.run_tags import months_of_tags

FORMAT_VARIABLE = "LEDGER_LOG_FORMAT"
#: What a line may have beside its message, in this order; anything else that a library adds is left out.
_FIELDS = (
    *("run_id", "job", "step", "months", "account", "event"),
    *("method", "route", "status", "seconds", "permission"),
)
#: Headers whose whole value is secret: a cookie has several parts, and a scheme stands before a credential.
_SECRET_HEADER = re.compile(
    r"(?P<name>\b(?:set-)?cookie|\b(?:proxy-)?authorization)(?P<sign>[\"']?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE
)
_context: ContextVar[Mapping[str, Any]] = ContextVar("logging_context", default={})  # noqa: B039 - never changed


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: `time` (UTC), `level`, `logger`, `message`, and what is known of the work."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message_of(record),
        }
        known = {**_context.get(), **_of_run(record), **vars(record)}
        line |= {name: known[name] for name in _FIELDS if known.get(name) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII, whatever the locale; what is no value of JSON as text.
        return json.dumps({name: _without_secrets(value) for name, value in line.items()}, default=str)


class JsonLogger(logging.Logger):
    """A logger whose streams are written as JSON, whichever library adds them with a format of its own."""

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - the standard library's name
        if isinstance(hdlr, logging.StreamHandler):
            hdlr.setFormatter(JsonFormatter())
            # Or the root's handler would write each line again.
            self.propagate = False
        super().addHandler(hdlr)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure(settings: Settings) -> None:
    """Makes this process, and those that it starts, log and trace as the settings say."""
    if settings.traces_endpoint is not None:
        os.environ[TRACES_VARIABLE] = settings.traces_endpoint
    os.environ[FORMAT_VARIABLE] = settings.log_format
    secrets = (settings.metrics_token, settings.alert_webhook)
    keep_secret(*(secret.get_secret_value() for secret in secrets if secret is not None))
    configure_from_environment()


def configure_from_environment() -> None:
    """Likewise for a process that another one of the ledger started, or Dagster: what is logged from now on."""
    if not is_json() or issubclass(logging.getLoggerClass(), JsonLogger):
        return
    logging.setLoggerClass(JsonLogger)
    handler = _StandardError()
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)


def is_json() -> bool:
    """Whether this process writes its logs as JSON."""
    return os.environ.get(FORMAT_VARIABLE) == "json"


@contextmanager
def logging_context(**fields: Any) -> Iterator[None]:
    """Adds these fields to each line that is logged within the body."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def _message_of(record: logging.LogRecord) -> str:
    """The message; of a run's line without the run and step that Dagster puts before it, which are fields."""
    of_run = getattr(record, "dagster_meta", None)
    message = of_run.get("orig_message") if isinstance(of_run, Mapping) else None
    return record.getMessage() if message is None else str(message)


def _of_run(record: logging.LogRecord) -> dict[str, Any]:
    of_run = getattr(record, "dagster_meta", None)
    if not isinstance(of_run, Mapping):
        return {}
    # A sensor's lines have such a mapping, too, with other things in it.
    found = {
        "run_id": of_run.get("run_id"),
        "job": of_run.get("job_name"),
        "step": of_run.get("step_key"),
        "event": getattr(of_run.get("dagster_event"), "event_type_value", None),
    }
    if "months" not in _context.get():
        found["months"] = [
            format_month(month) for month in months_of_tags(of_run.get("job_tags") or {})
        ] or None
    return {name: value for name, value in found.items() if value is not None}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(_SECRET_HEADER.sub(rf"\g<name>\g<sign>{REDACTED}", value))
    if isinstance(value, list | tuple):
        return [_without_secrets(one) for one in value]
    return value
