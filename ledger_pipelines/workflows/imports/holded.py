"""The import steps that read Holded: services, and the months' documents, payments and all contacts
(rules/sync_management.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.months import add_months
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.records.frames import Reading
from ledger_pipelines.store.snapshots import read_newest_snapshot
from ledger_pipelines.workflows.imports.documents import fetched_documents, held_documents, write_documents
from ledger_pipelines.workflows.imports.outcome import Imported, ImportedTable
from ledger_pipelines.workflows.imports.payments import fetched_payments
from ledger_pipelines.workflows.imports.state import count, state_counts, write_state
from ledger_pipelines.workflows.imports.vanished import (
    blocking,
    with_vanished_contacts,
    with_vanished_services,
)
from ledger_pipelines.workflows.step import Step, in_months

#: Sales channels are services where their account begins so (rules/accruals.md, Contracts).
_SERVICE_ACCOUNTS = "7050"


@dataclass(frozen=True, slots=True)
class ImportedDocuments(Imported):
    """The tables of the documents, and what is wrong with those that could be read.

    `unclaimed` is money that no contract claims (UNCLAIMED), `unexplained` documents whose lines come to something else
    than their total, without saying why, `unclaimed_payments` those of documents that do not count.
    """

    unclaimed: pa.Table
    unexplained: pa.Table
    unclaimed_payments: pa.Table


def import_services(step: Step, client: HoldedClient) -> Imported:
    """Reads the sales channels and keeps those that are services."""
    reading = client.sales_channels()
    frame, notes = with_vanished_services(step, _services_among(reading.frame), reading.frame)
    problems = reading.problems + notes
    changes = write_state(step, "services", frame, key="id", problems=blocking(problems))
    step.record("holded", "services", problems)
    count(step, **state_counts(step, changes, frame, "services"))
    return Imported({"services": ImportedTable(frame, changes, problems)})


def import_documents(step: Step, client: HoldedClient) -> ImportedDocuments:
    """Reads the months' documents and payments and all contacts, and what the documents change in the contracts."""
    channels = client.sales_channels()
    services = _known_services(step, channels)
    listed = client.contacts()
    found = client.documents(step.months[0], add_months(step.months[-1], 1))
    contacts, notes = with_vanished_contacts(step, client, listed, found)
    held = held_documents(step)
    fetched = fetched_documents(step, client, found, held)
    payments = fetched_payments(step, client, fetched)
    of_contacts = listed.problems + notes
    state = write_state(step, "holded_contacts", contacts, key="id", problems=blocking(of_contacts))
    written = write_documents(step, fetched, held, services, channels=channels.frame, payments=payments.frame)
    problems = in_months(fetched.problems + written.problems, step.months)
    step.record("holded", "invoices", problems + of_contacts, months=step.months)
    of_payments = in_months(payments.problems, step.months) + payments.unclaimed_problems
    step.record("holded", "payments", of_payments, months=step.months)
    count(step, invoices_processed=found.invoices.num_rows)
    count(step, **state_counts(step, state, contacts, "clients"))
    unread = {"invoices": fetched.problems, "invoice_payments": payments.problems}
    documents = {
        table: ImportedTable(frame, written.changes[table], unread.get(table, ()))
        for table, frame in written.frames.items()
    }
    tables = {"holded_contacts": ImportedTable(contacts, state, of_contacts), **documents}
    return ImportedDocuments(tables, written.unclaimed, written.unexplained, payments.unclaimed)


def _services_among(channels: pa.Table) -> pa.Table:
    return channels.filter(pc.starts_with(channels["account_number"], _SERVICE_ACCOUNTS))


def _known_services(step: Step, channels: Reading) -> pa.Table:
    """The services as they were read last; those of now, for the step's months, when they never were."""
    known = read_newest_snapshot(step.connection, "services")
    if known is None:
        known = _services_among(channels.frame)
        write_state(step, "services", known, key="id", problems=channels.problems)
        step.record("holded", "services", channels.problems)
    return known
