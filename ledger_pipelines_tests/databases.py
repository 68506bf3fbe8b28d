"""Databases of tests: copies of the migrated one, or of one with books in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer

_numbers = count(1)


@contextmanager
def copied_database(server: EmbeddedServer, template: Database | None = None) -> Iterator[Database]:
    """A database like this one, to which nobody may be connected meanwhile, or an empty ledger; dropped afterwards."""
    name = f"copy_{next(_numbers)}"
    of = "template_ledger" if template is None else str(conninfo_to_dict(template.url)["dbname"])
    with psycopg.connect(server.database("postgres").url, autocommit=True) as admin:
        # As files: through the log it takes twice as long.
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(of)
            )
        )
    try:
        yield server.database(name)
    finally:
        with psycopg.connect(server.database("postgres").url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
