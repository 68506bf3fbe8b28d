"""What the tests of the whole share: the `ledger` command as a process, and looking at what it left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from psycopg import sql

from ledger_pipelines.sandbox import Sandbox
from ledger_pipelines.store.database import Database

T = TypeVar("T")

#: Every table that the months' runs fill.
MONTH_TABLES = (
    "companies",
    "assets",
    "contacts",
    "plans",
    "tickets",
    "ticket_hours",
    "billing_statement_lines",
    "billing_statements",
)
_OURS = ("LEDGER_", "CORE_", "CODEX_", "DAGSTER_")
_RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")

#: The rows of each table, as PostgreSQL writes them, with whatever was asked for beside them.
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said. `seconds` is how long it took."""

    code: int
    out: str
    err: str
    seconds: float

    def changes(self) -> dict[str, tuple[int, int, int]]:
        """The printed table of rows: added, removed and unchanged, by table."""
        found = re.findall(r"^│ (\w+) +│ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │$", self.out, re.MULTILINE)
        return {name: (_number(added), _number(gone), _number(same)) for name, added, gone, same in found}

    def statements(self) -> dict[str, tuple[str, int]]:
        """The printed table of statements: status and number of statements, by month."""
        found = re.findall(r"^│ (\d{4}-\d{2}) │ (\w+) +│ +([\d,]+) │", self.out, re.MULTILINE)
        return {month: (status, _number(count)) for month, status, count in found}


@dataclass(slots=True)
class Ledger:
    """The real `ledger` command in a home, a database and a working directory of the test's own."""

    home: Path
    database_url: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, timeout: float = 180, **variables: str) -> Done:
        """Runs the command to its end; `variables` are added to its environment."""
        began = time.monotonic()
        with self.started(*arguments, **variables) as process:
            out, err = process.communicate(timeout=timeout)
        return Done(process.returncode, out, err, time.monotonic() - began)

    def use(self, sandbox: Sandbox) -> None:
        """Takes this sandbox for Core and Codex from now on."""
        self.variables |= {"CORE_URL": sandbox.core_url, "CODEX_URL": sandbox.codex_url}

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of the command: the test's settings and none of this machine's."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        given = {
            "LEDGER_HOME": str(self.home),
            "LEDGER_HTTP_TIMEOUT": "5",
            "COLUMNS": "200",
            "TERM": "dumb",
            **({"LEDGER_DATABASE_URL": self.database_url} if self.database_url else {}),
        }
        return inherited | given | self.variables | variables

    @contextmanager
    def started(self, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """The running command, in a process group of its own that is gone after the block."""
        self.home.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger_pipelines", *arguments],
            env=self.environment(**variables),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def rows(database: Database, *beside: str) -> Rows:
    """All rows of all month tables, in the order of their keys; `beside` are columns of the system's."""
    extra = sql.SQL("").join(sql.SQL("t.{}::text, ").format(sql.Identifier(name)) for name in beside)
    query = sql.SQL("SELECT {} t::text FROM {} t ORDER BY t")
    with database.connect() as connection:
        return {
            table: connection.execute(query.format(extra, sql.Identifier(table))).fetchall()
            for table in MONTH_TABLES
        }


def rows_and_places(database: Database) -> Rows:
    """All rows with where they lie and which transaction wrote them: equal only if nothing was written."""
    return rows(database, "tableoid", "ctid", "xmin")


def fetch(database: Database, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of one query in the ledger's schema."""
    with database.connect() as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def execute(database: Database, statement: str, *parameters: Any) -> None:
    """One statement in the ledger's schema, as a person with a database client would give it."""
    with database.connect() as connection:
        connection.execute(statement.encode(), parameters)


def eventually(look: Callable[[], T], *, seconds: float, what: str) -> T:
    """What `look` gives as soon as it gives something true; fails the test when it never does."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, (
            f"{what} did not happen within {seconds:g} s; last seen: {found!r}"
        )
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nothing listens, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def processes_of(home: Path) -> list[str]:
    """The command lines of all processes that work in this home or were started to do so."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            command = " ".join(process.cmdline())
            if process.pid != os.getpid() and (
                str(home) in command or str(home) in process.environ().get("LEDGER_HOME", "")
            ):
                found.append(f"{process.pid} {process.status()} {command}")
    return found


def _number(text: str) -> int:
    return int(text.replace(",", ""))
