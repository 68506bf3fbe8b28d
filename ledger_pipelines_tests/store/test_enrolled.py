"""Who is enrolled at all."""

from __future__ import annotations

import psycopg
import pyarrow as pa

from ledger_pipelines.store.queries.enrolled import ENROLLED, keep_enrolled, read_enrolled


def memberships(*rows: tuple[int, int | None, str | None]) -> pa.Table:
    names = ("id", "user_id", "email")
    kinds = (pa.int64(), pa.int64(), pa.string())
    return pa.table({name: pa.array([row[at] for row in rows], kinds[at]) for at, name in enumerate(names)})


def enrolled(connection: psycopg.Connection) -> list[tuple[int | None, str | None]]:
    frame = read_enrolled(connection)
    assert frame.schema.equals(ENROLLED)
    return sorted(((row["user_id"], row["email"]) for row in frame.to_pylist()), key=str)


def test_everybody_with_a_membership_is_enrolled_once(connection: psycopg.Connection) -> None:
    assert enrolled(connection) == []
    keep_enrolled(
        connection, memberships((1, 7, "ana@x.test"), (2, 7, "ana@x.test"), (3, None, None)), is_complete=True
    )
    assert enrolled(connection) == [(7, "ana@x.test"), (None, None)]
    keep_enrolled(connection, memberships((2, 7, "ana@x.test")), is_complete=True)
    assert enrolled(connection) == [(7, "ana@x.test")]


def test_an_incomplete_list_takes_nobody_away(connection: psycopg.Connection) -> None:
    keep_enrolled(connection, memberships((1, 7, "ana@x.test"), (2, 8, "ben@x.test")), is_complete=True)
    keep_enrolled(connection, memberships((1, 7, "new@x.test")), is_complete=False)
    assert enrolled(connection) == [(7, "new@x.test"), (8, "ben@x.test")]
