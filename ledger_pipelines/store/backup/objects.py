"""What stands in the ledger's schema: what it is called, and how it goes to be made anew."""

from __future__ import annotations

import psycopg

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import SCHEMA
from ledger_pipelines.store.migrations import apply_migrations

_CLASSES = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND "
_ROUTINES = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = to_regnamespace(%s) AND "
#: What is dropped, by the names that PostgreSQL quotes, each before what it rests on: a function may take a table's rows,
#: and a table's triggers call functions.
_OBJECTS = (
    ("VIEW", f"{_CLASSES} relkind = 'v'"),
    ("ROUTINE", f"{_ROUTINES} prorettype <> 'trigger'::regtype"),
    ("TABLE", f"{_CLASSES} relkind IN ('r', 'p') AND NOT relispartition"),
    ("ROUTINE", f"{_ROUTINES} prorettype = 'trigger'::regtype"),
    # Those of no table.
    ("SEQUENCE", f"{_CLASSES} relkind = 'S'"),
    (
        "TYPE",
        "SELECT oid::regtype::text FROM pg_type WHERE typnamespace = to_regnamespace(%s) AND typtype IN ('d', 'e')",
    ),
)


def object_names(connection: psycopg.Connection) -> frozenset[str]:
    """What `drop_objects` drops, by name: tables with their columns, views, routines, sequences and types."""
    rows = connection.execute(
        """SELECT c.relname FROM pg_class c WHERE c.relnamespace = to_regnamespace(%(schema)s)
               AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition
           UNION SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                 AND a.attnum > 0 AND NOT a.attisdropped
           UNION SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
           UNION SELECT typname FROM pg_type WHERE typnamespace = to_regnamespace(%(schema)s)
               AND typtype IN ('d', 'e')""",
        {"schema": SCHEMA},
    ).fetchall()
    return frozenset(str(name) for (name,) in rows)


def drop_objects(connection: psycopg.Connection) -> None:
    """Drops what is in the ledger's schema; the schema stays, with who may use it.

    Raises LedgerError where something else rests on it, which nobody asked us to drop.
    """
    for kind, query in _OBJECTS:
        names = [str(name) for (name,) in connection.execute(query.encode(), [SCHEMA]).fetchall()]
        if not names:
            continue
        try:
            connection.execute(f"DROP {kind} IF EXISTS {', '.join(names)}".encode())
        except psycopg.errors.DependentObjectsStillExist as error:
            found = (error.diag.message_detail or str(error)).splitlines()[0]
            raise LedgerError(
                f"What the ledger is made of is made anew, and something rests on it ({found}): drop that, and make it "
                "again afterwards."
            ) from None


def refuse_loss(connection: psycopg.Connection, before: frozenset[str], version: int) -> None:
    """Raises LedgerError where the dropped objects were more than a ledger at this migration has."""
    with connection.transaction(force_rollback=True):
        apply_migrations(connection, up_to=version)
        lost = before - object_names(connection)
    # A table's columns go with it.
    named = sorted(name for name in lost if name.partition(".")[0] not in lost - {name})
    if named:
        raise LedgerError(
            f"The schema {SCHEMA} has {', '.join(named)}, which no migration makes, and would lose it: move it to "
            "another schema first."
        )
