"""A home may have any name, and stands in any folder."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import psycopg
import pytest

from ledger_pipelines.store.embedded import EmbeddedServer, programs
from ledger_pipelines_tests.homes.programs import Machine

EVERYTHING = "x y%'\"&$HOME+#?;`id`\\,\né帳"
NAMES = [
    "x y",
    "100%books",
    "a%20b",
    "a+b",
    "a?b&c#d",
    "it's",
    'say "books"',
    "$HOME",
    "`id`",
    "a;b|c>d",
    "a,b",
    "a\\b",
    "@books",
    "-books",
    "two\nlines",
    "Größe 帳簿",
    "a:b=c",
    "long-" * 40,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_home_of_any_name_starts_and_keeps_its_books_when_it_is_renamed(
    name: str, folder: Path, made_home: Path
) -> None:
    shutil.copytree(made_home, folder / "plain", copy_function=shutil.copy2)
    _write(folder / "plain", "CREATE TABLE kept AS SELECT 1 AS row")

    (folder / "plain").rename(folder / name)

    assert _read(folder / name, "SELECT row FROM kept") == [(1,)]
    assert sorted(path.name for path in folder.iterdir()) == [name]


def test_the_first_start_in_a_home_of_any_name(machine: Machine, folder: Path) -> None:
    """The cluster is made there, by whoever starts; nothing of the name reaches a shell."""
    home = folder / EVERYTHING

    first, again = machine.ledger(home, "migrate"), machine.ledger(home, "migrate")

    assert (first.returncode, first.stderr) == (0, ""), first
    assert (again.returncode, again.stdout) == (0, "The database is up to date.\n"), again
    assert sorted(path.name for path in folder.iterdir()) == [EVERYTHING]


def test_nobody_else_reads_what_is_in_a_home(machine: Machine, folder: Path) -> None:
    home = folder / "deep" / ("long-" * 20) / "home"
    with machine.holding(home) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        found = EmbeddedServer(home)
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(found.database().url)["host"]))

        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert sockets.stat().st_uid == (home / "postgres").stat().st_uid
        found.release()
    assert not sockets.exists()
    for path in (home, *(home / name for name in ("postgres", "logs", "locks"))):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    assert [oct(path.stat().st_mode & 0o077) for path in (home / "logs").iterdir()] == ["0o0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="others than root cannot close a folder to themselves")
def test_a_private_folder_above_the_home_stays_private(folder: Path) -> None:
    """PostgreSQL runs as a user that may not walk to its own data."""
    private = folder / "p"
    private.mkdir(mode=0o700)
    above = {path: path.stat().st_mode for path in (private, *private.parents)}

    _write(private / "books", "CREATE TABLE kept AS SELECT 1 AS row")

    assert _read(private / "books", "SELECT row FROM kept") == [(1,)]
    assert {path: path.stat().st_mode for path in above} == above
    owner = (private / "books" / "postgres").stat().st_uid
    assert owner != 0
    assert _count_processes_of(owner, private / "books") == 0


@pytest.mark.parametrize("name", ["private", 'a"b$c'])
def test_the_programs_are_copied_from_where_they_cannot_be_run(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment in a folder that only root may enter, or whose name a shell would take apart."""
    if name == "private" and os.geteuid() != 0:
        pytest.skip("others than root start the programs as themselves")
    installed = programs.find_programs(folder, folder / "none").folder
    packages = folder / name / "site-packages"
    shutil.copytree(installed.parents[1], packages / installed.parents[1].name)
    libraries = installed.parents[2] / f"{installed.parents[1].name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, packages / libraries.name)
    if name == "private":
        (folder / name).chmod(0o700)
    moved = packages / installed.relative_to(installed.parents[2])
    monkeypatch.setattr(programs, "_installed", lambda data: moved)
    monkeypatch.setattr(programs, "_caches", lambda: [folder / "cache"])

    assert _read(folder / "home", "SELECT lower('ÉÑ')") == [("éñ",)]

    assert stat.S_IMODE((folder / name).stat().st_mode) == (0o700 if name == "private" else 0o755)
    used = programs.find_programs(folder / "home", folder / "home" / "postgres").folder
    assert used.is_relative_to(folder / "cache")


def test_programs_in_a_cache_that_others_can_write_to_are_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    monkeypatch.setattr(programs, "_caches", lambda: [folder / "cache"])
    monkeypatch.setattr(programs, "_runs", lambda *_: False)

    with pytest.raises(Exception, match="PostgreSQL cannot be run from"):
        programs.find_programs(folder, folder / "none")


def _write(home: Path, statement: str) -> None:
    server = EmbeddedServer(home)
    with server.database().connect() as connection:
        connection.execute(b"CREATE SCHEMA IF NOT EXISTS ledger")
        connection.execute(statement.encode())
    server.release()


def _read(home: Path, query: str) -> list[tuple[object, ...]]:
    server = EmbeddedServer(home)
    with server.database().connect() as connection:
        found = connection.execute(query.encode()).fetchall()
    server.release()
    return found


def _count_processes_of(owner: int, home: Path) -> int:
    import psutil

    count = 0
    for process in psutil.process_iter():
        try:
            count += process.uids().real == owner and process.cwd() == str(home / "postgres")
        except psutil.Error:
            continue
    return count
