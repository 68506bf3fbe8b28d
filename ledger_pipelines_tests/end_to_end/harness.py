"""What the tests of the whole share: the `ledger` command as a process, and looking at what it left behind."""

from __future__ import annotations

import contextlib
import itertools
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
import psycopg
from psycopg import sql

from ledger_pipelines.sandbox.registry import environment
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.workflows.backup import Restored, open_backup, restore
from ledger_pipelines_tests.end_to_end.warmed import DEFINED, warmed

T = TypeVar("T")

#: The tables that come of Codex alone.
CODEX_TABLES = (
    "companies",
    "assets",
    "contacts",
    "plans",
    "tickets",
    "ticket_hours",
    "billing_statement_lines",
    "billing_statements",
)
#: The tables of the import steps, and the accruals'.
IMPORTED_TABLES = (
    "services",
    "holded_contacts",
    "invoices",
    "invoice_lines",
    "invoice_payments",
    "contracts",
    "clients",
    "enrollments",
    "external_ids",
)
ACCRUAL_TABLES = ("monthly_accruals", "deferred_revenue", "accrual_notices")
#: The general ledger's: of them, those of suppliers and of VAT have rows only where there is something to say.
JOURNAL_TABLES = ("journal_entries", "journal_lines")
_REPORTS = ("customer_ledger", "customer_ledger_transactions", "ledger_reconciliation", "trial_balance")
LEDGER_TABLES = (
    *JOURNAL_TABLES,
    *_REPORTS,
    *("supplier_ledger", "supplier_ledger_transactions", "vat_summary"),
)
#: Every table that the months' runs fill.
MONTH_TABLES = (*CODEX_TABLES, *IMPORTED_TABLES, *ACCRUAL_TABLES, *JOURNAL_TABLES, *_REPORTS)
#: The assets of Dagster: each fills the table of its name, but for the CFO's transactions, which are not ours.
MONTH_ASSETS = (
    *CODEX_TABLES,
    *IMPORTED_TABLES,
    *ACCRUAL_TABLES,
    *LEDGER_TABLES,
    "cfo_transactions",
    "time_entries",
    "backup_usage",
)
_OURS = (
    "LEDGER_",
    "CORE_",
    "CODEX_",
    "DAGSTER_",
    "HOLDED_",
    "FOURGEEKS_",
    "NOTION_",
    "CFO_",
    "FRESHSERVICE_",
    "DATTO_",
)
#: What a forked command takes over like one that is started: it is read when the command makes its console.
_OF_THE_TERMINAL = ("COLUMNS", "TERM", "NO_COLOR")
#: The commands that run steps.
_RUNNING = {"close", "sync"}
_numbers = itertools.count(1)

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


@dataclass(frozen=True, slots=True)
class Running:
    """A running command: its process, the leader of a process group, and where its output goes."""

    process: subprocess.Popen[bytes]
    out_file: Path
    err_file: Path
    began: float

    @property
    def out(self) -> str:
        """What it said so far."""
        return self.out_file.read_text()

    def says(self, text: str) -> bool:
        """Whether it has said this; fails the test when it ended instead."""
        if text in self.out:
            return True
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.finished()}"
        return False

    def interrupt(self) -> None:
        """Ctrl-C: what a terminal does, to the whole process group in its foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """`kill -9` of the command itself."""
        self.process.kill()
        self.process.wait()

    def finished(self, *, seconds: float = 120) -> Done:
        """How it ended, waiting for that."""
        code = self.process.wait(seconds)
        return Done(code, self.out, self.err_file.read_text(), time.monotonic() - self.began)


@dataclass(slots=True)
class Ledger:
    """The real `ledger` command in a home, a database and a working directory of the test's own.

    Without a `database_url` the database is the embedded one of the home.
    """

    home: Path
    database_url: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, seconds: float = 180, **variables: str) -> Done:
        """Runs the command to its end; `variables` are added to its environment."""
        if all(name.startswith((*_OURS, *_OF_THE_TERMINAL)) for name in {**self.variables, **variables}):
            return self._run_warmed(arguments, seconds, variables)
        with self.started(*arguments, **variables) as running:
            return running.finished(seconds=seconds)

    def _run_warmed(self, arguments: tuple[str, ...], seconds: float, variables: dict[str, str]) -> Done:
        self.home.mkdir(parents=True, exist_ok=True)
        number = next(_numbers)
        out, err = self.home / f"{number}.out", self.home / f"{number}.err"
        environment, began = self.environment(**variables), time.monotonic()
        process = warmed(with_definitions=arguments[0] in _RUNNING and self._is_defined(environment))
        code = process.run([*arguments], environment, self.home, out, err, seconds=seconds)
        return Done(code, out.read_text(), err.read_text(), time.monotonic() - began)

    def _is_defined(self, environment: dict[str, str]) -> bool:
        """Whether the ledger's definitions are those that a warmed process has built."""
        if self.database_url is None or DEFINED.keys() & environment.keys() or (self.home / ".env").exists():
            return False
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.database_url) as connection:
            asked = connection.execute("SELECT value FROM ledger.ledger_settings WHERE name = 'first_month'")
            return asked.fetchone() == (DEFINED["LEDGER_FIRST_MONTH"],)
        return False

    def use(self, sandbox: Sandbox) -> None:
        """Takes this sandbox for Core and Codex from now on."""
        self.variables |= {"CORE_URL": sandbox.core_url, "CODEX_URL": sandbox.codex_url}

    def use_all(self, sandbox: Sandbox) -> None:
        """Takes this sandbox for every outside system from now on."""
        self.variables |= environment(sandbox.base_url)

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of the command: the test's settings and none of this machine's."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        given = {"LEDGER_HOME": str(self.home), "LEDGER_HTTP_TIMEOUT": "5", "COLUMNS": "200", "TERM": "dumb"}
        if self.database_url is not None:
            given["LEDGER_DATABASE_URL"] = self.database_url
        return inherited | given | self.variables | variables

    @contextmanager
    def started(self, *arguments: str, **variables: str) -> Iterator[Running]:
        """The running command; its process group is gone after the block."""
        with self.python("-m", "ledger_pipelines", *arguments, **variables) as running:
            yield running

    @contextmanager
    def python(self, *arguments: str, **variables: str) -> Iterator[Running]:
        """Likewise for any Python program in the ledger's environment."""
        self.home.mkdir(parents=True, exist_ok=True)
        number = next(_numbers)
        out, err = self.home / f"{number}.out", self.home / f"{number}.err"
        with out.open("wb") as out_stream, err.open("wb") as err_stream:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=self.environment(**variables),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=out_stream,
                stderr=err_stream,
                start_new_session=True,
            )
        try:
            yield Running(process, out, err, time.monotonic())
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the command and all that it started: by its own means where it still can, else by force.

    Its children lead process groups of their own, so that killing the command's group would leave them behind.
    """
    started = _descendants(process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for child in started:
        with contextlib.suppress(psutil.Error):
            # The embedded server is shared and ends by itself, when nobody needs it any more.
            if "postgres" not in child.name():
                child.kill()


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


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
        return connection.execute(query.encode(), parameters or None).fetchall()


def restore_from(file: Path, database: Database, **how: Any) -> Restored:
    """Makes the database that of a backup."""
    with open_backup(file) as archive:
        return restore(database, archive, **how)


def execute(database: Database, statement: str, *parameters: Any) -> None:
    """One statement in the ledger's schema, as a person with a database client would give it."""
    with database.connect() as connection:
        connection.execute(statement.encode(), parameters or None)


def eventually(look: Callable[[], T], *, seconds: float, what: str, pause: float = 0.2) -> T:
    """What `look` gives as soon as it gives something true; fails the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, (
            f"{what} did not happen within {seconds:g} s; last seen: {found!r}"
        )
        time.sleep(pause)


def free_ports(count: int) -> list[int]:
    """Ports of loopback on which nothing listens, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def processes_of(home: Path) -> set[psutil.Process]:
    """All processes that work in this home, or were started to, with their children."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        # A process that ends meanwhile, or is not ours to look into, is none of them.
        with contextlib.suppress(psutil.Error, OSError):
            started_here = process.environ().get("LEDGER_HOME") == str(home)
            works_here = Path(process.cwd()).is_relative_to(home)
            if started_here or works_here or any(str(home) in argument for argument in process.cmdline()):
                found |= {process, *process.children(recursive=True)}
    return found


def alive(processes: set[psutil.Process]) -> list[str]:
    """Those of the processes that still run, for a person to read; a zombie runs no more."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
    return sorted(found)


def _number(text: str) -> int:
    return int(text.replace(",", ""))
