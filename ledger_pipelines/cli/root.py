"""The `ledger` command itself: its subcommands and exit codes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ledger_pipelines.cli import cfo, cohorts, edits, errors, export
from ledger_pipelines.cli.entering import Month, MonthEnd, console, enter, months_from, person, today
from ledger_pipelines.cli.printing import PrintableConsole
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import parse_month, usable_first_month

if TYPE_CHECKING:
    from ledger_pipelines.store.database import Database

app = typer.Typer(
    help="Closes the books of a service business every month.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(export.app, name="export")
app.add_typer(errors.app, name="errors")
app.add_typer(cfo.app, name="cfo")
app.add_typer(cohorts.app, name="cohorts")
app.add_typer(edits.plans, name="plans")
app.add_typer(edits.overrides, name="overrides")
app.add_typer(edits.items, name="items")
_err = PrintableConsole(stderr=True)


def main() -> None:
    """Runs the command; what a person can mend is one sentence on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no sign for a name's letter is told the rest.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    # Its warnings are of connections that are given up anyway, as when Ctrl-C comes in the middle of a statement.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        app(standalone_mode=True)
    except LedgerError as error:
        _err.print(f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from ledger_pipelines.store.breakdowns import sentence_of

        sentence = sentence_of(error)
        if sentence is None:
            raise
        _err.print(f"[red]Error:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Add the sandbox and close a year of its books.")
    ] = False,
    dagster_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster pages.")] = 3000,
    sandbox_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the sandbox, with --demo.")
    ] = 5999,
    host: Annotated[
        str, typer.Option(help="Address that the Dagster pages listen on; they have no login.")
    ] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option(help="Where a reverse proxy, which signs people in, shows them.")
    ] = None,
) -> None:
    """Runs everything in the foreground until Ctrl-C."""
    from ledger_pipelines.local import up as command

    options = command.Options(
        demo=demo, dagster_port=dagster_port, sandbox_port=sandbox_port, host=host, public_url=public_url
    )

    def close_year(database: Database, months: Sequence[date]) -> None:
        from ledger_pipelines.cli import close as closing

        closing.run(database, months, finalise=False, person="demo", today=today(), console=console)

    command.run(options, today=today(), console=console, close=close_year)


@app.command()
def migrate(
    first_month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="Let the ledger begin with this month; only while it is empty."),
    ] = None,
) -> None:
    """Brings the database up to date; safe to repeat, and safe to run twice at once."""
    from ledger_pipelines.connections import cfo_database, ledger_database
    from ledger_pipelines.destinations.cfo.transactions import prepare_cfo_database
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.migrations import change_first_month
    from ledger_pipelines.store.migrations import migrate as apply

    first = None if first_month is None else usable_first_month(parse_month(first_month), today())
    settings = read_settings()
    database = ledger_database(settings)
    applied = apply(database, first_month=first or settings.first_month_on(today()))
    if first is not None:
        change_first_month(database, first)
    for migration in applied:
        console.print(f"Applied {migration.version:04} {migration.name}.", highlight=False)
    try:
        notes = prepare_cfo_database(cfo_database(settings))
    except LedgerError as error:
        notes = [f"{error} Nothing else waits for it."]
    for note in notes:
        _err.print(f"[yellow]Warning:[/] {escape(note)}", highlight=False, soft_wrap=True)
    console.print("The database is up to date.")


@app.command()
def close(
    month: Month,
    month_end: MonthEnd = None,
    finalise: Annotated[bool, typer.Option("--finalise", help="Close the months for good.")] = False,
    refresh_snapshots: Annotated[
        bool, typer.Option("--refresh-snapshots", help="Take older months' snapshots anew, too.")
    ] = False,
) -> None:
    """Reads, bills and checks a month, or the months from MONTH up to MONTH_END."""
    months = months_from(month, month_end)
    database = enter(to_run=True)
    from ledger_pipelines.cli import close as command

    command.run(
        database,
        months,
        finalise=finalise,
        person=person(),
        today=today(),
        console=console,
        refresh_snapshots=refresh_snapshots,
    )


@app.command()
def sync(
    from_step: Annotated[
        str | None, typer.Option(metavar="STEP", help="Start here; `accruals` runs only the accruals.")
    ] = None,
    year: Annotated[int | None, typer.Option(help="A calendar year; this one if nothing is said.")] = None,
    start_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-01", help="First month; wins over the year.")
    ] = None,
    end_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-01", help="Where it ends; not included.")
    ] = None,
) -> None:
    """Runs the import steps in their fixed order, or from a step on."""
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.workflows.sync_steps import steps_from, sync_months

    steps = steps_from(from_step)
    day = today()
    database = enter(to_run=True)
    settings = read_settings()  # Only now do they name the demo's systems, on the demo's ledger.
    from ledger_pipelines.cli import sync as command
    from ledger_pipelines.orchestration.partitions import first_partition

    months = sync_months(year, start_date, end_date, first_month=first_partition(), today=day)
    command.run(database, steps, months, settings=settings, today=day, console=console, person=person())


@app.command()
def reopen(
    month: Month, reason: Annotated[str, typer.Option(help="Why; it is kept with your name.")]
) -> None:
    """Reopens a closed month."""
    from ledger_pipelines.months import describe_months
    from ledger_pipelines.store.periods import closed_months, reopen_month

    reopened = parse_month(month)
    database = enter()
    with database.connect() as connection:
        reopen_month(connection, reopened, person=person(), reason=reason)
        later = [closed for closed in closed_months(connection) if closed > reopened]
    from ledger_pipelines.runs.jobs import show_months

    show_months(database)
    console.print(f"Reopened {month[:7]}.", highlight=False)
    if later:
        console.print(
            f"[yellow]{describe_months(later)} stay closed[/]: what they billed of tickets is left out here, and what "
            f"{month[:7]} billed of tickets that are theirs by now is billed in the first open month after them.",
            highlight=False,
        )


@app.command()
def months() -> None:
    """Says of each month whether it is open or closed, by whom and when, what it billed and what its checks found."""
    database = enter()
    from ledger_pipelines.cli import months as command

    command.run(database, console)


@app.command()
def history(
    nothing_before: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM", help="There is nothing to be read before this month; kept with your name."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why there is nothing.")] = None,
) -> None:
    """Says which months were read from the sources, or that there is nothing before one."""
    month = None if nothing_before is None else parse_month(nothing_before)
    database = enter()
    from ledger_pipelines.cli import history as command

    command.run(
        database, nothing_before=month, reason=reason, person=person(), today=today(), console=console
    )


@app.command()
def doctor() -> None:
    """Reaches every configured source and says whether it answers."""
    from ledger_pipelines.cli import doctor as command

    if not command.run(console):
        sys.exit(1)


@app.command()
def sandbox(
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port to listen on, on this machine only; 0 takes a free one."),
    ] = 5999,
    companies: Annotated[int, typer.Option(min=1)] = 40,
    students: Annotated[int, typer.Option(min=0, help="Students beside the school's named cases.")] = 150,
    invoices: Annotated[int, typer.Option(min=0, help="Their invoices and credit notes.")] = 450,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 7,
    faults: Annotated[float, typer.Option(min=0, max=0.9, help="Share of requests that go wrong.")] = 0.0,
    replay: Annotated[Path | None, typer.Option(help="Serve the recorded responses of this folder.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day of the history, YYYY-MM-DD; today if not set.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="First day of the school's history, YYYY-MM-DD; two years before the last if not set."
        ),
    ] = None,
) -> None:
    """Runs only the stand-ins of the outside systems."""
    from ledger_pipelines.sandbox.config import SandboxConfig
    from ledger_pipelines.sandbox.registry import environment
    from ledger_pipelines.sandbox.server import serve

    config = SandboxConfig(
        companies=companies,
        students=students,
        invoices=invoices,
        seed=seed,
        faults=faults,
        replay=replay,
        until=_day(until) or today(),
        since=_day(since),
    )

    def tell(base_url: str) -> None:
        for name, value in environment(base_url).items():
            console.print(f"{name}={value}", highlight=False, soft_wrap=True)

    serve(config, port, ready=tell)


@app.command()
def token(
    permission: Annotated[str, typer.Option(help="admin, technician, billing or client.")] = "billing",
    user: Annotated[str, typer.Option(help="Whom the token names.")] = "demo",
) -> None:
    """Prints a signed token, from the sandbox's Core only."""
    from ledger_pipelines.cli.doctor import sandbox_token

    print(sandbox_token(user, permission))


@app.command()
def bench(
    companies: Annotated[
        int, typer.Option(min=0, help="With 25 assets, 20 contacts and 30 tickets each; 0 leaves them out.")
    ] = 10_000,
    contracts: Annotated[
        int, typer.Option(min=0, help="With two years of accruals; 0 leaves them out.")
    ] = 20_000,
    invoices: Annotated[
        int, typer.Option(min=0, help="Paid invoices for the CFO; 0 leaves them out.")
    ] = 50_000,
    months: Annotated[int, typer.Option(min=1, max=12, help="Length of the range that is compared.")] = 12,
) -> None:
    """Measures statements, accruals and the CFO sync against moving the same bytes, and prints the ratios."""
    from ledger_pipelines.cli.bench import run

    run(companies=companies, contracts=contracts, invoices=invoices, months=months, console=console)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise LedgerError(f"{text!r} is not a day: write it as YYYY-MM-DD.") from None
    # The history before the day, and what is due after it, must be dates, too.
    parse_month(text[:7])
    return day
