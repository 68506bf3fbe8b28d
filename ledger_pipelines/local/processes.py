"""Long-running children: they end with their parent, are stopped with all that they started, and log within bounds."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.files import open_private, private_folder

_PATIENCE = 12.0
#: The variable by which the children of a ledger's `up`, and theirs, are known: the ledger's home.
MARK = "LEDGER_UP_HOME"
#: How long a log becomes before its former part is put aside; one former part is kept.
LOG_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Child:
    """A started process and where it logs."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def start(
    name: str, module: Sequence[str], *, home: Path, environment: Mapping[str, str] | None = None
) -> Child:
    """Starts a Python module with its arguments, its output in `home`/logs/`name`.log, for its owner to read.

    It is in a process group of its own, and ends when this process does, however that ends.
    The caller must handle SIGINT and SIGTERM, not ignore them: a child inherits an ignored signal, and Dagster
    with an ignored SIGINT ignores SIGTERM, too.
    """
    log = _log_of(home, name)
    with open_private(log) as output:
        process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
            [sys.executable, "-m", "ledger_pipelines.orchestration.tether", *module],
            # When its end closes, the child knows that we are gone.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {}), MARK: str(home)},
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
        if child.process.stdin is not None:
            child.process.stdin.close()


def end_orphans(home: Path) -> list[int]:
    """Ends what an earlier `up` of this home left behind, and returns the process ids.

    They are known by the mark in their environment, and only this user's are looked at. To be called by the only `up`
    of the home, before it starts anything.
    """
    orphans = [process for process in psutil.process_iter() if _is_marked(process, home)]
    for process in orphans:
        # A process object knows when its process began: it ends no other that has its id by now.
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(orphans, timeout=_PATIENCE)
    return [process.pid for process in orphans]


def rotate(children: Sequence[Child]) -> None:
    """Puts the logs that have become long aside; their writers append, and go on at the beginning."""
    for child in children:
        with suppress(OSError):
            if child.log.stat().st_size > LOG_BYTES:
                former = child.log.with_suffix(".log.1")
                former.touch(0o600)
                former.chmod(0o600)
                shutil.copyfile(child.log, former)
                os.truncate(child.log, 0)


def require_free_port(host: str, port: int, option: str) -> None:
    """Raises LedgerError when something listens on the port of this host already, or the host is not this machine's."""
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise LedgerError(f"{host} is no address of this machine: choose another with --host.") from None
    except PermissionError:
        raise LedgerError(
            f"Port {port} is for the system's own services: choose one above 1023 with {option}."
        ) from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise LedgerError(f"{host} is no address of this machine: choose another with --host.") from None
        raise LedgerError(
            f"Port {port} is in use: stop what listens there, or choose another with {option}."
        ) from None


def last_lines(child: Child, count: int = 5) -> str:
    """The end of a child's log."""
    with suppress(OSError):
        return "\n".join(child.log.read_text(errors="replace").splitlines()[-count:])
    return ""


def _log_of(home: Path, name: str) -> Path:
    """The log of this name; its folder is made where it is missing, for its owner only: logs may name people."""
    return private_folder(home / "logs") / f"{name}.log"


def _is_marked(process: psutil.Process, home: Path) -> bool:
    try:
        mine = process.pid != os.getpid() and process.uids().real == os.getuid()
        return mine and process.environ().get(MARK) == str(home)
    except (psutil.Error, OSError):
        return False


def _signal_group(child: Child, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)
