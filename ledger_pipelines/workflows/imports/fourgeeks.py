"""The import steps that read 4Geeks: clients by their students, and service periods (rules/sync_management.md)."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

import pyarrow as pa

from ledger_pipelines.crm.clients import match_clients
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.store.memberships import keep_client_users, read_client_users
from ledger_pipelines.store.snapshots import read_newest_snapshot
from ledger_pipelines.workflows.imports.lists import SourceList, judge, keys_of
from ledger_pipelines.workflows.imports.outcome import Imported, ImportedTable
from ledger_pipelines.workflows.imports.service_periods import write_periods
from ledger_pipelines.workflows.imports.state import count, state_counts, write_state, written_together
from ledger_pipelines.workflows.step import Step

STUDENTS = SourceList("4geeks", "crm-clients", "students", "4Geeks")


def import_clients(step: Step, client: FourGeeksClient) -> Imported:
    """Reads the students and matches them to Holded's contacts by e-mail.

    Raises LedgerError where Holded's contacts were never read.
    """
    contacts, read_at = _contacts(step), datetime.now(UTC)
    reading = client.students()
    with written_together(step, "clients"):
        before = read_newest_snapshot(step.connection, "clients")
        trust = judge(
            step.connection,
            STUDENTS,
            reading,
            known=0 if before is None else _matched(before),
            keys=keys_of(reading.frame, "id"),
            read_at=read_at,
        )
        remembered = read_client_users(step.connection)
        matching = match_clients(contacts, reading.frame, remembered, None if trust.is_complete else before)
        frame = matching.clients
        keep_client_users(step.connection, matching.users, at=read_at)
        changes = write_state(
            step, "clients", frame, key="contact_id", is_complete=trust.is_complete, keeps_missing=False
        )
    problems = [*reading.problems, *trust.problems, *matching.problems]
    step.record("4geeks", "crm-clients", problems, is_complete=trust.is_whole)
    matched = _matched(frame)
    count(step, students_processed=reading.frame.num_rows, clients_matched=matched)
    count(step, **state_counts(step, changes, frame, "clients"))
    return Imported({"clients": ImportedTable(frame, changes, problems, {"clients_matched": matched})})


def import_service_periods(step: Step, client: FourGeeksClient, *, zone: tzinfo) -> Imported:
    """Reads the cohort memberships; each is a service period of the months that it touches.

    `zone` is the school's, in which cohorts begin and end.
    """
    read_at = datetime.now(UTC)
    reading = client.memberships()
    written = write_periods(step, reading, zone=zone, read_at=read_at)
    step.record("4geeks", "service-periods", written.problems, is_complete=written.trust.is_whole)
    count(step, memberships_processed=reading.frame.num_rows, periods_processed=written.periods)
    return Imported({"enrollments": ImportedTable(written.frame, written.changes, written.problems)})


def _contacts(step: Step) -> pa.Table:
    """Holded's contacts as they were read last, in whatever month."""
    found = read_newest_snapshot(step.connection, "holded_contacts")
    if found is None:
        raise LedgerError("The holded_contacts were never read: run `ledger sync --from-step invoices`.")
    return found


def _matched(clients: pa.Table) -> int:
    return clients.num_rows - clients["student_id"].null_count
