"""The demo's books and anybody's own are never mixed: a ledger is one or the other, from its first run on."""

from __future__ import annotations

import os

import requests

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database

_ELSEWHERE = "another folder with LEDGER_HOME, or another database with LEDGER_DATABASE_URL"


def take_for_demo(database: Database, settings: Settings, sandbox_url: str) -> None:
    """Makes the ledger the demo's, with the sandbox at this address.

    Raises LedgerError when it holds other books, or when the demo's invoices would go to somebody's own CFO.
    """
    if settings.cfo_database_url is not None:
        raise LedgerError(
            "CFO_DATABASE_URL is set, and the demo would hand its invoices over there: unset it, or leave --demo out."
        )
    with database.connect() as connection:
        (row,) = connection.execute(
            """SELECT EXISTS (SELECT FROM sync_executions)
                      AND NOT EXISTS (SELECT FROM ledger_settings WHERE name IN ('demo', 'demo_closed'))"""
        ).fetchall()
        if row[0]:
            raise LedgerError(
                f"{database.label} holds books that are not the demo's: give the demo {_ELSEWHERE}, or leave --demo out."
            )
        connection.execute(
            "INSERT INTO ledger_settings VALUES ('demo', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [sandbox_url],
        )


def use_demo(database: Database, settings: Settings) -> None:
    """On the demo's ledger, takes the demo's sandbox for every outside system, where the settings name none.

    Raises LedgerError when the sandbox does not run, or as `refuse_in_demo` does.
    """
    refuse_in_demo(database, settings)
    address = _sandbox_of(database)
    if address is None or any(source.is_begun for source in settings.sources):
        return
    if not _is_sandbox(address):
        raise LedgerError(
            f"{database.label} holds the demo's books, and the demo's sandbox ({address}) does not run: start it with "
            f"`ledger up --demo`, or give your own books {_ELSEWHERE}."
        )
    from ledger_pipelines.sandbox.registry import demo_environment

    os.environ.update(demo_environment(address))


def _sandbox_of(database: Database) -> str | None:
    """The address of the demo's sandbox, None where the ledger is not the demo's."""
    with database.connect() as connection:
        if connection.execute("SELECT to_regclass('ledger_settings')").fetchone() == (None,):
            return None
        row = connection.execute("SELECT value FROM ledger_settings WHERE name = 'demo'").fetchone()
    return None if row is None else str(row[0])


def _is_sandbox(address: str) -> bool:
    """Whether a sandbox answers there."""
    try:
        return requests.get(f"{address}/core/health", timeout=10).ok
    except requests.RequestException:
        return False


def refuse_in_demo(database: Database, settings: Settings) -> None:
    """Raises LedgerError when the ledger is the demo's and the environment names systems that are not."""
    address = _sandbox_of(database)
    if address is None:
        return
    own = [
        source.url_variable()
        for source in settings.sources
        if source.is_begun and source.url is not None and not source.url.startswith(f"{address}/")
    ]
    own += ["CFO_DATABASE_URL"] if settings.cfo_database_url is not None else []
    if own:
        raise LedgerError(
            f"{database.label} holds the demo's books, and {own[0]} is not the demo's: give your own {_ELSEWHERE}."
        )
