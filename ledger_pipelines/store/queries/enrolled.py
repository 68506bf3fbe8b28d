"""Who is enrolled at all: everybody with a membership in 4Geeks, whatever it is worth to the books."""

from __future__ import annotations

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_in, copy_out, schema_of, select_list

ENROLLED = schema_of({"user_id": pa.int64(), "email": pa.string()})
_TABLE = sql.Identifier("enrolled_users")


def read_enrolled(connection: psycopg.Connection) -> pa.Table:
    """The users and e-mails (ENROLLED, each pair once) of everybody who has any membership in 4Geeks.

    As of the newest reading. Also of memberships that are no service periods, and of those that a list which may be
    incomplete did not show this time. A membership's user or e-mail may be null.
    """
    query = sql.SQL("SELECT DISTINCT {} FROM {}").format(select_list(ENROLLED), _TABLE)
    return copy_out(connection, query, ENROLLED)


def keep_enrolled(connection: psycopg.Connection, memberships: pa.Table, *, is_complete: bool) -> None:
    """Makes these memberships (`id`, `user_id`, `email`) those that there are; adds them where the list is incomplete."""
    frame = memberships.select(["id", "user_id", "email"]).rename_columns(
        ["membership_id", "user_id", "email"]
    )
    with connection.transaction():
        connection.execute("LOCK TABLE enrolled_users IN SHARE ROW EXCLUSIVE MODE")
        if is_complete:
            connection.execute("DELETE FROM enrolled_users")
        else:
            connection.execute(
                "DELETE FROM enrolled_users WHERE membership_id = ANY(%s)",
                [frame["membership_id"].to_pylist()],
            )
        copy_in(connection, _TABLE, frame)


def read_resigned(connection: psycopg.Connection) -> frozenset[str]:
    """The contacts of whom a month recognised something because they had resigned."""
    rows = connection.execute(
        "SELECT DISTINCT contact_id FROM monthly_accruals WHERE reason = 'resigned'"
    ).fetchall()
    return frozenset(contact for (contact,) in rows)
