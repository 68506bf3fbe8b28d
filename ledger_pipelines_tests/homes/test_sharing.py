"""One server for all who use a home at once, whoever they are; copies have their own."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.embedded.cluster import take_over
from ledger_pipelines.store.embedded.programs import find_programs
from ledger_pipelines_tests.homes.programs import Machine, other_user, told_pid

TRIALS = int(os.environ.get("LEDGER_TRIALS", "2"))
SEED = int(os.environ.get("LEDGER_SEED", random.randrange(10**6)))


def test_three_first_starts_at_once_all_succeed(folder: Path) -> None:
    started = [_begin(Machine(), folder / "home") for _ in range(3)]
    ended = [process.communicate(timeout=120) for process in started]

    assert [process.returncode for process in started] == [0, 0, 0], ended
    assert [err for _, err in ended] == ["", "", ""]
    assert sum("Applied 0001" in out for out, _ in ended) == 1


def test_the_last_that_holds_the_server_stops_it(made_home: Path) -> None:
    with Machine().holding(made_home) as first:
        pid = told_pid(first)
        with Machine().holding(made_home) as second:
            assert told_pid(second) == pid
        assert _is_alive(pid)
    assert not _is_alive(pid)


def test_who_was_killed_holds_nothing(made_home: Path) -> None:
    with Machine().holding(made_home) as killed:
        pid = told_pid(killed)
        killed.kill()
    assert _is_alive(pid)
    with Machine().holding(made_home) as next_one:
        assert told_pid(next_one) == pid
    assert not _is_alive(pid)


def test_after_everything_was_killed_the_next_start_works(made_home: Path) -> None:
    with Machine().holding(made_home) as process:
        pid = told_pid(process)
        os.kill(pid, signal.SIGKILL)
        process.kill()
    with Machine().holding(made_home) as process:
        assert told_pid(process) != pid


def test_a_server_that_died_is_started_again_beside_who_still_holds_it(made_home: Path) -> None:
    with Machine().holding(made_home) as holder:
        pid = told_pid(holder)
        os.kill(pid, signal.SIGKILL)
        with Machine().holding(made_home) as other:
            assert told_pid(other) != pid


def test_a_pid_that_is_another_programs_by_now_is_no_server(made_home: Path, folder: Path) -> None:
    """As after a restart of the machine, or in a container, where every start gives the same numbers."""
    data = folder / "home" / "postgres"
    shutil.copytree(made_home, folder / "home")
    with Machine().holding(made_home) as other:
        number = told_pid(other)
        lines = (made_home / "postgres" / "postmaster.pid").read_text().splitlines()
        lines[1] = lines[4] = str(data)
        (data / "postmaster.pid").write_text("\n".join([*lines, ""]))
        with Machine().holding(folder / "home") as process:
            assert told_pid(process) != number


def test_a_server_that_its_owner_started_otherwise_is_joined_and_stopped_by_the_last(
    made_home: Path, folder: Path
) -> None:
    """By PostgreSQL's own programs, or by a release of ours that used others."""
    data = folder / "home" / "postgres"
    shutil.copytree(made_home, folder / "home")
    (folder / "home").chmod(0o755)
    programs = find_programs(folder / "home", data)
    take_over(data, programs)
    server = subprocess.Popen(
        programs.command("postgres", "-D", str(data), "-c", "listen_addresses=", "-k", str(data)),
        stderr=subprocess.DEVNULL,
        **programs.options(data),
    )
    _wait_for((data / ".s.PGSQL.5432").exists)

    with Machine().holding(folder / "home") as process:
        assert told_pid(process) == server.pid
    assert server.wait(30) == 0


@pytest.mark.parametrize("while_running", [True, False])
@pytest.mark.parametrize("name", ["home", "long-" * 40])
def test_a_copied_home_keeps_its_own_books(
    name: str, while_running: bool, folder: Path, made_home: Path
) -> None:
    original, copy = folder / name, folder / f"{name}-copy"
    shutil.copytree(made_home, original)
    server = EmbeddedServer(original)
    server.database("mine")
    if not while_running:
        server.release()
    subprocess.run(["cp", "-a", original, copy], check=True)

    copied = EmbeddedServer(copy)
    assert copied.pid != server.pid
    copied.database("only_in_the_copy")
    again = server if while_running else EmbeddedServer(original)

    assert {"mine"} == _databases(again) - _databases_of_a_new_one()
    assert {"mine", "only_in_the_copy"} == _databases(copied) - _databases_of_a_new_one()
    pid = again.pid
    copied.release()
    assert pid is not None
    assert _is_alive(pid)
    again.release()
    assert not _is_alive(pid)


@pytest.mark.timeout(120 + 60 * TRIALS)
def test_a_first_start_that_is_killed_leaves_what_the_next_one_repairs(folder: Path) -> None:
    """At any instant while the cluster is made: the command alone, which leaves `initdb` behind, or everything."""
    instants = random.Random(SEED)
    print(f"LEDGER_SEED={SEED}")
    for trial in range(TRIALS):
        home = folder / f"{trial}"
        process = _begin(Machine(), home)
        _wait_for((home / "locks" / "starting").exists)
        time.sleep(instants.uniform(0, 4))
        if trial % 2:
            process.kill()
        else:
            _kill_with_children(process)
        process.communicate()

        done = Machine().ledger(home, "migrate")

        assert done.returncode == 0, (SEED, trial, done.stderr)
        server = EmbeddedServer(home)
        with server.database().connect() as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("200",)
        server.release()
        assert list(home.glob("postgres?*")) == []


def test_what_root_did_first_hinders_nobody_else_and_the_other_way(folder: Path) -> None:
    other = other_user()
    _give(folder, other)
    for first, second in ((Machine(), other), (other, Machine())):
        for machine in (first, second):
            done = machine.ledger(folder / f"{machine.user}", "migrate")
            assert (done.returncode, done.stderr) == (0, "")


def test_root_leaves_a_users_home_as_the_users(folder: Path, made_home: Path) -> None:
    other = other_user()
    _give(folder, other)
    home = folder / "home"
    for machine in (other, Machine(), other):
        done = machine.ledger(home, "errors", "list")
        assert (done.returncode, done.stderr) == (0, ""), (machine.user, done)
    owner = pwd.getpwnam(other.user or "").pw_uid
    assert [path for path in home.rglob("*") if path.stat().st_uid != owner] == []


def test_another_users_home_is_refused_in_a_sentence(made_home: Path, folder: Path) -> None:
    other = other_user()
    shutil.copytree(made_home, folder / "home")
    for mode in (0o700, 0o755):
        (folder / "home").chmod(mode)
        done = other.ledger(folder / "home", "migrate")
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")
        assert "LEDGER_HOME" in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_home_that_root_copied_for_itself_is_its_own(folder: Path, made_home: Path) -> None:
    """`cp -r`, unlike `cp -a`, makes everything root's, and PostgreSQL refuses data of another user."""
    subprocess.run(["cp", "-r", made_home, folder / "home"], check=True)
    server = EmbeddedServer(folder / "home")
    assert server.database().connect().execute("SELECT 1").fetchone() == (1,)
    server.release()


UNUSABLE: dict[str, Callable[[Path], Path]] = {
    "below a device": lambda folder: Path("/dev/null/x"),
    "a file": lambda folder: folder / "file",
    "below a file": lambda folder: folder / "file" / "home",
    "below a private folder": lambda folder: Path("/root/homes/of/others"),
    "a link to itself": lambda folder: folder / "loop",
    "too long a name": lambda folder: folder / ("long-" * 60),
    "too long a path": lambda folder: folder.joinpath(*["long-" * 40] * 25),
    "read-only": lambda folder: folder / "closed" / "home",
    "read-only itself": lambda folder: folder / "closed",
}


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("with_server", [True, False])
def test_an_unusable_home_is_one_sentence(
    name: str, with_server: bool, machine: Machine, folder: Path, server: EmbeddedServer
) -> None:
    if ("read-only" in name or "private" in name) and machine.user is None and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (folder / "file").touch()
    (folder / "closed").mkdir(mode=0o555)
    (folder / "loop").symlink_to(folder / "loop")
    variables = {"LEDGER_DATABASE_URL": server.database("unusable_home").url} if with_server else {}
    if with_server and machine.user is not None:
        pytest.skip("the tests' server is for its owner only")

    done = machine.ledger(UNUSABLE[name](folder), "errors", "list", **variables)

    assert done.returncode == 1, done
    assert done.stderr.startswith("Error: ")
    assert "LEDGER_HOME" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _begin(machine: Machine, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [machine.python, "-m", "ledger_pipelines", "migrate"],
        env={**os.environ, "LEDGER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _kill_with_children(process: subprocess.Popen[str]) -> None:
    for child in (*psutil.Process(process.pid).children(recursive=True), process):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


def _wait_for(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _databases(server: EmbeddedServer) -> set[str]:
    with server.database("postgres").connect() as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def _databases_of_a_new_one() -> set[str]:
    return {"postgres", "template0", "template1", "ledger"}


def _give(folder: Path, machine: Machine) -> None:
    shutil.chown(folder, machine.user, pwd.getpwnam(machine.user or "").pw_gid)
