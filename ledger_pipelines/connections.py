"""From settings to the things they name: the database, and a client for each configured source.

The one place that the command line, the console and Dagster share for this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from ledger_pipelines.destinations.cfo.transactions import CFO_SCHEMA
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)


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


def cfo_database_beside(ledger: Database, settings: Settings) -> Database:
    """The CFO's database, where the ledger's is at hand already. Raises ConfigurationError for an unusable URL."""
    return replace(ledger, schema=CFO_SCHEMA) if settings.cfo_database_url is None else cfo_database(settings)


@lru_cache
def embedded_server(home: Path) -> EmbeddedServer:
    """The embedded server of this home; this process holds it until it ends."""
    return EmbeddedServer(home)


class OpensClient(Protocol[C_co]):
    """A source's settings, by the client that they make."""

    is_shared: ClassVar[bool]

    def client(self, timeout: float) -> C_co:
        """A client; `timeout` is in seconds."""


def source_client(settings: Settings, source: OpensClient[C]) -> C:
    """A client for one of the settings' sources, the same for all steps of a process where the source says so.

    Raises ConfigurationError when a variable that it needs is missing or cannot be used.
    """
    client: C = (_shared_client if source.is_shared else _new_client)(source, settings.http_timeout)
    return client


def _new_client(source: Any, timeout: float) -> Any:
    return source.client(timeout)


_shared_client: Callable[[Any, float], Any] = lru_cache(_new_client)
