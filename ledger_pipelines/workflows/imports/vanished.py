"""Services and contacts that Holded shows no more: what was invoiced with them stays theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from ledger_pipelines.closing.restatement import rows_with, rows_without
from ledger_pipelines.columns import Column, column
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import column_of, constant, records_of, to_arrow, to_pandas
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
    """The services, those with them that were some when they were read last and are none now, and notes about these.

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
    accounts = dict(zip(channels["id"].to_pylist(), channels["account_number"].to_pylist(), strict=True))
    notes = [_service_note(row, accounts) for row in gone.to_pylist()]
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
            retained = rows_with(gone, "id", pa.array(invoiced, pa.string()))
            frame, problems = _both(frame, retained), [_contact_note(row) for row in retained.to_pylist()]
    known = pa.concat_arrays([column(frame, "id"), unreadable])
    unlisted, more = _only_on_documents(client, documents, known, frame.schema)
    return _both(frame, unlisted), problems + more


def _only_on_documents(
    client: HoldedClient, documents: Documents, known: Column, schema: pa.Schema
) -> tuple[pa.Table, list[Problem]]:
    """Contacts that documents name and that are not known."""
    named = to_pandas(documents.invoices.select(["contact_id", "contact_name", "document_number"]))
    named = named.dropna(subset="contact_id").drop_duplicates("contact_id").sort_values("contact_id")
    named = named[~named["contact_id"].isin(column_of(known, None))]
    asked = named["contact_id"].head(_MOST_QUESTIONS).tolist()
    if not asked:
        return schema.empty_table(), []
    reading, answers = client.contacts_by_id(asked)
    unread = named[~named["contact_id"].isin(reading.frame["id"].to_pylist())]
    blank = {name: constant(None, pa.string(), unread) for name in schema.names}
    name = unread["contact_name"].fillna(unread["contact_id"])
    stand_ins = unread.assign(**(blank | {"id": unread["contact_id"], "name": name}))
    problems = [
        Problem(
            _INTEGRATION,
            "invoices",
            "contact",
            row["contact_id"],
            f"The contact {row['contact_id']} of {row['document_number']} is not in Holded's list and "
            + (
                "is gone"
                if row["contact_id"] in answers.gone
                else f"could not be asked for ({answers.why or 'too many'})"
            )
            + ": it has no e-mail to find its student by, so set the document's contact in Holded.",
        )
        for row in records_of(unread)
    ]
    return _both(reading.frame, to_arrow(stand_ins, schema)), problems


def _service_note(row: dict[str, str], accounts: Mapping[Any, Any]) -> Problem:
    """A problem for a service that no longer exists; `accounts` are those of all channels, by id."""
    is_there = row["id"] in accounts
    now = f"has the account {accounts[row['id']]} now" if is_there else "is not in Holded any more"
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
