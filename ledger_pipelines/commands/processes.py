"""Long-running children: started in groups of their own, stopped as groups, so that none is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import open_private, private_folder

_PATIENCE = 12.0


@dataclass(frozen=True, slots=True)
class Child:
    """A started process and where it logs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def start(
    name: str, command: Sequence[str], *, logs: Path, environment: Mapping[str, str] | None = None
) -> Child:
    """Starts a command in a process group of its own, its output in `logs`/`name`.log.

    The caller must handle SIGINT and SIGTERM, not ignore them: a child inherits an ignored signal, and Dagster
    with an ignored SIGINT does not heed SIGTERM either.
    """
    log = private_folder(logs) / f"{name}.log"
    with open_private(log) as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    return Child(name, process, log)


def stop(children: Sequence[Child]) -> None:
    """Asks every child's group to end, waits, and kills what is left of the groups."""
    for child in children:
        _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, deadline - time.monotonic()))
    for child in children:
        _signal_group(child, signal.SIGKILL)
        child.process.wait()


def require_free_port(port: int, option: str) -> None:
    """Raises LedgerError when something on this machine listens on the port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LedgerError(
                f"Port {port} is in use: stop what listens there, or choose another with {option}."
            ) from None


def last_lines(child: Child, count: int = 5) -> str:
    """The end of a child's log."""
    with suppress(OSError):
        return "\n".join(child.log.read_text(errors="replace").splitlines()[-count:])
    return ""


def _signal_group(child: Child, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)
