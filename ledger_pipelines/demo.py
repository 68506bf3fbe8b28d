"""The demo's books and anybody's own are never mixed: a ledger is one or the other, from its first run on."""

from __future__ import annotations

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
                f"{database.shown} holds books that are not the demo's: give the demo {_ELSEWHERE}, or leave --demo out."
            )
        connection.execute(
            "INSERT INTO ledger_settings VALUES ('demo', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [sandbox_url],
        )


def refuse_in_demo(database: Database, settings: Settings) -> None:
    """Raises LedgerError when the ledger is the demo's and the environment names systems that are not."""
    with database.connect() as connection:
        row = connection.execute("SELECT value FROM ledger_settings WHERE name = 'demo'").fetchone()
    if row is None:
        return
    used = {
        "CODEX_URL": settings.codex_url,
        "HOLDED_URL": None if settings.missing_for("holded") else settings.holded_url,
        "FOURGEEKS_URL": None if settings.missing_for("4geeks") else settings.fourgeeks_url,
        "NOTION_URL": None if settings.missing_for("notion") else settings.notion_url,
    }
    own = [name for name, url in used.items() if url is not None and not url.startswith(f"{row[0]}/")]
    own += ["CFO_DATABASE_URL"] if settings.cfo_database_url is not None else []
    if own:
        raise LedgerError(
            f"{database.shown} holds the demo's books, and {own[0]} is not the demo's: give your own {_ELSEWHERE}."
        )
