"""The `ledger` command: its subcommands, options and exit codes. What they do stands in `commands/`."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, month_of, month_range, parse_month

if TYPE_CHECKING:
    from ledger_pipelines.store.database import Database

app = typer.Typer(
    help="Closes the books of a service business every month.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_out = Console()
_err = Console(stderr=True)

_Month = Annotated[str, typer.Argument(metavar="MONTH", help="YYYY-MM or YYYY-MM-01.")]
_MonthEnd = Annotated[
    str | None, typer.Argument(metavar="[MONTH_END]", help="Where a range ends; not included.")
]


def main() -> None:
    """Runs the command; what a person can mend is one sentence on stderr and exit code 1."""
    try:
        app(standalone_mode=True)
    except LedgerError as error:
        _err.print(f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Add the sandbox and close a year of its books.")
    ] = False,
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster pages.")] = 3000,
    sandbox_port: Annotated[int, typer.Option(help="Port of the sandbox, with --demo.")] = 5999,
) -> None:
    """Runs everything in the foreground until Ctrl-C."""
    from ledger_pipelines.commands import up as command

    options = command.Options(demo=demo, dagster_port=dagster_port, sandbox_port=sandbox_port)
    command.run(options, today=_today(), console=_out)


@app.command()
def migrate() -> None:
    """Brings the database up to date; safe to repeat, and safe to run twice at once."""
    from ledger_pipelines.environment import cfo_database, ledger_database
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.cfo_transactions import prepare_cfo_database
    from ledger_pipelines.store.migrations import migrate as apply

    settings = read_settings()
    applied = apply(ledger_database(settings), first_month=settings.first_month_on(_today()))
    for migration in applied:
        _out.print(f"Applied {migration.version:04} {migration.name}.", highlight=False)
    prepare_cfo_database(cfo_database(settings))
    _out.print("The database is up to date.")


@app.command()
def close(
    month: _Month,
    month_end: _MonthEnd = None,
    finalise: Annotated[bool, typer.Option("--finalise", help="Close the months for good.")] = False,
    refresh_snapshots: Annotated[
        bool, typer.Option("--refresh-snapshots", help="Take older months' snapshots anew, too.")
    ] = False,
) -> None:
    """Reads, bills and checks a month, or the months from MONTH up to MONTH_END."""
    months = _months(month, month_end)
    # First: the environment must say the ledger's first month before the definitions are imported.
    database = _enter()
    from ledger_pipelines.commands import close as command

    command.run(
        database,
        months,
        finalise=finalise,
        person=_person(),
        today=_today(),
        console=_out,
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
    from ledger_pipelines.sync import steps_from, sync_months

    steps = steps_from(from_step)
    settings, today = read_settings(), _today()
    database = _enter()
    from ledger_pipelines.commands import sync as command
    from ledger_pipelines.defs.partitions import first_partition

    months = sync_months(year, start_date, end_date, first_month=first_partition(), today=today)
    command.run(database, steps, months, settings=settings, today=today, console=_out)


@app.command()
def reopen(
    month: _Month, reason: Annotated[str, typer.Option(help="Why; it is kept with your name.")]
) -> None:
    """Reopens a closed month."""
    from ledger_pipelines.months import describe_months
    from ledger_pipelines.store.periods import closed_months, reopen_month

    reopened = parse_month(month)
    with _enter().connect() as connection:
        reopen_month(connection, reopened, person=_person(), reason=reason)
        later = [closed for closed in closed_months(connection) if closed > reopened]
    _out.print(f"Reopened {month[:7]}.", highlight=False)
    if later:
        _out.print(
            f"[yellow]{describe_months(later)} stay closed[/], and bill tickets less what {month[:7]} billed of them: "
            "if its tickets' hours change, reopen those, too.",
            highlight=False,
        )


@app.command()
def doctor() -> None:
    """Reaches every configured source and says whether it answers."""
    from ledger_pipelines.commands import doctor as command

    if not command.run(_out):
        sys.exit(1)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on, on this machine only.")] = 5999,
    companies: Annotated[int, typer.Option(min=1)] = 40,
    students: Annotated[int, typer.Option(min=0, help="Students beside the school's named cases.")] = 150,
    invoices: Annotated[int, typer.Option(min=0, help="Their invoices and credit notes.")] = 450,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 7,
    faults: Annotated[float, typer.Option(min=0, max=0.9, help="Share of requests that go wrong.")] = 0.0,
    replay: Annotated[Path | None, typer.Option(help="Serve the recorded responses of this folder.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day of the history, YYYY-MM-DD; today if not set.")
    ] = None,
) -> None:
    """Runs only the stand-ins of the outside systems."""
    from ledger_pipelines.sandbox.config import SandboxConfig
    from ledger_pipelines.sandbox.server import environment, serve

    config = SandboxConfig(
        companies=companies,
        students=students,
        invoices=invoices,
        seed=seed,
        faults=faults,
        replay=replay,
        until=_day(until) or _today(),
    )

    def tell(base_url: str) -> None:
        for name, value in environment(base_url).items():
            _out.print(f"{name}={value}", highlight=False, soft_wrap=True)

    serve(config, port, ready=tell)


@app.command()
def token(
    permission: Annotated[str, typer.Option(help="admin, technician, billing or client.")] = "billing",
    user: Annotated[str, typer.Option(help="Whom the token names.")] = "demo",
) -> None:
    """Prints a signed token, from the sandbox's Core only."""
    from ledger_pipelines.commands.doctor import sandbox_token

    print(sandbox_token(user, permission))


export = typer.Typer(help="Writes what was closed to files.", no_args_is_help=True)
app.add_typer(export, name="export")


_OneMonth = Annotated[str | None, typer.Option("--month", help="YYYY-MM.")]
_Start = Annotated[str | None, typer.Option("--start", help="First month of a range.")]
_End = Annotated[str | None, typer.Option("--end", help="Where the range ends; not included.")]
_Format = Annotated[str, typer.Option("--format", help="csv or xlsx.")]
_Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to; standard output if not set.")]


@export.command("statements")
def export_statements(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    account: Annotated[str | None, typer.Option(help="Only this company's statement.")] = None,
    file_format: _Format = "csv",
    output: _Output = None,
) -> None:
    """The statements of a month or a range, a row for each line that is not zero."""
    from ledger_pipelines.commands.exports import write_statements

    months = _export_months(month, start, end)
    write_statements(_enter(), months, account=account, file_format=file_format, output=output)


@export.command("accruals")
def export_accruals(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = "csv",
    output: _Output = None,
) -> None:
    """The accruals of a month or a range, a row for each contract and service period."""
    months = _export_months(month, start, end)
    database = _enter()
    from ledger_pipelines.commands.exports import write_accruals
    from ledger_pipelines.defs.partitions import first_partition

    ledger_months = month_range(first_partition(), add_months(month_of(_today()), 1))
    write_accruals(database, months, ledger_months=ledger_months, file_format=file_format, output=output)


@export.command("errors")
def export_errors(
    month: _OneMonth = None,
    start: _Start = None,
    end: _End = None,
    file_format: _Format = "csv",
    output: _Output = None,
) -> None:
    """The integration errors: all of them, or those that trouble a month or a range."""
    from ledger_pipelines.commands.exports import write_errors

    months = _export_months(month, start, end) if month or start or end else []
    write_errors(_enter(), months, file_format=file_format, output=output)


cfo = typer.Typer(help="Paid invoices in the CFO's transactions.", no_args_is_help=True)
app.add_typer(cfo, name="cfo")


@cfo.command("pending")
def cfo_pending() -> None:
    """Paid invoices that are not handed over, and why."""
    database = _enter()
    from ledger_pipelines.commands.cfo import print_pending

    print_pending(database, _out)


@cfo.command("status")
def cfo_status(invoice: Annotated[str, typer.Argument(help="The invoice's number.")]) -> None:
    """How a paid invoice stands."""
    database = _enter()
    from ledger_pipelines.commands.cfo import print_status

    print_status(database, invoice, _out)


@cfo.command("sync")
def cfo_sync(
    invoice: Annotated[str | None, typer.Option(help="Only the invoice of this number.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Take failed ones again, from the start.")] = False,
) -> None:
    """Hands over what is ready, now."""
    database = _enter()
    from ledger_pipelines.commands.cfo import sync as command

    command(database, invoice=invoice, force=force, now=datetime.now(UTC), console=_out)


@cfo.command("metrics")
def cfo_metrics() -> None:
    """How long it takes, how much succeeds, what waits."""
    database = _enter()
    from ledger_pipelines.commands.cfo import print_metrics

    print_metrics(database, datetime.now(UTC), _out)


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
    from ledger_pipelines.commands.bench import run

    run(companies=companies, contracts=contracts, invoices=invoices, months=months, console=_out)


def _enter() -> Database:
    """The ledger of the settings, migrated; this process belongs to it from then on."""
    from ledger_pipelines import dagster_home
    from ledger_pipelines.environment import ledger_database
    from ledger_pipelines.settings import read_settings
    from ledger_pipelines.store.migrations import migrate as apply

    settings = read_settings()
    apply(ledger_database(settings), first_month=settings.first_month_on(_today()))
    return dagster_home.enter(settings)


def _months(start: str, end: str | None) -> list[date]:
    first = parse_month(start)
    months = month_range(first, add_months(first, 1) if end is None else parse_month(end))
    if not months:
        raise LedgerError(
            f"The range {start} to {end} has no month: its end is not included and must come later."
        )
    return months


def _export_months(month: str | None, start: str | None, end: str | None) -> list[date]:
    if (month is None) == (start is None) or (start is None) != (end is None):
        raise LedgerError("Say which months: --month 2025-03, or --start 2025-01 --end 2025-04.")
    return _months(month or start or "", None if month else end)


def _person() -> str:
    """Who to name in the audit when a command closes or reopens a month."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _today() -> date:
    return datetime.now(UTC).date()


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise LedgerError(f"{text!r} is not a day: write it as YYYY-MM-DD.") from None
