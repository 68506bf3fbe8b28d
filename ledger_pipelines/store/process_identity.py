"""Which process this is, or another one was: a process id alone says nothing once it is given to another."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process: where it runs, its id there, and when it began, as its machine counts."""

    place: str
    pid: int
    started: str

    @property
    def is_here(self) -> bool:
        """Whether this process could see it: on this machine, since this boot, among these process ids."""
        return self.place == this_place()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; to be asked only of one that is here. A zombie runs no more."""
        try:
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and _started(process) == self.started
        except psutil.NoSuchProcess:
            return False


def identity_of(pid: int) -> ProcessIdentity:
    """The process that has this id now, here. Raises psutil.NoSuchProcess when there is none."""
    return ProcessIdentity(this_place(), pid, _started(psutil.Process(pid)))


@cache
def this_place() -> str:
    """The machine, its boot and its process namespace: two containers of one machine are two places."""
    boot, namespace = f"{psutil.boot_time():.0f}", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with suppress(OSError):
        namespace = Path("/proc/self/ns/pid").readlink().name
    return f"{platform.node()} {boot} {namespace}".strip()


def _started(process: psutil.Process) -> str:
    """In ticks since boot where the system says so: a wall clock may be set while the process runs."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            raise psutil.NoSuchProcess(process.pid) from None
        return f"{process.create_time():.2f}"
    except ProcessLookupError:
        raise psutil.NoSuchProcess(process.pid) from None
    # The name of the program stands in brackets and may hold anything.
    return stat.rpartition(")")[2].split()[19]


def this_process() -> ProcessIdentity:
    """The process that asks."""
    return identity_of(os.getpid())
