"""Entries that were imported before: the same again is nothing, another content is an integration error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.money import format_money
from ledger_pipelines.months import format_month
from ledger_pipelines.store.imported_journal import debits_of

OPERATION = "import"
_compute: Any = pc


@contextmanager
def importing_alone(connection: psycopg.Connection) -> Iterator[None]:
    """Has one import wait for another: each posts what it found not to be there."""
    connection.execute("SELECT pg_advisory_lock(7435, 3)")
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(7435, 3)")


def conflicts(
    connection: psycopg.Connection, source_system: str, entries: pa.Table, before: pa.Table, lines: pa.Table
) -> list[Problem]:
    """A problem for each of these entries, whose content is another than it was `before` (`month`, `id`), with both
    amounts; `lines` are those of the entries now.
    """
    debits = debits_of(connection, before)
    found = []
    for entry, old in zip(entries.to_pylist(), before.to_pylist(), strict=True):
        own = lines.filter(_compute.equal(lines["entry_id"], entry["id"]))
        now, currency = _compute.sum(own["debit"], min_count=0).as_py(), own["currency"][0].as_py()
        was = debits.get(old["id"], Decimal())
        found.append(
            Problem(
                source_system,
                OPERATION,
                "journal_entry",
                entry["id"],
                f"The entry {entry['number']} ({entry['id']}) was imported with {format_money(was, currency)} on "
                f"{format_month(old['month'])}, and the file has {format_money(now, currency)} and another content: a "
                "posted entry never changes, so correct it by another entry",
                {
                    "was": str(was),
                    "now": str(now),
                    "currency": currency,
                    "document_date": str(entry["document_date"]),
                },
                month=format_month(entry["month"]),
            )
        )
    return found
