"""The console as a process of its own, as the benchmark starts and asks it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from ledger_pipelines.store.database import Database

#: Seconds after which the console is taken for one that never starts, and an answer for one that never comes.
_PATIENCE, _LONGEST = 120, 120


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its bytes, and the seconds to its first byte and to its last."""

    status: int
    body: bytes
    first_byte: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Server:
    """A running console: where it listens, the seconds from its start to its first answer, and its memory then, in MB."""

    process: psutil.Process
    port: int
    started_in: float
    megabytes_at_start: float

    @property
    def megabytes(self) -> float:
        """Its resident memory."""
        return float(self.process.memory_info().rss) / 2**20


class Client:
    """A reader on a connection that is kept."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Answer:
        """Asks, and reads the answer to its end."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        first = response.read(1)
        first_byte = time.perf_counter() - began
        body = first + response.read()
        return Answer(response.status, body, first_byte, time.perf_counter() - began)

    def parts(self, path: str) -> Iterator[bytes]:
        """The answer's parts as they come; none is kept."""
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        if response.status != http.client.OK:
            raise RuntimeError(f"{path} is answered with {response.status}: {response.read(500)!r}")
        while part := response.read1(2**16):
            yield part

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


@contextmanager
def running_console(database: Database, environment: Mapping[str, str]) -> Iterator[Server]:
    """`ledger console` on this database with these settings and no others, from its start to its first 200 of /health."""
    port = _free_port()
    with TemporaryDirectory(prefix="ledger-bench-console-") as home, (Path(home) / "log").open("wb") as log:
        own = {
            name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}
        }
        own |= {"LEDGER_HOME": home, "LEDGER_DATABASE_URL": database.url, **environment}
        command = [sys.executable, "-m", "ledger_pipelines", "console", "--port", str(port)]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=home, env=own, stdout=log, stderr=log)  # noqa: S603 - our own
        try:
            _wait_until_up(port, process, Path(home) / "log")
            seconds = time.perf_counter() - began
            console = psutil.Process(process.pid)
            yield Server(console, port, seconds, console.memory_info().rss / 2**20)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()


@contextmanager
def hanging_address() -> Iterator[str]:
    """The address of something that accepts a connection and never answers."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        # The system accepts on behalf of a listener that never does.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        client = Client(port)
        with suppress(OSError, http.client.HTTPException):
            if client.get("/health").status == http.client.OK:
                return
        client.close()
        time.sleep(0.02)
    raise RuntimeError(f"the console did not start: {log.read_text(errors='replace')}")
