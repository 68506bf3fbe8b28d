"""Entries that were imported before: the same again is nothing, another content is an integration error."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import Problem
from ledger_pipelines.general_ledger.imported.lines import KINDS
from ledger_pipelines.general_ledger.journal import LINES
from ledger_pipelines.money import format_money
from ledger_pipelines.months import format_month
from ledger_pipelines.store.imported_journal import read_document_dates
from ledger_pipelines.store.integration_errors import open_errors, resolve_error
from ledger_pipelines.store.journal import read_lines_of

OPERATION = "import"
#: What two lines with the same effect have alike, beside the party.
_EFFECT = [name for name in LINES.names if name not in ("month", "entry_id", "line", "description", "party")]
_compute: Any = pc


@contextmanager
def importing_alone(connection: psycopg.Connection) -> Iterator[None]:
    """Has one import wait for another: each posts what it did not find in the journal."""
    connection.execute("SELECT pg_advisory_lock(7435, 3)")
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(7435, 3)")


def control_accounts_of(accounts: pa.Table) -> dict[str, list[str]]:
    """The control accounts of customers and of suppliers, as the chart has them."""
    rows = accounts.select(["number", "control"]).to_pylist()
    return {kind: [row["number"] for row in rows if row["control"] == kind] for kind in KINDS}


def split_new_and_changed(entries: pa.Table, known: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The entries that are new, those that are known with other content, and how these are known."""
    if known.num_rows == 0:
        return entries, entries.slice(0, 0), known
    places = _compute.index_in(entries["id"], value_set=known["id"]).combine_chunks()
    is_new = _compute.is_null(places)
    before = known.take(_compute.fill_null(places, 0))
    differs = _compute.and_not(_compute.not_equal(entries["content"], before["content"]), is_new)
    return entries.filter(is_new), entries.filter(differs), before.filter(differs)


def settle_conflicts(connection: psycopg.Connection, source_system: str, ids: Collection[str]) -> None:
    """Resolves what was wrong with these entries, of a file that was taken."""
    for error_id, integration, operation, _, external_id, *_ in open_errors(connection):
        if (integration, operation) == (source_system, OPERATION) and external_id in ids:
            resolve_error(connection, error_id, "Imported as it is in the journal.")


def conflicts(
    connection: psycopg.Connection, source_system: str, entries: pa.Table, before: pa.Table, lines: pa.Table
) -> list[Problem]:
    """A problem for each of these entries that has another effect than it had `before` (`month`, `id`), with both
    amounts; `lines` are those of the entries now.

    A party that one of the two lacks is no other effect: which accounts are control accounts may have become known.
    """
    if entries.num_rows == 0:
        return []
    was, now = _by_entry(read_lines_of(connection, before)), _by_entry(lines)
    dates = read_document_dates(connection, before)
    found = []
    for entry, old in zip(entries.to_pylist(), before.to_pylist(), strict=True):
        old_lines, new_lines = was.get(old["id"], []), now[entry["id"]]
        if dates.get(old["id"]) == entry["document_date"] and _are_alike(old_lines, new_lines):
            continue
        currency = new_lines[0]["currency"]
        debits = [
            sum((line["debit"] or Decimal() for line in side), Decimal()) for side in (old_lines, new_lines)
        ]
        versions = [
            format_money(amount, side[0]["currency"] if side else currency)
            for amount, side in zip(debits, (old_lines, new_lines), strict=True)
        ]
        found.append(
            Problem(
                source_system,
                OPERATION,
                "journal_entry",
                entry["id"],
                f"The entry {entry['number']} ({entry['id']}) was imported with {versions[0]} in "
                f"{format_month(old['month'])}, and the file has {versions[1]} and another content: a posted entry never "
                "changes, so correct it by another entry",
                {
                    "was": str(debits[0]),
                    "now": str(debits[1]),
                    "currency": currency,
                    "document_date": str(entry["document_date"]),
                },
                month=format_month(entry["month"]),
            )
        )
    return found


def _by_entry(lines: pa.Table) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines.sort_by("line").to_pylist():
        found.setdefault(line["entry_id"], []).append(line)
    return found


def _are_alike(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> bool:
    return len(before) == len(now) and all(
        all(old[name] == new[name] for name in _EFFECT)
        and (old["party"] is None or new["party"] is None or old["party"] == new["party"])
        for old, new in zip(before, now, strict=True)
    )
