"""Logs as JSON within a test, as a process with LEDGER_LOG_FORMAT=json writes them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ledger_pipelines import logs
from ledger_pipelines.sources.http import redaction


@contextmanager
def json_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to standard error within the body, which logs as JSON; afterwards all is as before."""
    usual, root = logging.getLoggerClass(), logging.getLogger()
    before = list(root.handlers)
    requests = logging.getLogger("ledger_pipelines.console.observing")
    stream = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stream)
        # What other tests of this process use as a key may be part of any word.
        patch.setattr(redaction, "_own_secrets", set())
        patch.setenv(logs.FORMAT_VARIABLE, "json")
        logs.configure_from_environment()
        try:
            yield stream
        finally:
            logging.setLoggerClass(usual)
            requests.setLevel(logging.NOTSET)
            for handler in set(root.handlers) - set(before):
                root.removeHandler(handler)
