"""A line of a log as JSON: what it has, and what it never has."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from pydantic import SecretStr

from ledger_pipelines import logs
from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.logs import JsonFormatter, logging_context
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.sources.http import redaction
from ledger_pipelines_tests.json_logs import json_logs

SECRET = "s3cret-nobody-may-see-7"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


def _line(message: str, *args: object, **extra: object) -> dict[str, Any]:
    record = logging.LogRecord("ledger", logging.WARNING, __file__, 1, message, args, None)
    vars(record).update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_has_what_is_known_of_the_work_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_own_secrets", set())
    with logging_context(run_id="r", step="billing"), logging_context(months=["2026-03"], account=None):
        line = _line("Read %s\nrows of Zoë", 3, account="836444", taskName="x", body={"a": 1})
    assert list(line) == ["time", "level", "logger", "message", "run_id", "step", "months", "account"]
    assert line["message"] == "Read 3\nrows of Zoë"
    assert (line["level"], line["account"], line["months"]) == ("WARNING", "836444", ["2026-03"])
    assert line["time"].endswith("+00:00")
    assert "run_id" not in _line("after it")
    of_sensor = _line("Alert", dagster_meta={"repository_name": "a", "orig_message": "Alert raised"})
    assert (of_sensor["message"], list(of_sensor)[4:]) == ("Alert raised", [])


@pytest.mark.parametrize(
    "message",
    [
        f"Cookie: session={SECRET}; csrf={SECRET}",
        f"{{'set-cookie': 'session={SECRET}; Path=/; csrf={SECRET}'}}",
        f"Authorization: Basic {SECRET} {SECRET}",
        f'headers {{"authorization": "Bearer {SECRET}"}}',
        f"postgresql://ledger:{SECRET}@db/books",
        f"GET http://codex.example/api?access_token={SECRET}&page=2",
        f"password={SECRET} user=ada",
        f"the token {TOKEN} has expired",
    ],
)
def test_no_secret_is_in_a_line(message: str) -> None:
    for line in (
        _line(message),
        _line("%s", message),
        _line("plain", route=message),
        _line("x", months=[message]),
    ):
        assert SECRET not in json.dumps(line)
        assert TOKEN not in json.dumps(line)


def test_a_process_writes_every_librarys_lines_as_json_and_its_own_secrets_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "plain")
    settings = Settings().model_copy(update={"metrics_token": SecretStr(SECRET), "log_format": "json"})
    with json_logs(monkeypatch) as stream:
        logs.configure(settings)
        other = logging.getLoggerClass()("another's")
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        other.addHandler(handler)
        other.error("It is %s", SECRET)
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("ledger_pipelines.some").exception("It failed")
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(one["logger"], one["message"]) for one in lines] == [
        ("another's", "It is [redacted]"),
        ("ledger_pipelines.some", "It failed"),
    ]
    assert "ValueError: [redacted]" in lines[1]["exception"]


def test_plain_changes_nothing_and_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "plain")
    before = (logging.getLoggerClass(), list(logging.getLogger().handlers))
    logs.configure(Settings())
    assert (logging.getLoggerClass(), list(logging.getLogger().handlers)) == before
    monkeypatch.setenv(logs.FORMAT_VARIABLE, "xml")
    with pytest.raises(ConfigurationError, match="LEDGER_LOG_FORMAT cannot be used: write plain or json"):
        read_settings()
