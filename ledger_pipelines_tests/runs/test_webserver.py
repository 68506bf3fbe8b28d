"""What Dagster's webserver is asked fits its schema, and whatever it answers is told in a sentence."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from dagster_graphql.schema import create_schema
from graphql import parse, validate

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.runs.documents import DOCUMENTS
from ledger_pipelines.runs.schedules import cron_in_words, failures_in_a_row
from ledger_pipelines.runs.webserver import (
    DagsterAwayError,
    DagsterRefusedError,
    DagsterSilentError,
    Webserver,
)

_CONSOLE = """
import sys
import ledger_pipelines.runs.webserver, ledger_pipelines.runs.requests, ledger_pipelines.runs.starting
import ledger_pipelines.runs.schedules, ledger_pipelines.runs.console_closing, ledger_pipelines.console.app
print([name for name in sys.modules if name.partition("_")[0].partition(".")[0] == "dagster"])
"""


@contextmanager
def _answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Webserver]:
    """A server that answers every POST so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer(self)

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield Webserver(f"http://127.0.0.1:{server.server_port}", answer_seconds=0.3, launch_seconds=0.3)
    finally:
        server.shutdown()
        server.server_close()


def _saying(content: Any, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def _said(answer: Callable[[BaseHTTPRequestHandler], None]) -> LedgerError:
    with _answering(answer) as webserver, pytest.raises(LedgerError) as raised:
        webserver.launch("month_close", {"dagster/partition": "2025-03"})
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")
    return raised.value


def test_every_document_fits_the_schema_that_is_installed() -> None:
    schema = create_schema().graphql_schema
    assert len(DOCUMENTS) >= 11
    assert {name: validate(schema, parse(text)) for name, text in DOCUMENTS.items()} == {
        name: [] for name in DOCUMENTS
    }


def test_the_console_imports_nothing_of_dagster() -> None:
    done = subprocess.run([sys.executable, "-c", _CONSOLE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_errors_of_dagster_are_sentences() -> None:
    for kind, more, said in (
        ("UnauthorizedError", {"message": "x"}, "read-only"),
        ("RunConflict", {"message": "There is a run\nalready."}, "There is a run already."),
        ("PythonError", {"message": "KeyError: 'x'."}, "KeyError: 'x'."),
        ("PresetNotFoundError", {"message": "No preset."}, "No preset."),
        ("InvalidStepError", {"invalidStepKey": "codec"}, "codec"),
        ("RunConfigValidationInvalid", {"errors": [{"message": "Unknown field."}]}, "Unknown field."),
    ):
        error = _said(_saying({"data": {"launchRun": {"__typename": kind, **more}}}))
        assert isinstance(error, DagsterRefusedError)
        assert said in str(error), kind
    refused = [
        _saying({"errors": [{"message": "Cannot query field."}]}, 400),
        _saying({"error": "A page of another origin may change nothing here."}, 403),
        _saying({"data": {"launchRun": None}}),
        _saying([]),
    ]
    assert all(isinstance(_said(answer), DagsterRefusedError) for answer in refused)
    assert isinstance(_said(_saying("<html>")), DagsterAwayError)


def test_nobody_there_is_told_from_one_who_may_have_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DagsterAwayError) as away:
        Webserver(f"http://127.0.0.1:{port}").schedules()
    assert not isinstance(away.value, DagsterSilentError)
    assert "ledger up" in str(away.value)
    over = threading.Event()
    assert isinstance(_said(lambda _: [None for _ in [over.wait(1.0)]] and None), DagsterSilentError)
    assert isinstance(_said(lambda handler: handler.connection.close()), DagsterSilentError)


def test_crons_in_words() -> None:
    for cron, words in (
        ("0 */6 * * *", "every 6 hours, on the hour (UTC)"),
        ("30 * * * *", "every hour, at minute 30 (UTC)"),
        ("0 2 * * *", "every day at 02:00 (UTC)"),
        ("5 23 * * 1", "every Monday at 23:05 (UTC)"),
        ("0 4 2 * *", "on the 2nd of each month at 04:00 (UTC)"),
        ("0 4 11 * *", "on the 11th of each month at 04:00 (UTC)"),
        ("0 4 1,15 * *", "0 4 1,15 * * (UTC)"),
        ("@daily", "@daily (UTC)"),
    ):
        assert cron_in_words(cron, "UTC") == words
    assert failures_in_a_row([]) == 0
