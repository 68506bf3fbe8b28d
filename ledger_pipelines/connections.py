"""From settings to the things they name: the database, and a client for each configured source.

The one place that the command line, the console and Dagster share for this.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

from ledger_pipelines.destinations.cfo.transactions import CFO_SCHEMA
from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.codex.client import CodexClient
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer


def ledger_database(settings: Settings) -> Database:
    """The ledger's database: the one of LEDGER_DATABASE_URL, else the embedded one, started when it does not run.

    Raises ConfigurationError for an unusable URL, LedgerError when the embedded server cannot be started.
    """
    if settings.database_url is not None:
        return Database(settings.database_url.get_secret_value())
    return embedded_server(settings.home.resolve()).database()


def has_ledger(settings: Settings) -> bool:
    """Whether there may be a ledger already: a database is named, or an embedded one was made."""
    if settings.database_url is not None:
        return True
    try:
        return (settings.home / "postgres").exists()
    except OSError:
        return False


def cfo_database(settings: Settings) -> Database:
    """The CFO's database: the one of CFO_DATABASE_URL, else the schema `cfo` of the ledger's.

    Raises ConfigurationError for an unusable URL.
    """
    if settings.cfo_database_url is not None:
        return Database(settings.cfo_database_url.get_secret_value(), None, "CFO_DATABASE_URL")
    return replace(ledger_database(settings), schema=CFO_SCHEMA)


@lru_cache
def embedded_server(home: Path) -> EmbeddedServer:
    """The embedded server of this home; this process holds it until it ends."""
    return EmbeddedServer(home)


def codex_client(settings: Settings) -> CodexClient:
    """A client for Codex. Raises ConfigurationError when CODEX_URL, or a way to sign in, is missing."""
    if settings.codex_url is None:
        raise ConfigurationError(
            "No Codex is configured: set CODEX_URL and CORE_URL, or start with `ledger up --demo` to use the sandbox."
        )
    if settings.core_url is None and settings.codex_api_key is None:
        raise ConfigurationError("CORE_URL is not set: it is where the tokens for Codex come from.")
    return CodexClient(
        settings.core_url,
        settings.codex_url,
        api_key=_text(settings.codex_api_key),
        ca_file=None if settings.codex_ca_file is None else str(settings.codex_ca_file),
        timeout=settings.http_timeout,
    )


@lru_cache
def holded_client(settings: Settings) -> HoldedClient:
    """A client for Holded, the same for all steps of a process: Holded counts their requests together.

    Raises ConfigurationError when the key is missing.
    """
    if settings.holded_api_key is None:
        raise ConfigurationError(
            "HOLDED_API_KEY is not set: it comes from Holded's settings, under developers."
        )
    return HoldedClient(
        settings.holded_url, settings.holded_api_key.get_secret_value(), timeout=settings.http_timeout
    )


@lru_cache
def fourgeeks_client(settings: Settings) -> FourGeeksClient:
    """A client for 4Geeks, the same for all steps of a process, so that it logs in once.

    Raises ConfigurationError without a way to sign in.
    """
    return FourGeeksClient(
        settings.fourgeeks_url,
        token=_text(settings.fourgeeks_token),
        email=settings.fourgeeks_email,
        password=_text(settings.fourgeeks_password),
        academy=settings.fourgeeks_academy,
        timeout=settings.http_timeout,
    )


def notion_client(settings: Settings) -> NotionClient:
    """A client for Notion's database of clients.

    Raises ConfigurationError when a setting is missing.
    """
    if settings.notion_token is None or settings.notion_database_id is None:
        raise ConfigurationError(
            f"{settings.missing_for('notion')} is not set: make an integration in Notion and share the database with it."
        )
    return NotionClient(
        settings.notion_url,
        settings.notion_token.get_secret_value(),
        settings.notion_database_id,
        timeout=settings.http_timeout,
    )


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
