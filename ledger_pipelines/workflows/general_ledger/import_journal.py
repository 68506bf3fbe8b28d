"""`ledger import journal`: a CSV journal, posted as it is read (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.imported.csv_journal import CSV, csv_journal, mistakes_of, named_parties
from ledger_pipelines.general_ledger.imported.keys import distinct
from ledger_pipelines.general_ledger.imported.lines import KINDS
from ledger_pipelines.general_ledger.imported.parties import identity
from ledger_pipelines.months import describe_months
from ledger_pipelines.sources.files.journal_csv import read_journal, refuse
from ledger_pipelines.store.accounts import read_accounts
from ledger_pipelines.store.imported_journal import (
    TABLES,
    find_elsewhere,
    find_imported,
    posting_batches,
    read_party_ids,
)
from ledger_pipelines.store.integration_errors import record_problems
from ledger_pipelines.store.months import ensure_months
from ledger_pipelines.store.parties import OF_SOURCE, register_parties
from ledger_pipelines.store.periods import closed_months
from ledger_pipelines.workflows.general_ledger.imported_before import (
    OPERATION,
    conflicts,
    control_accounts_of,
    importing_alone,
    settle_conflicts,
    split_new_and_changed,
)

_compute: Any = pc


@dataclass(frozen=True, slots=True)
class JournalOutcome:
    """What a CSV journal brought: entries, lines of the added, and the debits of the added by currency."""

    name: str
    added: int
    unchanged: int
    lines: int
    months: list[date]
    debits: dict[str, Decimal]


def import_journal(connection: psycopg.Connection, path: Path, *, today: date) -> JournalOutcome:
    """Imports a file, whole or not at all; the connection is in autocommit mode.

    Raises LedgerError where it is refused. Entries that were imported before with other content are integration errors,
    and nothing of the file is written.
    """
    lines = read_journal(path)
    accounts = read_accounts(connection)
    mistakes = mistakes_of(lines, set(distinct(accounts["number"])), today)
    if mistakes:
        refuse(path.name, mistakes)
    controls = control_accounts_of(accounts)
    with importing_alone(connection):
        with connection.transaction(force_rollback=True):
            journal = csv_journal(
                lines, controls, _parties(connection, path.name, named_parties(lines, controls))
            )
            known = find_imported(connection, journal.entries["id"])
        new, differing, before = split_new_and_changed(journal.entries, known)
        problems = conflicts(connection, CSV, differing, before, journal.lines)
        if problems:
            record_problems(connection, CSV, OPERATION, problems, is_complete=False)
            more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
            raise LedgerError(
                f"{path.name} was not imported: {problems[0].message}{more}; see `ledger errors list`."
            )
        elsewhere = find_elsewhere(connection, CSV, new)
        if elsewhere is not None:
            raise LedgerError(
                f"{path.name} was not imported: the ledger has {elsewhere} already, from its own source; a journal that "
                "it exported itself is for other ledgers."
            )
        months = distinct(new["month"])
        closed = sorted(set(months) & closed_months(connection))
        if closed:
            raise LedgerError(
                f"{path.name} has entries in {describe_months(closed)}, which is closed: reopen it with `ledger reopen`, "
                "or date them in an open month; nothing was imported."
            )
        added = journal.lines.filter(_compute.is_in(journal.lines["entry_id"], value_set=new["id"]))
        if new.num_rows:
            ensure_months(connection, TABLES, months)
            with connection.transaction():
                _parties(connection, path.name, named_parties(lines, controls))
                with posting_batches(connection, months) as post:
                    post(new, added)
        settle_conflicts(connection, CSV, distinct(journal.entries["id"]))
    return JournalOutcome(
        path.name,
        new.num_rows,
        journal.entries.num_rows - new.num_rows,
        added.num_rows,
        months,
        _debits(added),
    )


def _parties(
    connection: psycopg.Connection, name: str, named: set[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The party of each: by its id, else by its registration number or name, made where it is new."""
    known = read_party_ids(connection)
    found = {(kind, text): text for kind, text in named if text in known}
    for kind, text in found:
        if text.partition(":")[0] != kind:
            raise LedgerError(f"{name} names the party {text} on a control account of {kind}s.")
    strange = sorted((kind, text) for kind, text in named if text not in known)
    for kind, text in strange:
        if text.partition(":")[0] in KINDS:
            raise LedgerError(
                f"{name} names the party {text}, which is not in `parties`: name a {kind} that is."
            )
    rows = [
        {
            "kind": kind,
            "name": text,
            "registration_number": identity(text, None),
            "source_system": CSV,
            "source_id": text,
            "free_billing_month": False,
        }
        for kind, text in strange
    ]
    for row in register_parties(connection, pa.Table.from_pylist(rows, schema=OF_SOURCE)).to_pylist():
        found[row["kind"], row["source_id"]] = row["party"]
    return found


def _debits(lines: pa.Table) -> dict[str, Decimal]:
    sums: Any = lines.group_by("currency").aggregate([("debit", "sum")]).sort_by("currency")
    return {row["currency"]: row["debit_sum"] or Decimal() for row in sums.to_pylist()}
