"""Children of a process: they end with it, log within bounds, and are found by who comes after it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.local import code_server, processes
from ledger_pipelines_tests.end_to_end.harness import eventually

#: A parent that starts a child, which starts nothing, and both wait for ever.
PARENT = """
import sys, time
from pathlib import Path
from ledger_pipelines.local import processes
child = processes.start("child", ["ledger_pipelines_tests.local.waits"], home=Path(sys.argv[1]))
print(child.process.pid, flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.process


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        eventually(lambda: b"waits" in _log(tmp_path), seconds=20, what="the child's start")
        parent.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([child], timeout=20)[0] == [child]


def test_what_an_earlier_start_left_behind_is_ended_and_nothing_of_another_home(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    orphan, other = (
        processes.start("child", ["ledger_pipelines_tests.local.waits"], home=home)
        for home in (here, elsewhere)
    )
    try:
        for home in (here, elsewhere):
            eventually(lambda home=home: b"waits" in _log(home), seconds=20, what="the child's start")
        assert processes.end_orphans(here) == [orphan.process.pid]
        assert not psutil.pid_exists(orphan.process.pid)
        assert other.process.poll() is None
        assert processes.end_orphans(here) == []
    finally:
        processes.stop([orphan, other])


def test_logs_are_for_their_owner_and_do_not_grow_for_ever(tmp_path: Path) -> None:
    child = processes.start("child", ["ledger_pipelines_tests.local.waits"], home=tmp_path)
    try:
        eventually(lambda: b"waits" in _log(tmp_path), seconds=20, what="the child's start")
        assert stat.S_IMODE(child.log.stat().st_mode) == 0o600
        assert stat.S_IMODE(child.log.parent.stat().st_mode) == 0o700
        os.truncate(child.log, processes.LOG_BYTES + 1)
        processes.rotate([child])
        former = child.log.with_suffix(".log.1")
        assert (child.log.stat().st_size, former.stat().st_size) == (0, processes.LOG_BYTES + 1)
        assert stat.S_IMODE(former.stat().st_mode) == 0o600
        # Who writes it goes on at its beginning.
        child.process.send_signal(signal.SIGUSR1)
        eventually(lambda: _log(tmp_path) == b"goes on\n", seconds=10, what="the next line")
        processes.rotate([child])
        assert _log(tmp_path) == b"goes on\n"
    finally:
        processes.stop([child])


def test_a_port_or_an_address_that_cannot_be_had_is_said_before_anything_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(
            LedgerError, match="is in use: stop what listens there, or choose another with --dagster-port"
        ):
            processes.require_free_port("127.0.0.1", taken.getsockname()[1], "--dagster-port")
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(LedgerError, match="is no address of this machine: choose another with --host"):
            processes.require_free_port(host, 3000, "--dagster-port")


@pytest.mark.parametrize("name", ["plain", "My Projects", "100%books", "a+b", "año", "x" * 120, "a?b&c#d"])
def test_the_code_server_s_socket_is_short_and_plain_whatever_the_home_is_called(
    tmp_path: Path, name: str
) -> None:
    home = tmp_path / name
    address = code_server.prepare_socket(home)
    try:
        assert len(str(address)) < 100
        assert not set(str(address)) & set(" %+?&#ñ")
        assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
        assert code_server.socket_of(home) == address
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
    finally:
        address.unlink(missing_ok=True)
        address.parent.rmdir()


def test_somebody_else_s_folder_is_not_used(tmp_path: Path) -> None:
    home = tmp_path / "My Projects"
    folder = code_server.socket_of(home).parent
    folder.symlink_to(tmp_path)
    try:
        with pytest.raises(LedgerError, match="is not a folder of your own"):
            code_server.prepare_socket(home)
    finally:
        folder.unlink()


def _log(home: Path) -> bytes:
    try:
        return (home / "logs" / "child.log").read_bytes()
    except FileNotFoundError:
        return b""
