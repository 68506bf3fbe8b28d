"""`ledger backup` and `ledger restore`: all books in one file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ledger_pipelines.cli.context import console
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.wording import counted

if TYPE_CHECKING:
    from ledger_pipelines.settings import Settings
    from ledger_pipelines.store.database import Database


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; readable by its owner only.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Writes all books to one file, as of one instant; the ledger may be in use."""
    from ledger_pipelines.connections import has_ledger, ledger_database
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.backup import back_up

    settings = read_settings()
    if not has_ledger(settings):
        raise LedgerError(f"There is no ledger in {settings.home}, so there is nothing to back up.")
    with console.status("Opening the ledger"):
        database = ledger_database(settings)
    with _progress("Backing up") as on_table:
        done = back_up(
            database,
            file,
            with_cfo=settings.cfo_database_url is None,
            force=force,
            on_table=on_table,
        )
    console.print(
        f"Wrote {counted(done.rows, 'row')} of {counted(done.tables, 'table')} to {file}, at migration {done.version}.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `ledger backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the backup in the place of the books that are there.")
    ] = False,
) -> None:
    """Makes the ledger that of a backup, all or nothing; it must be empty, unless --replace is given."""
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.backup import open_backup
    from ledger_pipelines.workflows.backup import restore as restore_books

    settings = read_settings()
    with_cfo = settings.cfo_database_url is None
    with ExitStack() as stack:
        with console.status("Reading the backup"):
            archive = stack.enter_context(open_backup(file))
        # A mistyped name makes no ledger.
        with console.status("Opening the ledger"):
            database = _place_for_books(settings, with_cfo=with_cfo)
        on_table = stack.enter_context(_progress("Restoring"))
        done = restore_books(database, archive, replace=replace, with_cfo=with_cfo, on_table=on_table)
    say = f"Restored {counted(done.backup.rows, 'row')} of {counted(done.backup.tables, 'table')}"
    console.print(
        f"{say}, as of {done.backup.made_at:%Y-%m-%d %H:%M} UTC, and compared each with {file}.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    for migration in done.migrations:
        console.print(f"Applied {migration}.", highlight=False)
    for table in done.left_out:
        console.print(f"Left out {table}, which is no table of this ledger.", highlight=False, markup=False)
    if done.retained:
        console.print(
            f"The CFO's {counted(done.retained, 'transaction')} stayed as they are, and the backup's were not loaded: "
            "`ledger cfo verify` says what differs, `ledger cfo verify --repair` hands over what is missing.",
            highlight=False,
            soft_wrap=True,
        )
    if not with_cfo:
        console.print(
            "The CFO's database is another: `ledger cfo verify` says what differs.", highlight=False
        )


def _place_for_books(settings: Settings, *, with_cfo: bool) -> Database:
    """The ledger's database, made where there is none yet, with its schemas and the CFO's table."""
    from ledger_pipelines.connections import cfo_database_beside, ledger_database
    from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
    from ledger_pipelines.store.migrations import create_schemas

    database = ledger_database(settings)
    create_schemas(database)
    if with_cfo:
        prepare_cfo_database(cfo_database_beside(database, settings))
    return database


@contextmanager
def _progress(title: str) -> Iterator[Callable[[str, int], None]]:
    """Shows which table is being copied, and how many rows were."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        rows = 0

        def on_table(table: str, copied: int) -> None:
            nonlocal rows
            rows += copied
            progress.update(task, description=f"{title}: {table}, {rows:,} rows so far")

        yield on_table
