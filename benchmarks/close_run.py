"""The whole close of a month by the `ledger` command, from HTTP to checks, on a new ledger.

Codex answers at once: its bulk answer was written beforehand, and the little else is the sandbox's own.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import requests

from benchmarks.databases import filled_database
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database

MONTH = date(2025, 12, 1)
#: The size that a promise was made for.
PROMISED_COMPANIES = 10_000
_CHUNK = 1 << 20
_STEPS = """SELECT step_name, extract(epoch FROM completed_at - started_at)::float FROM sync_executions
            WHERE completed_at IS NOT NULL ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of the command and of its steps, the processor's seconds of it, and its peak memory in MB."""

    companies: int
    seconds: float
    cpu: float
    peak_megabytes: float
    steps: dict[str, float] = field(default_factory=dict)


def measure(companies: int, tell: Callable[[str], None]) -> Figures:
    """Closes the month once, in a database of its own. Raises RuntimeError where the command fails."""
    tell(f"Writing what Codex says of {companies:,} companies")
    with (
        tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder,
        _answering(companies, Path(folder) / "bulk.json") as url,
        filled_database(date(MONTH.year, 1, 1), _nothing) as database,
    ):
        tell(f"Closing a month of {companies:,} companies")
        return _closed(companies, url, database, Path(folder))


def _closed(companies: int, url: str, database: Database, folder: Path) -> Figures:
    variables = {
        "LEDGER_DATABASE_URL": database.url,
        "LEDGER_HOME": str(folder / "home"),
        "CODEX_URL": url,
        "CODEX_API_KEY": "benchmark",
    }
    ours = ("LEDGER_", "CORE_", "CODEX_", "HOLDED_", "FOURGEEKS_", "NOTION_", "CFO_", "DAGSTER_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with (folder / "close.log").open("wb") as log:
        began = time.perf_counter()
        process = psutil.Popen(
            [sys.executable, "-m", "ledger_pipelines", "close", f"{MONTH:%Y-%m}"],
            env=inherited | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"the close failed: {(folder / 'close.log').read_text()[-2000:]}")
    with database.connect() as connection:
        steps = {str(name): float(took) for name, took in connection.execute(_STEPS).fetchall()}
    return Figures(companies, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, steps)


def _nothing(_: Database) -> None:
    """The ledger is new."""


@contextmanager
def _answering(companies: int, body: Path) -> Iterator[str]:
    """The address of a Codex whose bulk answer is in `body` before anybody asks."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(companies, body, sender), daemon=True)
    process.start()
    try:
        yield receiver.recv()
    finally:
        process.terminate()
        process.join()


def _serve(companies: int, body: Path, sender: Connection) -> None:
    config = SandboxConfig(
        until=date(2025, 12, 31), companies=companies, students=0, invoices=0, rate_limit=None
    )
    with running_sandbox(config) as sandbox:
        asked = {"calling_service": "ledger", "target_service": "codex"}
        answer = requests.post(f"{sandbox.core_url}/service-token", json=asked, timeout=60)
        headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        parameters = {"include_tickets": "true", "year": str(MONTH.year)}
        bulk = f"{sandbox.codex_url}/api/companies/bulk"
        with (
            requests.get(bulk, params=parameters, headers=headers, stream=True, timeout=3600) as whole,
            body.open("wb") as file,
        ):
            for chunk in whole.iter_content(_CHUNK):
                file.write(chunk)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Codex, body, sandbox.codex_url, headers))
        sender.send(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


class _Codex(BaseHTTPRequestHandler):
    """Sends the file for the bulk answer, and what the sandbox says for anything else."""

    protocol_version = "HTTP/1.1"

    def __init__(self, body: Path, codex: str, headers: dict[str, str], *arguments: object) -> None:
        self._body, self._codex, self._headers = body, codex, headers
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path.startswith("/api/companies/bulk"):
            self._begin(200, self._body.stat().st_size)
            with self._body.open("rb") as file:
                self.connection.sendfile(file)
            return
        answer = requests.get(f"{self._codex}{self.path}", headers=self._headers, timeout=60)
        self._begin(answer.status_code, len(answer.content))
        self.wfile.write(answer.content)

    def _begin(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""
