"""Services and contacts that Holded shows no more: what was invoiced with them stays theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.restatement import rows_with, rows_without
from ledger_pipelines.columns import Column, column, filter_rows, positions, present, take
from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import is_doubtful, shrunken_list
from ledger_pipelines.sources.holded.client import Documents, HoldedClient
from ledger_pipelines.sources.records.frames import Reading
from ledger_pipelines.store.integration_errors import take_confirmation
from ledger_pipelines.store.queries.invoices import invoiced_contacts
from ledger_pipelines.store.snapshots import read_newest_snapshot
from ledger_pipelines.workflows.step import Step

#: Contacts that are asked for one by one in a run; Holded takes 250 requests a minute.
_MOST_QUESTIONS = 50
_INTEGRATION = "holded"


def blocking(problems: Iterable[Problem]) -> list[Problem]:
    """Those that are no mere notes."""
    return [problem for problem in problems if problem.is_blocking]


def with_vanished_services(
    step: Step, services: pa.Table, channels: pa.Table
) -> tuple[pa.Table, list[Problem]]:
    """The services, those with them that were services when they were read last and are not now, and notes about these.

    What was invoiced for one that was deleted, or whose account is another now, is not taken back for that. A person
    who ignores the note confirms it.
    """
    before = read_newest_snapshot(step.connection, "services")
    gone = services.slice(0, 0) if before is None else rows_without(before, "id", column(services, "id"))
    if before is None or not gone.num_rows:
        return services, []
    if is_doubtful(before.num_rows, services.num_rows):
        doubted = shrunken_list(
            _INTEGRATION, "services", "Holded", "services", before=before.num_rows, now=services.num_rows
        )
        is_confirmed = take_confirmation(step.connection, doubted)
        return (services, []) if is_confirmed else (_both(services, gone), [doubted])
    notes = [_service_note(row, channels) for row in gone.to_pylist()]
    notes = [note for note in notes if not take_confirmation(step.connection, note)]
    still = pa.array([note.external_id for note in notes], pa.string())
    return _both(services, rows_with(gone, "id", still)), notes


def with_vanished_contacts(
    step: Step, client: HoldedClient, contacts: Reading, documents: Documents
) -> tuple[pa.Table, list[Problem]]:
    """The contacts, and with them those that have invoices and are not in Holded's list, and what is to say of these.

    A contact that was known stays as it was read last. One that only the documents name is asked for by its id; if
    Holded has it no more, it stands there with the name on its documents.
    """
    frame = contacts.frame
    unreadable = pa.array([problem.external_id for problem in contacts.problems], pa.string())
    before = read_newest_snapshot(step.connection, "holded_contacts")
    problems: list[Problem] = []
    if before is not None:
        gone = rows_without(rows_without(before, "id", column(frame, "id")), "id", unreadable)
        doubted = shrunken_list(
            _INTEGRATION, "invoices", "Holded", "contacts", before=before.num_rows, now=frame.num_rows
        )
        is_doubted = is_doubtful(before.num_rows, frame.num_rows + len(unreadable))
        if is_doubted and not take_confirmation(step.connection, doubted):
            frame, problems = _both(frame, gone), [doubted]
        else:
            invoiced = invoiced_contacts(step.connection, column(gone, "id"))
            retained_rows = rows_with(gone, "id", pa.array(invoiced, pa.string()))
            frame, problems = (
                _both(frame, retained_rows),
                [_contact_note(row) for row in retained_rows.to_pylist()],
            )
    known = pa.concat_arrays([column(frame, "id"), unreadable])
    unlisted, more = _only_on_documents(client, documents, known, frame.schema)
    return _both(frame, unlisted), problems + more


def _only_on_documents(
    client: HoldedClient, documents: Documents, known: Column, schema: pa.Schema
) -> tuple[pa.Table, list[Problem]]:
    """Contacts that documents name and that are not known."""
    of_documents = column(documents.invoices, "contact_id")
    is_new = present(of_documents) & (positions(of_documents, known) < 0)
    named_there: list[Any] = (
        column(filter_rows(documents.invoices, is_new), "contact_id").unique().to_pylist()
    )
    wanted: list[str] = sorted(named_there)
    asked = wanted[:_MOST_QUESTIONS]
    if not asked:
        return schema.empty_table(), []
    reading, answers = client.contacts_by_id(asked)
    read = set(column(reading.frame, "id").to_pylist())
    unread = [contact_id for contact_id in wanted if contact_id not in read]
    first = positions(pa.array(unread, pa.string()), of_documents)
    named = take(column(documents.invoices, "contact_name"), first)
    numbers = take(column(documents.invoices, "document_number"), first).to_pylist()
    stand_ins = pa.table(
        {
            "id": pa.array(unread, pa.string()),
            "name": pc.coalesce(named, pa.array(unread, pa.string())),
            **{name: pa.nulls(len(unread), pa.string()) for name in schema.names[2:]},
        }
    ).select(schema.names)
    problems = [
        Problem(
            _INTEGRATION,
            "invoices",
            "contact",
            contact_id,
            f"The contact {contact_id} of {number} is not in Holded's list and "
            + (
                "is gone"
                if contact_id in answers.gone
                else f"could not be asked for ({answers.why or 'too many'})"
            )
            + ": it has no e-mail to find its student by, so set the document's contact in Holded.",
        )
        for contact_id, number in zip(unread, numbers, strict=True)
    ]
    return _both(reading.frame, stand_ins), problems


def _service_note(row: dict[str, str], channels: pa.Table) -> Problem:
    """A problem for a service that no longer exists."""
    at = positions(pa.array([row["id"]]), column(channels, "id"))[0]
    now = (
        f"has the account {channels['account_number'][int(at)]} now"
        if at >= 0
        else "is not in Holded any more"
    )
    return Problem(
        _INTEGRATION,
        "services",
        "service",
        row["id"],
        f"The service {row['name']} ({row['account_number']}) {now}; its invoices count all the same: if they shall "
        "not, ignore this error with a note (`ledger errors ignore`) and run again.",
        is_blocking=False,
    )


def _contact_note(row: dict[str, str]) -> Problem:
    return Problem(
        _INTEGRATION,
        "invoices",
        "contact",
        row["id"],
        f"The contact {row['name']} ({row['email'] or 'no e-mail'}) is not in Holded's list any more, and is kept "
        "for its invoices.",
        is_blocking=False,
    )


def _both(frame: pa.Table, more: pa.Table) -> pa.Table:
    return pa.concat_tables([frame, more.select(frame.column_names).cast(frame.schema)])
