"""Processes of the `ledger` command that need not load what they use: forked from one that has loaded it.

Loading Dagster, pandas and their like is half of what a command takes, and a suite runs hundreds. Each is a process
of its own all the same, with its own environment, folder, session and output, and runs the package's `__main__`.
`Ledger` starts a process from nothing where the interpreter's own settings matter, and for whatever is interrupted,
killed or looked at while it runs.

There are two such processes. One has loaded nothing of the project. The other has Dagster's definitions built, too, of
which only the ledger's first month and the time zone (`DEFINED`) are of the environment: for commands that run steps
on a ledger with these.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

#: The environment that the built definitions are of.
DEFINED = {"LEDGER_FIRST_MONTH": "2024-01", "LEDGER_TIMEZONE": "UTC"}
#: What the commands that run steps load of the project. None of `cli`: consoles are made of their process's environment.
_ROOMS = ("ledger_pipelines.runs.closing", "ledger_pipelines.runs.cfo_sync", "ledger_pipelines.runs.syncing")
#: What the commands load, but for the project itself: its modules read the environment of their own process.
_LIBRARIES = (
    "alembic.migration",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "dagster",
    "dagster._core.execution.api",
    "dagster.components",
    "dagster_postgres",
    "jwt",
    "multiprocessing",
    "pandas",
    "psutil",
    "psycopg",
    "psycopg2.extras",
    "pyarrow.compute",
    "pyarrow.csv",
    "pydantic_settings",
    "pyrate_limiter",
    "requests",
    "rich.progress",
    "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "tenacity",
    "tomlkit",
    "typer",
    "upath",
)


class Warmed:
    """The process that has everything loaded; it ends with the one that made it."""

    def __init__(self, *, with_definitions: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warmed-")
        self._address = f"{self._folder.name}/s"
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._address, *(["definitions"] if with_definitions else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        atexit.register(self._close)

    def run(
        self,
        arguments: list[str],
        environment: dict[str, str],
        folder: Path,
        out: Path,
        err: Path,
        *,
        seconds: float,
    ) -> int:
        """Runs `ledger` with these arguments to its end; its exit code, negative for a signal.

        Raises subprocess.TimeoutExpired, with the command killed, when it takes longer.
        """
        asked = {"arguments": arguments, "environment": environment, "folder": str(folder)}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._address)
            connection.sendall(json.dumps(asked | {"out": str(out), "err": str(err)}).encode() + b"\n")
            answers = connection.makefile()
            pid = int(answers.readline())
            connection.settimeout(seconds)
            try:
                return os.waitstatus_to_exitcode(int(answers.readline()))
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["ledger", *arguments], seconds) from None

    def _close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


@cache
def warmed(*, with_definitions: bool = False) -> Warmed:
    """This process's one, or the one that has the definitions built."""
    return Warmed(with_definitions=with_definitions)


def _serve(address: str, *, with_definitions: bool) -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    if with_definitions:
        _build_definitions()
    gc.freeze()
    # Whoever is forked for a request reports its end to the one that asked, and needs no burial.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        print("ready", flush=True)
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection)
            connection.close()


def _build_definitions() -> None:
    os.environ.update(DEFINED)
    for name in _ROOMS:
        importlib.import_module(name)
    definitions = importlib.import_module("ledger_pipelines.definitions").definitions()
    for job in ("month_close", "import_steps", "process_accruals"):
        definitions.resolve_job_def(job)


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _answer(connection: socket.socket) -> None:
    """Forks the command, and tells its id and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = json.loads(connection.makefile().readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(asked)
    connection.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    os._exit(0)


def _become(asked: dict[str, Any]) -> None:
    """Runs the command as if the process had been started for it, and ends."""
    os.setsid()
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.chdir(asked["folder"])
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, asked["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = ["ledger", *asked["arguments"]]
    code = 0
    try:
        runpy.run_module("ledger_pipelines", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    _finish(code)


def _finish(code: int) -> None:
    """What an interpreter does at its end."""
    threading._shutdown()
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1], with_definitions=sys.argv[2:] == ["definitions"])
