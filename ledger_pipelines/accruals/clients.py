"""Clients: the contacts that invoices are made out to, and the students that they are in 4Geeks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import folded
from ledger_pipelines.accruals.inputs import CLIENTS, CONTACTS, STUDENTS
from ledger_pipelines.columns import column, fitted, kept, positions, present, take


def match_clients(contacts: pa.Table, students: pa.Table) -> pa.Table:
    """Every contact (CONTACTS) as a client (CLIENTS), with the student (STUDENTS) of the same e-mail, if any.

    Case and surrounding space do not matter (rules/sync_management.md). Of several students with one e-mail
    the newest is taken: by `created_at` (one without is the oldest), then by id. A contact without e-mail is
    nobody's. Clients come by contact_id. Raises FrameError when a column is missing or of a wrong type.
    """
    known = fitted("frame of contacts", contacts, CONTACTS).sort_by("id")
    found = fitted("frame of students", students, STUDENTS)
    found = found.set_column(found.column_names.index("email"), "email", folded(column(found, "email")))
    found = kept(found, present(column(found, "email")))
    order = pc.sort_indices(found, [("created_at", "descending"), ("id", "descending")])
    newest = found.take(order)
    emails = folded(column(known, "email"))
    at = positions(emails, column(newest, "email")) if newest.num_rows else np.full(len(emails), -1)
    columns = [
        column(known, "id"),
        column(known, "name"),
        emails,
        take(column(newest, "id"), at),
        take(column(newest, "user_id"), at),
    ]
    return pa.Table.from_arrays(columns, schema=CLIENTS)
