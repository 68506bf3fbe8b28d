"""How many records each list of a source had when it was last read and accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import psycopg


def read_list_sizes(connection: psycopg.Connection, integration: str, kind: str) -> dict[str, int]:
    """The records of each of the integration's lists of this kind: `memberships` is that of `memberships of …`, too."""
    rows = connection.execute(
        """SELECT list_name, records FROM source_lists
           WHERE integration_name = %(integration)s AND (list_name = %(kind)s OR list_name LIKE %(kind)s || ' of %%')""",
        {"integration": integration, "kind": kind},
    ).fetchall()
    return dict(rows)


def keep_list_sizes(
    connection: psycopg.Connection, integration: str, sizes: Mapping[str, int], *, read_at: datetime
) -> None:
    """Makes these the sizes that the lists had last; a list without records is one that may become longer."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO source_lists VALUES (%s, %s, %s, %s)
               ON CONFLICT (integration_name, list_name) DO UPDATE
               SET records = excluded.records, read_at = excluded.read_at""",
            [(integration, name, records, read_at) for name, records in sizes.items()],
        )
