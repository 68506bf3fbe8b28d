"""A Codex that answers at once: its bulk answer was made beforehand by the sandbox, in another process.

What else it is asked for is the sandbox's own answer.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import requests

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox

#: The month that its records are of: the last one of their year.
MONTH = date(2025, 12, 1)
_CHUNK = 1 << 20


@contextmanager
def answering(companies: int, body: Path) -> Iterator[str]:
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
