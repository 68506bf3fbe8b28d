"""What was seen of 4Geeks' memberships and users, kept as facts; and the cohorts that nobody pays for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.copy import copy_in, copy_out, select_list, table_schema

_STATUSES, _USERS = sql.Identifier("membership_statuses"), sql.Identifier("client_users")


@dataclass(frozen=True, slots=True)
class UnpaidCohort:
    """A pattern of cohorts' slugs, why nobody pays for them, and who said so."""

    pattern: str
    note: str | None
    added_by: str | None
    added_at: datetime


def lock_sightings(connection: psycopg.Connection) -> None:
    """Keeps other runs from storing statuses until the transaction ends."""
    connection.execute("LOCK TABLE membership_statuses IN SHARE ROW EXCLUSIVE MODE")


def read_sightings(connection: psycopg.Connection) -> pa.Table:
    """The statuses with which memberships were seen, in the order in which they were kept."""
    schema = table_schema(connection, "membership_statuses")
    query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(select_list(schema), _STATUSES)
    return copy_out(connection, query, schema).drop_columns(["id"])


def add_sightings(connection: psycopg.Connection, sightings: pa.Table) -> None:
    """Stores further statuses with which memberships were seen."""
    copy_in(connection, _STATUSES, sightings)


def read_client_users(connection: psycopg.Connection) -> pa.Table:
    """The user that each contact was first matched to: `contact_id` and `user_id`."""
    schema = table_schema(connection, "client_users")
    query = sql.SQL("SELECT {} FROM {}").format(select_list(schema), _USERS)
    return copy_out(connection, query, schema).select(["contact_id", "user_id"])


def keep_client_users(connection: psycopg.Connection, matched: pa.Table, *, at: datetime) -> None:
    """Remembers the users of these contacts (`contact_id`, `user_id`); who was matched before stays so."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO client_users VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(row["contact_id"], row["user_id"], at) for row in matched.to_pylist()],
        )


def list_unpaid_cohorts(connection: psycopg.Connection) -> list[UnpaidCohort]:
    """The cohorts that nobody pays for, by pattern."""
    rows = connection.execute("SELECT pattern, note, added_by, added_at FROM unpaid_cohorts ORDER BY pattern")
    return [UnpaidCohort(*row) for row in rows.fetchall()]


def add_unpaid_cohort(connection: psycopg.Connection, pattern: str, *, note: str | None, person: str) -> None:
    """Records that nobody pays for cohorts of this pattern, or replaces the note.

    Raises LedgerError for a pattern that is blank, or means every cohort.
    """
    plain = pattern.strip().casefold()
    if not plain.strip("*"):
        raise LedgerError(
            f"{pattern!r} would mean every cohort: write a slug, or a part of one with *, like *-pt-general."
        )
    connection.execute(
        """INSERT INTO unpaid_cohorts (pattern, note, added_by) VALUES (%s, %s, %s)
           ON CONFLICT (pattern) DO UPDATE
           SET note = excluded.note, added_by = excluded.added_by, added_at = excluded.added_at""",
        [plain, (note or "").strip() or None, person],
    )


def remove_unpaid_cohort(connection: psycopg.Connection, pattern: str) -> None:
    """Records that cohorts of this pattern are paid for. Raises LedgerError where none of them was unpaid."""
    plain = pattern.strip().casefold()
    if connection.execute("DELETE FROM unpaid_cohorts WHERE pattern = %s", [plain]).rowcount == 0:
        raise LedgerError(f"{pattern!r} is not among the unpaid cohorts: see `ledger cohorts unpaid list`.")
