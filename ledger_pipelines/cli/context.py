"""What every subcommand begins with: its consoles, the ledger of the settings, months, who asks and the day."""

from __future__ import annotations

import gc
import getpass
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from ledger_pipelines.cli.printing import PrintableConsole
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, month_range, parse_month

if TYPE_CHECKING:
    from ledger_pipelines.store.database import Database

console = PrintableConsole()
error_console = PrintableConsole(stderr=True)

Month = Annotated[str, typer.Argument(metavar="MONTH", help="YYYY-MM or YYYY-MM-01.")]
MonthEnd = Annotated[
    str | None, typer.Argument(metavar="[MONTH_END]", help="Where a range ends; not included.")
]


def enter(*, to_run: bool = False) -> Database:
    """The ledger of the settings, migrated; this process belongs to it from then on.

    To be called before the definitions are imported: the environment must say the ledger's first month by then.
    `to_run` steps: on the demo's ledger those of its sandbox. Raises LedgerError where that does not run, or where the
    demo's books would be mixed with one's own.
    """
    with console.status("Opening the ledger"):
        return _enter(to_run=to_run)


def _enter(*, to_run: bool) -> Database:
    # Imported here: what it takes to open a ledger takes a second to load, and the person shall see that it is done.
    from ledger_pipelines.connections import ledger_database
    from ledger_pipelines.local.demo import use_demo
    from ledger_pipelines.orchestration import dagster_home
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.migrations import migrate as apply

    if to_run:
        # Until the run begins: loading Dagster makes objects by the hundred thousand, and none of them is garbage.
        gc.disable()
    settings = read_settings()
    with _loading_meanwhile("dagster") if to_run else nullcontext():
        database = ledger_database(settings)
    apply(database, first_month=settings.first_month_on(today()))
    if to_run:
        use_demo(database, settings)
    return dagster_home.enter(settings)


@contextmanager
def _loading_meanwhile(module: str) -> Iterator[None]:
    """Loads a module while the body waits for another process, so that neither waits for the other."""
    thread = Thread(target=import_module, args=[module], name=f"loads {module}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def months_from(start: str, end: str | None) -> list[date]:
    """The months from `start` up to `end`, or `start` alone. Raises LedgerError where that is none."""
    first = parse_month(start)
    months = month_range(first, add_months(first, 1) if end is None else parse_month(end))
    if not months:
        raise LedgerError(
            f"The range {start} to {end} has no month: its end is not included and must come later."
        )
    return months


def person() -> str:
    """Who to name in the audit when a command closes or reopens a month."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def today() -> date:
    """The day in UTC, as the months are."""
    return datetime.now(UTC).date()
