"""Programs in a home, as the user of the tests or as another one of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster
import pytest

from ledger_pipelines_tests.end_to_end.warmed import warmed

_PROJECT = Path(__file__).resolve().parents[2]
_OURS = ("LEDGER_", "CORE_", "CODEX_", "DAGSTER_", "HOLDED_", "FOURGEEKS_", "NOTION_", "CFO_")

#: Joins the server of LEDGER_HOME, says so, and holds it until its standard input ends.
_HOLD = """
import os, sys
from pathlib import Path
from ledger_pipelines.store.embedded import EmbeddedServer
server = EmbeddedServer(Path(os.environ["LEDGER_HOME"]))
print(server.pid, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """Whom the programs run as (None: as the tests do) and with which Python."""

    python: str = sys.executable
    user: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def ledger(self, home: Path | str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The `ledger` command in this home, to its end; as the tests' own user, of a process that has all loaded."""
        if self == Machine():
            return self._ledger_warmed(home, arguments, variables)
        with self._started(["-m", "ledger_pipelines", *arguments], home, variables) as process:
            out, err = process.communicate(timeout=120)
            return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def _ledger_warmed(
        self, home: Path | str, arguments: tuple[str, ...], variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            environment = {**_inherited(home), **variables}
            code = warmed().run([*arguments], environment, Path("/"), out, err, seconds=120)
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    @contextmanager
    def holding(self, home: Path) -> Iterator[subprocess.Popen[str]]:
        """A process that holds the server of this home; it lets go at the end of the block, if it still can."""
        with self._started(["-c", _HOLD], home, {}) as process:
            yield process
            process.communicate(timeout=60)

    @contextmanager
    def _started(
        self, arguments: list[str], home: Path | str, variables: dict[str, str]
    ) -> Iterator[subprocess.Popen[str]]:
        account: dict[str, object] = {}
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        process = subprocess.Popen(
            [self.python, *arguments],
            env={**_inherited(home), **self.variables, **variables},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            **account,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def _inherited(home: Path | str) -> dict[str, str]:
    """The environment of a program in this home, without this machine's settings of a ledger."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**inherited, "LEDGER_HOME": str(home), "COLUMNS": "200"}


def told_pid(process: subprocess.Popen[str]) -> int:
    """The server's process, as the holding program says when it has joined it."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip().isdigit(), process.communicate()
    return int(line)


def other_user() -> Machine:
    """Programs as `nobody`. Skips the test where that cannot be, as when the tests do not run as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can start programs as another user")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(name, path="/usr/bin:/usr/local/bin")):
        packages = Path(dagster.__file__).parents[1]
        machine = Machine(
            python or "", "nobody", {"PYTHONPATH": f"{_PROJECT}:{packages}", "HOME": "/nonexistent"}
        )
        if python is not None and _runs(machine):
            return machine
    pytest.skip("no Python of this version that another user can run")


def _runs(machine: Machine) -> bool:
    try:
        return machine.ledger("/nonexistent", "--help").returncode == 0
    except OSError:
        return False
