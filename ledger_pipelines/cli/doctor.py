"""`ledger doctor` and `ledger token`: are the outside systems there, and who are we to them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.connections import cfo_database, has_ledger, ledger_database, source_client
from ledger_pipelines.destinations.cfo.lookup import count_transactions
from ledger_pipelines.destinations.cfo.table import find_table, lag_of_ids
from ledger_pipelines.errors import CredentialRefusedError, LedgerError, SourceUnavailableError
from ledger_pipelines.local.demo import use_demo
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.sources.http.bodies import read_json
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address, AnswerError
from ledger_pipelines.sources.http.redaction import safe_url
from ledger_pipelines.sources.http.retries import RetryPolicy
from ledger_pipelines.store.queries.ledger_facts import read_facts

#: Seconds in which the sandbox sends a token.
_TOKEN_TIMEOUT = 10.0


def run(console: Console) -> bool:
    """Prints a line for each source of which anything is set, and for the CFO's database; true when all answer."""
    settings = read_settings()
    details = _print_ledger(settings, console)
    begun = [source for source in settings.sources if source.is_begun]
    if not begun and has_ledger(settings):
        use_demo(ledger_database(settings), settings)
        settings = read_settings()
        begun = [source for source in settings.sources if source.is_begun]
    if not begun and settings.cfo_database_url is None:
        raise LedgerError(
            "No source is configured: set CODEX_URL and CORE_URL, or HOLDED_API_KEY, or run `ledger up --demo`."
        )
    table = Table("Source", "Answers", "We are", "Shows", title="Sources", title_justify="left")
    for source in begun:
        if source.missing:
            table.add_row(source.name, "[red]not asked[/]", "", "")
            details.append(f"{source.name} is not used, for {source.missing} is not set.")
            continue
        try:
            client = source_client(settings, source)
        except LedgerError as error:
            table.add_row(source.name, "[red]no[/]", "", "")
            details.append(str(error))
            continue
        with console.status(f"Asking {client.name}"):
            check = client.check()
        client.close()
        records = "" if check.records is None else f"{check.records:,} {client.counted}"
        table.add_row(
            check.name, "[green]yes[/]" if check.ok else "[red]no[/]", escape(check.identity or ""), records
        )
        if not check.ok:
            details.append(check.detail)
    if settings.cfo_database_url is not None:
        details += _ask_cfo(settings, table)
    console.print(table)
    for detail in details:
        console.print(f"[red]{escape(detail)}[/]", highlight=False, soft_wrap=True)
    return not details


def _print_ledger(settings: Settings, console: Console) -> list[str]:
    """Says which database is the ledger's, and what runs on it; returns what is wrong with it."""
    if not has_ledger(settings):
        console.print(
            "There is no ledger here yet: `ledger migrate`, or any close, makes one.", highlight=False
        )
        return []
    try:
        database = ledger_database(settings)
        with database.connect(application_name="ledger doctor") as connection:
            facts = read_facts(connection)
    except LedgerError as error:
        return [str(error)]
    except psycopg.errors.UndefinedTable:
        return [f"{database.label} was never migrated: run `ledger migrate`."]
    runs = (
        f"`ledger up` runs (process {facts.up_process})"
        if facts.up_process
        else "no `ledger up` runs, so no schedule does"
    )
    console.print(
        f"Ledger: PostgreSQL {facts.server_version}, {database.label}, migration {facts.migration}, months from "
        f"{facts.first_month}; {runs}.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    return []


def _ask_cfo(settings: Settings, table: Table) -> list[str]:
    """Adds the line of the CFO's database to the table; what is wrong with it."""
    try:
        with cfo_database(settings).connect(application_name="ledger doctor") as connection:
            user, count = count_transactions(connection)
            faults = _faults(connection, cfo_database(settings).label)
    except LedgerError as error:
        table.add_row("CFO's database", "[red]no[/]", "", "")
        return [str(error)]
    records = "no transactions yet" if count is None else f"{count:,} transactions"
    table.add_row("CFO's database", "[red]no[/]" if faults else "[green]yes[/]", escape(user), records)
    return faults


def _faults(connection: psycopg.Connection, database: str) -> list[str]:
    """What is wrong with the CFO's table, if there is one."""
    try:
        table = find_table(connection)
        if table is None:
            return []
        lag = lag_of_ids(connection, table.require_fit(database))
    except psycopg.Error as error:
        return [f"The CFO's transactions cannot be looked at ({error.diag.message_primary})."]
    return [] if lag is None else [lag]


def sandbox_token(user: str, permission: str) -> str:
    """A user's token from the sandbox's Core. Raises LedgerError when there is none, or Core is a real one."""
    settings: Settings = read_settings()
    core = settings.source(CodexSettings).core_url or "http://127.0.0.1:5999/core"
    address = Address("The sandbox", core, "CORE_URL", "check CORE_URL.")
    retries = RetryPolicy(attempts=1)
    try:
        with HttpSource(address, read_timeout=_TOKEN_TIMEOUT, retries=retries) as source:
            answer = source.post("/user-token", {"user": user, "permission_level": permission}, read_json)
            records = source.display_url
    except AnswerError as error:
        if error.status == HTTPStatus.BAD_REQUEST:
            raise LedgerError(
                f"{permission!r} is no permission: choose admin, technician, billing or client."
            ) from None
        raise LedgerError(_no_sandbox(safe_url(core))) from None
    except CredentialRefusedError:
        raise LedgerError(_no_sandbox(safe_url(core))) from None
    except SourceUnavailableError:
        raise LedgerError(
            f"No sandbox answers at {safe_url(core)}: start one with `ledger sandbox` or `ledger up --demo`."
        ) from None
    token = answer.get("token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise LedgerError(_no_sandbox(records))
    return token


def _no_sandbox(core: str) -> str:
    return f"{core} is not the sandbox's Core: tokens of a real Core come from signing in there."
