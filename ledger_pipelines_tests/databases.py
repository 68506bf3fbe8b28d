"""Databases of tests: copies of the migrated one, or of one with books in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer

_numbers = count(1)
#: A connection for each server, which makes and drops its databases: to open one takes a tenth of what making one does.
_connections: WeakKeyDictionary[EmbeddedServer, psycopg.Connection] = WeakKeyDictionary()
_urls: WeakKeyDictionary[EmbeddedServer, str] = WeakKeyDictionary()


@contextmanager
def copied_database(server: EmbeddedServer, template: Database | None = None) -> Iterator[Database]:
    """A database like this one, to which nobody may be connected meanwhile, or an empty ledger; dropped afterwards."""
    name = f"copy_{next(_numbers)}"
    of = "template_ledger" if template is None else str(conninfo_to_dict(template.url)["dbname"])
    # As files: through the log it takes twice as long.
    _connection_to(server).execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(of)
        )
    )
    try:
        yield Database(urlsplit(_urls[server])._replace(path=f"/{name}").geturl())
    finally:
        _connection_to(server).execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _connection_to(server: EmbeddedServer) -> psycopg.Connection:
    """The connection to this server, or a new one where a test has stopped the server since."""
    known = _connections.get(server)
    if known is not None:
        with suppress(psycopg.OperationalError):
            known.execute("SELECT")
            return known
    _urls[server] = server.database("postgres").url
    _connections[server] = psycopg.connect(_urls[server], autocommit=True)
    return _connections[server]
