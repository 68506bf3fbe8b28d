"""What all tests share: a real PostgreSQL for each worker, and a migrated database for each test."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import hypothesis
import psycopg
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from ledger_pipelines.definitions import definitions
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.migrations import migrate
from ledger_pipelines_tests.databases import copied_database

# How long an example takes says nothing: the machine may be busy with the other workers.
hypothesis.settings.register_profile("ledger", deadline=None)
hypothesis.settings.load_profile("ledger")

# Collecting loads every test, and with them all that the project uses: looking through these objects again and again
# for garbage is a quarter of it. Switched on before the first test, by `months_of_the_definitions`.
gc.disable()

FIRST_MONTH = date(2024, 1, 1)
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# A test's database is thrown away: nothing in it needs to survive a crash of the machine.
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}
#: Linux's folder in memory, and the bytes that must be free there: databases of all workers, and their servers' logs.
_MEMORY, _ROOM = Path("/dev/shm"), 4 * 2**30
_numbers = count(1)
#: A test that asks for one of these, or stands in one of these folders, needs a process.
_PROCESS_FIXTURES = {"server", "sandbox", "scripted", "school"}
_PROCESS_FOLDERS = {"end_to_end", "cfo_sync", "cli", "homes", "local", "sandbox"}
#: The folders and files that take longest, in this order: what is begun last should be short.
_LONGEST = (
    "browser",
    "up",
    "test_up.py",
    "test_dagster_pages.py",
    "broken",
    "test_random_kills.py",
    "test_sync.py",
    "homes",
    "school",
    "end_to_end",
    "hostile",
    "workflows",
    "defs",
    "billing",
    "cfo_sync",
)
#: Folders whose files share what takes longest to set up: one worker has all of such a folder.
_SHARED = (
    "ledger_pipelines_tests/console/browser/",
    "ledger_pipelines_tests/end_to_end/broken/",
    "ledger_pipelines_tests/end_to_end/up/",
)


class _Scheduling(LoadFileScheduling):
    """Gives a worker a file at a time, or one of the `_SHARED` folders."""

    def _split_scope(self, nodeid: str) -> str:
        shared = (folder for folder in _SHARED if nodeid.startswith(folder))
        return next(shared, super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Shares the folders' set-up with `--dist loadfile`; of the other ways, xdist's own."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, and marks what `make check` leaves out: processes, and drawn cases."""
    items.sort(key=_place)
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.drawn)
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & _PROCESS_FIXTURES or _PROCESS_FOLDERS & set(item.path.parts):
            item.add_marker(pytest.mark.process)


def short_folder(prefix: str) -> Path:
    """A new folder with a short path, for a server: a Unix socket's name may have about a hundred characters.

    It is in memory where there is room: of what a test's database costs, nearly all is making and removing files.
    """
    is_roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if is_roomy else None))


def _place(item: pytest.Item) -> int:
    parts = item.nodeid.partition("::")[0].split("/")
    found = (place for place, name in enumerate(_LONGEST) if name in parts)
    return next(found, len(_LONGEST))


@pytest.fixture(scope="session", autouse=True)
def months_of_the_definitions() -> None:
    """The definitions of this process have the months of the tests' ledgers; no folder's ledger is asked for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEDGER_FIRST_MONTH", f"{FIRST_MONTH:%Y-%m}")
        definitions()
    # Loading Dagster makes objects by the hundred thousand; looking through them again and again takes a tenth of a test,
    # and as often as Python looks by itself, through what the tests make, a thirtieth.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """This worker's PostgreSQL."""
    home = short_folder("ledger-tests-")
    server = EmbeddedServer(home, settings=FORGETFUL)
    migrate(server.database("template_ledger"), first_month=FIRST_MONTH)
    yield server
    server.release()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def empty_database(server: EmbeddedServer) -> Iterator[Database]:
    """A database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    yield server.database(name)
    _drop(server, name)


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Database]:
    """A migrated database of the test's own."""
    with copied_database(server) as database:
        yield database


@pytest.fixture
def connection(database: Database) -> Iterator[psycopg.Connection]:
    """A connection to the test's own database."""
    with database.connect() as connection:
        yield connection


def _drop(server: EmbeddedServer, name: str) -> None:
    with psycopg.connect(server.database("postgres").url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def codex_recordings() -> Path:
    """Real responses of Codex."""
    folder = SHARED_DATA / "codex"
    if not folder.is_dir():
        pytest.skip("../shared/data/codex is not here")
    return folder
