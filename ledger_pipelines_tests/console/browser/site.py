"""The console as it is served, direct and behind the gateway, on a copy of one small book of a school and its clients."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count

import pytest
from psycopg import sql

from ledger_pipelines.console.app import create_app
from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.identity import Identity
from ledger_pipelines.sandbox.hivematrix.sign_in import PEOPLE
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines_tests.console.gateway import PREFIX, gateway_app, served
from ledger_pipelines_tests.databases import copied_database

#: The months that are run; the first of them is closed for good.
MONTHS = (date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1))
#: What asking changes and should: sessions, and what Dagster's runs write.
_OF_VISITORS = ("console_sessions",)
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Book:
    """A database that nobody connects to, to be copied, and the sandbox whose Core knows the people."""

    server: EmbeddedServer
    database: Database
    sandbox: Sandbox

    @contextmanager
    def copied(self) -> Iterator[Database]:
        """A copy of its own."""
        with copied_database(self.server, self.database) as database:
            yield database


@dataclass(frozen=True, slots=True)
class Site:
    """A console that is served, at `direct` and at `gateway`, with its prefix; `console` is what it works with."""

    console: Console
    sandbox: Sandbox
    direct: str
    gateway: str
    #: Who is signed in to the gateway; the admin, if nobody says otherwise.
    at_gateway: dict[str, str]

    @property
    def database(self) -> Database:
        """The copy of the book."""
        return self.console.database

    def token(self, user: str) -> str:
        """A token of Core's for one of the sandbox's people."""
        return self.sandbox.signer.user_token(user, PEOPLE[user])


def console_of(database: Database, sandbox: Sandbox) -> Console:
    """A console with the sandbox's Core, and a Dagster that does not answer."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CORE_SERVICE_URL", "LEDGER_JWKS_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("CORE_URL", sandbox.core_url)
        patch.setenv("LEDGER_DAGSTER_WEBSERVER_URL", "http://127.0.0.1:9")
        settings = Settings()
        # The sources' settings are read from the environment, too, when they are first asked for.
        return Console(settings, database, Identity(settings, database))


@contextmanager
def site_on(book: Book) -> Iterator[Site]:
    """A site on a copy of the book."""
    with ExitStack() as stack:
        console = console_of(stack.enter_context(book.copied()), book.sandbox)
        direct = stack.enter_context(served(create_app(console)))
        at_gateway = {"user": "admin"}
        site = Site(console, book.sandbox, direct, "", at_gateway)
        gateway = stack.enter_context(served(gateway_app(direct, lambda: site.token(at_gateway["user"]))))
        yield Site(console, book.sandbox, direct, f"{gateway}{PREFIX}", at_gateway)


def digest(database: Database) -> dict[str, str]:
    """What every table of the ledger holds, those of visitors aside."""
    found: dict[str, str] = {}
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r' ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            if table in _OF_VISITORS:
                continue
            rows = connection.execute(
                sql.SQL("SELECT t::text, xmin::text FROM {} t ORDER BY 1, 2").format(sql.Identifier(table))
            )
            found[table] = hashlib.sha256(repr(rows.fetchall()).encode()).hexdigest()
        sequences = connection.execute(
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'ledger' ORDER BY 1"
        )
        found["sequences"] = repr(sequences.fetchall())
    return found
