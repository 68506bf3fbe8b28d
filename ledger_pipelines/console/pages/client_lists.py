"""A company's devices and people in the newest snapshot, with the type that is detected and the one that is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
from starlette.datastructures import QueryParams

from ledger_pipelines.billing.devices import device_types
from ledger_pipelines.billing.users import user_types
from ledger_pipelines.console.listing import Heading, Listing, fetch, read_state, searched
from ledger_pipelines.frames import Series, to_pandas, trimmed
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import list_rows
from ledger_pipelines.store.edits.tables import OVERRIDES, Editable
from ledger_pipelines.store.queries.client_records import SnapshotCompany, devices_of, people_of
from ledger_pipelines.tables.table import BOOLEAN, TEXT
from ledger_pipelines.workflows.client_settings import holding

DEVICES = (
    Heading("hostname", "Device"),
    Heading("id", "Id", is_number=True),
    Heading("hardware_type", "Hardware"),
    Heading("device_type", "Kind"),
    Heading("detected", "Detected as", is_sortable=False, line="as what it is billed where nothing is set"),
    Heading("set", "Set", is_sortable=False, line="as what people have said it is billed"),
    Heading("edit", "Edit", is_sortable=False),
)
PEOPLE = (
    Heading("name", "Person"),
    Heading("id", "Id", is_number=True),
    Heading("email", "Address"),
    Heading("active", "Active"),
    Heading(
        "detected", "Detected as", is_sortable=False, line="whether they are billed where nothing is set"
    ),
    Heading("set", "Set", is_sortable=False, line="how people have said they are billed"),
    Heading("edit", "Edit", is_sortable=False),
)


def device_list(database: Database, company: SnapshotCompany, query: QueryParams) -> Listing:
    """The page of the company's devices that the address says."""
    state = read_state(query, DEVICES, sort="hostname", extra={"part": "devices"})
    devices = devices_of(company)
    columns = devices.selected_columns
    found = searched(state, *(columns[name] for name in ("hostname", "id", "hardware_type", "device_type")))
    listing = fetch(database, devices.where(found), DEVICES, state, columns.id)
    frame = _frame(listing.rows, {"hardware_type": TEXT, "device_type": TEXT, "billing_type": TEXT})
    detected = device_types(frame, trimmed(frame["billing_type"]))
    return _with_types(database, listing, detected, OVERRIDES["asset"], company.month)


def people_list(database: Database, company: SnapshotCompany, query: QueryParams) -> Listing:
    """The page of the company's people that the address says."""
    state = read_state(query, PEOPLE, sort="name", extra={"part": "people"})
    people = people_of(company)
    columns = people.selected_columns
    found = searched(state, *(columns[name] for name in ("name", "id", "email")))
    listing = fetch(database, people.where(found), PEOPLE, state, columns.id)
    frame = _frame(listing.rows, {"active": BOOLEAN, "written": TEXT})
    detected = user_types(frame, frame["written"])
    return _with_types(database, listing, detected, OVERRIDES["user"], company.month)


def _frame(rows: Sequence[Row], kinds: Mapping[str, pa.DataType]) -> Any:
    return to_pandas(
        pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()})
    )


def _with_types(
    database: Database, listing: Listing, detected: Series, editable: Editable, month: date
) -> Listing:
    """The rows with `detected`, `overrides` (all that were set of it) and `held`, the one that holds."""
    key = editable.key[0]
    overrides: dict[int, list[Row]] = {}
    for override in list_rows(database, editable, **{key: [row["id"] for row in listing.rows]}):
        overrides.setdefault(override[key], []).append(override)
    rows = [
        {
            **row,
            "detected": kind,
            "overrides": overrides.get(row["id"], []),
            "held": holding(overrides.get(row["id"], []), month),
        }
        for row, kind in zip(listing.rows, detected.tolist(), strict=True)
    ]
    return replace(listing, rows=rows)
