"""`ledger up`: everything that runs, in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType

import requests
from rich.console import Console

from ledger_pipelines import dagster_home
from ledger_pipelines.commands import processes
from ledger_pipelines.commands.processes import Child
from ledger_pipelines.demo import refuse_in_demo, take_for_demo
from ledger_pipelines.environment import ledger_database
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import migrate

_START_TIMEOUT = 120.0
SANDBOX_PORT = 5999
#: Held by the one `ledger up` of a ledger for as long as it runs.
_LOCK = 7_433_003
_APPLICATION = "ledger up "
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _StopRequested(Exception):  # noqa: N818 - nothing went wrong
    """Somebody asked us to stop."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run: with the sandbox and its year or without, and on which ports of this machine."""

    demo: bool
    dagster_port: int
    sandbox_port: int


def run(options: Options, *, today: date, console: Console) -> None:
    """Migrates, starts Dagster (and the sandbox), closes the demo's year the first time, waits for Ctrl-C.

    Raises LedgerError when a port is taken, or a process does not come up or ends by itself.
    """
    processes.require_free_port(options.dagster_port, "--dagster-port")
    if options.demo:
        processes.require_free_port(options.sandbox_port, "--sandbox-port")
    settings = read_settings()
    with _stopping_on_signals():
        try:
            console.print("Starting the database …", style="dim")
            database = ledger_database(settings)
            migrate(database, first_month=settings.first_month_on(today))
            with _alone(database), _children(console) as children:
                if options.demo:
                    take_for_demo(database, settings, f"http://127.0.0.1:{options.sandbox_port}")
                else:
                    refuse_in_demo(database, settings)
                _start(
                    children, options, dagster_home.enter(settings), settings, today=today, console=console
                )
                _watch(children)
        except (_StopRequested, KeyboardInterrupt):
            console.print("Stopped.", style="dim")


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Lets one `ledger up` run on a ledger: two daemons would run each schedule twice."""
    with database.connect(application_name=f"{_APPLICATION}{os.getpid()}") as connection:
        (row,) = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchall()
        if not row[0]:
            others = connection.execute(
                """SELECT replace(application_name, %(name)s, '') FROM pg_stat_activity
                   WHERE starts_with(application_name, %(name)s) AND datname = current_database()
                     AND pid <> pg_backend_pid()""",
                {"name": _APPLICATION},
            ).fetchall()
            process = f" (process {others[0][0]})" if others else ""
            raise LedgerError(
                f"`ledger up` runs on {database.shown} already{process}: stop it first, or set another LEDGER_HOME."
            )
        yield


def _start(
    children: list[Child],
    options: Options,
    database: Database,
    settings: Settings,
    *,
    today: date,
    console: Console,
) -> None:
    # Only now does the environment say the ledger's first month, which the definitions read when imported.
    from ledger_pipelines.commands import close
    from ledger_pipelines.runs import ensure_storage

    logs = settings.home.resolve() / "logs"
    if options.demo:
        children.append(_start_sandbox(options.sandbox_port, logs))
    ensure_storage(database)
    children += _start_dagster(options.dagster_port, logs)
    if options.demo and not _was_closed(database):
        _wait_until_up(f"http://127.0.0.1:{options.sandbox_port}/core/health", children, console)
        this_month = month_of(today)
        year = month_range(add_months(this_month, -11), add_months(this_month, 1))
        console.print("Closing the last twelve months of the sandbox's books:")
        close.run(database, year, finalise=False, person="demo", today=today, console=console)
        _remember_closed(database)
    _wait_until_up(f"http://127.0.0.1:{options.dagster_port}/server_info", children, console)
    console.print(f"\n[bold green]Up.[/] Dagster: http://127.0.0.1:{options.dagster_port}", highlight=False)
    if options.demo:
        console.print(
            f"Sandbox (Core, Codex, Holded, 4Geeks, Notion): http://127.0.0.1:{options.sandbox_port}",
            highlight=False,
        )
    console.print(f"Logs: {logs}. Ctrl-C stops everything.", highlight=False, soft_wrap=True)


def _watch(children: list[Child]) -> None:
    """Until a signal: sees that every process still runs."""
    while True:
        _require_alive(children)
        time.sleep(1)


def _start_sandbox(port: int, logs: Path) -> Child:
    from ledger_pipelines.sandbox.server import environment

    child = processes.start(
        "sandbox", [sys.executable, "-m", "ledger_pipelines", "sandbox", "--port", str(port)], logs=logs
    )
    os.environ.update(environment(f"http://127.0.0.1:{port}"))
    return child


def _start_dagster(port: int, logs: Path) -> list[Child]:
    workspace = str(dagster_home.project_file("workspace.yaml"))
    # As modules: a script names its Python in its first line, where not every path can stand.
    return [
        processes.start(
            "dagster-webserver",
            [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", workspace],
            logs=logs,
        ),
        processes.start(
            "dagster-daemon", [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace], logs=logs
        ),
    ]


def _was_closed(database: Database) -> bool:
    """Whether the demo's year was closed before, to its end: an earlier start may have been stopped half way."""
    with database.connect() as connection:
        return bool(connection.execute("SELECT FROM ledger_settings WHERE name = 'demo_closed'").fetchall())


def _remember_closed(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("INSERT INTO ledger_settings VALUES ('demo_closed', 'yes') ON CONFLICT DO NOTHING")


def _wait_until_up(url: str, children: list[Child], console: Console) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    with console.status(f"Waiting for {url}"):
        while True:
            _require_alive(children)
            try:
                if requests.get(url, timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
            if time.monotonic() > deadline:
                raise LedgerError(
                    f"{url} did not answer within {_START_TIMEOUT:.0f} s; see the logs beside the database."
                )


def _require_alive(children: list[Child]) -> None:
    for child in children:
        if child.process.poll() is not None:
            raise LedgerError(
                f"{child.name} ended by itself (exit {child.process.returncode}); its log {child.log} ends with:\n"
                f"{processes.last_lines(child)}"
            )


@contextmanager
def _children(console: Console) -> Iterator[list[Child]]:
    children: list[Child] = []
    try:
        yield children
    finally:
        with console.status("Stopping"):
            processes.stop(children)


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Turns the first signal into `_StopRequested`; later ones must not interrupt the stopping."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise _StopRequested

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
