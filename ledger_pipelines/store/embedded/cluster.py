"""A cluster (PostgreSQL's data folder): made whole or not at all, and known again when it was copied or moved."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.embedded.programs import Programs

# Sized for a month-close on a small machine: enough buffers for a month, and room between checkpoints for a year.
_SETTINGS = {
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
    "log_min_messages": "warning",
    "jit": "off",
    # Only the owner of the data (and root): the server asks nobody for a password.
    "unix_socket_permissions": "0700",
}
_UNFINISHED = "postgres.unfinished-"

#: The path that a program gets for the folder it is started in: it needs no access to the folders above.
HERE = "/proc/self/cwd"
HAS_HERE = Path(HERE).exists()


def make_cluster(data: Path, programs: Programs, settings: Mapping[str, str], lock: int) -> None:
    """Makes the cluster beside its place and moves it there, with the ledger's settings and these (postgresql.conf).

    To be called while nobody else makes one. `initdb` inherits `lock`: should we be killed, the next one waits for its
    end before it clears away what was left. Raises LedgerError when it cannot be made, OSError when there is no place.
    """
    for left in data.parent.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    with suppress(FileNotFoundError):
        if any(data.iterdir()):
            raise LedgerError(
                f"{data} is no PostgreSQL data folder (PG_VERSION is missing): move it away, or restore it from a backup."
            )
    beside = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=data.parent))
    try:
        programs.give(beside)
        done = subprocess.run(  # noqa: S603 - an argument list
            programs.command(
                "initdb",
                f"--pgdata={HERE if HAS_HERE else beside}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                # The same order of texts on every machine, and every alphabet's capitals known.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            ),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=[lock],
            **programs.options(beside),
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"initdb ended with {done.returncode}"])[-1]
            raise LedgerError(f"The embedded PostgreSQL cannot be made in {data.parent}: {reason}.")
        _configure(beside, {**_SETTINGS, **settings})
        beside.rename(data)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _configure(data: Path, settings: Mapping[str, str]) -> None:
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"\n# ledger_pipelines\n{lines}")
        configuration.flush()
        os.fsync(configuration.fileno())


def take_over(data: Path, programs: Programs) -> None:
    """Makes a cluster that root has put there (a copy, a backup) its user's; PostgreSQL refuses anybody else's."""
    if programs.user is None or data.stat().st_uid == programs.user:
        return
    for folder, folders, files in os.walk(data):
        programs.give(*(Path(folder) / name for name in (*folders, *files)))
    programs.give(data)
    data.chmod(0o700)


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a running server has written into `postmaster.pid`: its process, its data's folder and its socket's."""

    pid: int
    data: str
    socket_folder: str
    is_ready: bool

    @classmethod
    def read(cls, data: Path) -> PidFile | None:
        """The file of this cluster, None where there is none or it is not written to its end."""
        try:
            lines = os.fsdecode((data / "postmaster.pid").read_bytes()).splitlines()
            return cls(int(lines[0]), lines[1], lines[4], lines[7].strip() == "ready")
        except (OSError, ValueError, IndexError):
            return None

    def socket_path(self, data: Path) -> Path:
        """The folder of the server's socket, as others reach it."""
        return data if self.socket_folder == HERE else Path(self.socket_folder)


def forget_server(data: Path) -> None:
    """Removes what a server that is gone has left; in a copy, what the original's has written."""
    for left in (data / "postmaster.pid", *data.glob(".s.PGSQL.*")):
        left.unlink(missing_ok=True)
