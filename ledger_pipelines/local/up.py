"""`ledger up`: everything that runs, in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import requests
from rich.console import Console

from ledger_pipelines.connections import ledger_database
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.local import code_server, processes
from ledger_pipelines.local.alone import Alone
from ledger_pipelines.local.demo import refuse_in_demo, take_for_demo
from ledger_pipelines.local.supervision import Service, Supervision
from ledger_pipelines.months import add_months, month_of, month_range
from ledger_pipelines.orchestration import dagster_home
from ledger_pipelines.orchestration.interruptions import noticed_interruptions
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import migrate, read_applied

_START_TIMEOUT = 120.0
LOOPBACK = "127.0.0.1"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Options:
    """What to run: with the sandbox and its year or without, and where.

    The console listens on loopback at `console_port`; `host` is the address that Dagster's pages listen on, `public_url`
    where a reverse proxy shows them.
    """

    demo: bool
    dagster_port: int
    sandbox_port: int
    console_port: int
    host: str = LOOPBACK
    public_url: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether others than this machine reach the pages."""
        return self.host not in {LOOPBACK, "localhost", "::1"}

    @property
    def console(self) -> str:
        """The address of the console on this machine."""
        return f"http://{LOOPBACK}:{self.console_port}"

    @property
    def pages(self) -> str:
        """The address of Dagster's pages on this machine."""
        host = {"0.0.0.0": LOOPBACK, "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - of where it listens
        return (
            f"http://{host if ':' not in host or host.startswith('[') else f'[{host}]'}:{self.dagster_port}"
        )


def run(
    options: Options,
    *,
    today: date,
    console: Console,
    close: Callable[[Database, Sequence[date]], None],
) -> None:
    """Migrates, starts Dagster (and the sandbox), closes the demo's year the first time, waits for Ctrl-C.

    `close` closes these months, as `ledger close` does.
    What an earlier start left behind when it was killed is ended first, and what ends by itself is started again.
    Raises LedgerError when another `up` runs on the ledger, a port is taken, or a process does not come up.
    """
    _require_url(options.public_url)
    settings = read_settings()
    with _stopping_on_signals(), noticed_interruptions() as interrupted:
        try:
            console.print("Starting the database …", style="dim")
            database = ledger_database(settings)
            migrated(database, _first_month(options, settings, today), console)
            with _alone(settings, database, console) as alone, _supervised(settings, console) as supervision:
                processes.end_orphans(supervision.home)
                processes.require_free_port(options.host, options.dagster_port, "--dagster-port")
                processes.require_free_port(LOOPBACK, options.console_port, "--port")
                if options.demo:
                    processes.require_free_port(LOOPBACK, options.sandbox_port, "--sandbox-port")
                    take_for_demo(database, settings, f"http://{LOOPBACK}:{options.sandbox_port}")
                else:
                    refuse_in_demo(database, settings)

                def look() -> None:
                    # Where a library swallowed it.
                    if interrupted():
                        raise KeyboardInterrupt
                    # Without a database nothing stays up: what ended is started when it is back.
                    if alone.look():
                        supervision.look()

                _start(supervision, options, dagster_home.enter(settings), look, today=today, close=close)
                while True:
                    look()
                    time.sleep(1)
        except KeyboardInterrupt:
            console.print("Stopped.", style="dim")


def migrated(database: Database, first_month: date, console: Console) -> None:
    """Brings the database up to date, and says by which migrations, where it is an older ledger's.

    Raises LedgerError where it is newer than this program.
    """
    with database.connect() as connection:
        is_older = bool(read_applied(connection))
    applied = migrate(database, first_month=first_month)
    if is_older and applied:
        names = ", ".join(f"{migration.version:04} {migration.name}" for migration in applied)
        console.print(f"Brought the ledger up to date: {names}.", highlight=False, soft_wrap=True)


def _first_month(options: Options, settings: Settings, today: date) -> date:
    """A new ledger's first month: in the demo the first of the year that it closes, so that every month is there."""
    if options.demo and settings.first_month is None:
        return _year_before(today)
    return settings.first_month_on(today)


def _year_before(today: date) -> date:
    return add_months(month_of(today), -11)


def _require_url(url: str | None) -> None:
    if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise LedgerError(f"--public-url {url!r} is no address: write it as https://books.example.com.")


@contextmanager
def _alone(settings: Settings, database: Database, console: Console) -> Iterator[Alone]:
    alone = Alone(settings, database, console)
    alone.take()
    try:
        yield alone
    finally:
        alone.release()


def _start(
    supervision: Supervision,
    options: Options,
    database: Database,
    look: Callable[[], None],
    *,
    today: date,
    close: Callable[[Database, Sequence[date]], None],
) -> None:
    # Only now does the environment say the ledger's first month, which the definitions read when imported.
    from ledger_pipelines.local import demo_history
    from ledger_pipelines.orchestration.partitions import first_partition
    from ledger_pipelines.runs.jobs import ensure_storage, settle_killed

    console = supervision.console
    if options.demo:
        _start_sandbox(supervision, options.sandbox_port, since=first_partition())
    ensure_storage(database)
    _start_dagster(supervision, options)
    _start_console(supervision, options)
    killed = settle_killed(database)
    if killed:
        console.print(f"{len(killed)} runs were killed, and are failed now.", style="yellow", highlight=False)
    if options.demo and not _was_closed(database):
        sandbox = f"http://{LOOPBACK}:{options.sandbox_port}"
        _wait_until_up(f"{sandbox}/core/health", look, console)
        year = month_range(_year_before(today), add_months(month_of(today), 1))
        # The run itself reads the current and the just-ended month.
        demo_history.take_past_snapshots(database, read_settings(), sandbox, year[:-2], console)
        console.print("Closing the last twelve months of the sandbox's books:")
        close(database, year)
        console.print(
            "The warnings are of cases planted in the sandbox, to show what each check says: docs/demo.md.",
            style="dim",
            highlight=False,
            soft_wrap=True,
        )
        _remember_closed(database)
    _wait_until_up(f"{options.pages}/server_info", look, console)
    _wait_until_up(f"{options.console}/login", look, console)
    _say_up(options, supervision.home / "logs", console)


def _say_up(options: Options, logs: Path, console: Console) -> None:
    console.print(f"\n[bold green]Up.[/] Console: {options.console}", highlight=False)
    console.print(f"Dagster: {options.pages}", highlight=False)
    if options.is_open:
        console.print(
            f"[yellow]Whoever reaches {options.host}:{options.dagster_port} can work everything[/]: Dagster has no "
            "login, so let only a reverse proxy that signs people in, over TLS, reach it, and name its address with "
            "--public-url.",
            highlight=False,
            soft_wrap=True,
        )
    if options.demo:
        console.print(
            f"Sandbox (Core, Codex, Holded, 4Geeks, Notion): http://{LOOPBACK}:{options.sandbox_port}",
            highlight=False,
        )
    console.print(f"Logs: {logs}. Ctrl-C stops everything.", highlight=False, soft_wrap=True)


def _start_sandbox(supervision: Supervision, port: int, *, since: date) -> None:
    from ledger_pipelines.sandbox.registry import demo_environment

    supervision.start(
        Service("sandbox", ["ledger_pipelines", "sandbox", "--port", str(port), "--since", str(since)])
    )
    os.environ.update(demo_environment(f"http://{LOOPBACK}:{port}"))


def _start_dagster(supervision: Supervision, options: Options) -> None:
    """The code server, and the two that wait for it and use it: each loads for some seconds, all at once."""
    socket = code_server.prepare_socket(supervision.home)
    workspace = code_server.write_workspace(supervision.home)
    of_pages = ["--host", options.host, "--port", str(options.dagster_port)]
    if options.public_url is not None:
        of_pages += ["--public-url", options.public_url]
    supervision.start(
        Service("code-server", code_server.command(socket), lambda: socket.unlink(missing_ok=True))
    )
    supervision.start(
        Service(
            "dagster-webserver",
            [
                *("ledger_pipelines.local.webserver", "--socket", str(socket)),
                *("--workspace", str(workspace), *of_pages),
            ],
        )
    )
    supervision.start(
        Service("dagster-daemon", ["ledger_pipelines.local.daemon", str(socket), str(workspace)])
    )


def _start_console(supervision: Supervision, options: Options) -> None:
    os.environ.setdefault("LEDGER_DAGSTER_WEBSERVER_URL", options.pages)
    if options.public_url is not None:
        os.environ.setdefault("LEDGER_DAGSTER_PUBLIC_URL", options.public_url)
    supervision.start(
        Service("console", ["ledger_pipelines", "console", "--port", str(options.console_port)])
    )


def _was_closed(database: Database) -> bool:
    """Whether the demo's year was closed before, to its end: an earlier start may have been stopped half way."""
    with database.connect() as connection:
        return bool(connection.execute("SELECT FROM ledger_settings WHERE name = 'demo_closed'").fetchall())


def _remember_closed(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("INSERT INTO ledger_settings VALUES ('demo_closed', 'yes') ON CONFLICT DO NOTHING")


def _wait_until_up(url: str, look: Callable[[], None], console: Console) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    with console.status(f"Waiting for {url}"):
        while True:
            look()
            try:
                if requests.get(url, timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
            if time.monotonic() > deadline:
                raise LedgerError(
                    f"{url} did not answer within {_START_TIMEOUT:.0f} s; see the logs beside the database."
                )


@contextmanager
def _supervised(settings: Settings, console: Console) -> Iterator[Supervision]:
    supervision = Supervision(settings.home.resolve(), console)
    try:
        yield supervision
    finally:
        with console.status("Stopping"):
            supervision.stop()


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Turns the first signal into KeyboardInterrupt; later ones must not interrupt the stopping."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
