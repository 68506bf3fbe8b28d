"""The steps that read 4Geeks and Notion, run in this process against small stand-ins and a database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import dagster as dg
import pyarrow as pa
import pytest

from ledger_pipelines.closing.restatement import in_month
from ledger_pipelines.defs.invoicing.assets import clients, enrollments, external_ids
from ledger_pipelines.invoicing.service_periods import present_periods
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG
from ledger_pipelines.orchestration.resources import FourGeeksResource, LedgerResource, NotionResource
from ledger_pipelines.store.copy import read_table, table_schema
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ListedError, list_errors
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.store.queries.enrolled import read_enrolled
from ledger_pipelines.store.snapshots import read_newest_snapshot, read_times, record_snapshot
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.sources.school_records import membership
from ledger_pipelines_tests.sources.school_servers import FourGeeksLike, NotionLike
from ledger_pipelines_tests.unrecorded import unrecorded

STUDENT_PATH, MEMBERSHIP_PATH = "/auth/academy/student", "/admissions/academy/cohort/user"
STEPS = {"clients": clients, "enrollments": enrollments, "external_ids": external_ids}


def case(name: str) -> dict[str, Any]:
    """A case of `../shared/data/school`."""
    file = SHARED_DATA / "school" / f"{name}.json"
    if not file.is_file():
        pytest.skip("../shared/data/school is not here")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def memberships(*numbers: int, **more: Any) -> list[dict[str, Any]]:
    """Memberships with these ids, each of a user of its own."""
    return [
        membership(number, user={"id": number, "email": f"{number}@x.test"}, **more) for number in numbers
    ]


class SchoolLedger:
    """A ledger of one school, and what 4Geeks and Notion say at present."""

    def __init__(self, database: Database, fourgeeks: FourGeeksLike, notion: NotionLike) -> None:
        self.database = database
        self.fourgeeks = fourgeeks
        self.notion = notion
        fourgeeks.lists = {STUDENT_PATH: [], MEMBERSHIP_PATH: []}

    def says(self, records: dict[str, Any]) -> None:
        """Makes what all systems have these records; the contacts were read in 2024-12."""
        self.fourgeeks.lists = {
            STUDENT_PATH: list(records.get("students", [])),
            MEMBERSHIP_PATH: list(records.get("memberships", [])),
        }
        self.notion.pages = list(records.get("pages", []))
        self.has_contacts(*((one["id"], one["email"]) for one in records.get("contacts", [])))

    def has_contacts(self, *contacts: tuple[str, str | None]) -> None:
        """Makes these the contacts of Holded: ids and e-mails."""
        rows = [{"id": number, "name": number, "email": email} for number, email in contacts]
        month = date(2024, 12, 1)
        with self.database.connect() as connection:
            schema = table_schema(connection, "holded_contacts")
            bare = pa.schema([field for field in schema if field.name != "month"])
            frame = in_month(pa.Table.from_pylist(rows, bare), month)
            replace_month(connection, "holded_contacts", [month], frame)
            record_snapshot(
                connection, "holded_contacts", [month], taken_at=datetime.now(UTC), is_complete=True
            )

    @property
    def memberships(self) -> list[dict[str, Any]]:
        """What 4Geeks has, to be changed by a test."""
        return self.fourgeeks.lists[MEMBERSHIP_PATH]

    def read(self, step: str, first: str = "2024-01", last: str | None = None) -> str | None:
        """Runs a step for the months from `first` to `last`; what it failed with, None where it did not."""
        ends = {"start": first, "end": last or first}
        run_id = str(uuid4())
        tags = {f"dagster/asset_partition_range_{end}": month for end, month in ends.items()}
        job = dg.Definitions(
            assets=[STEPS[step]],
            resources={
                "ledger": LedgerResource(),
                "fourgeeks": FourGeeksResource(),
                "notion": NotionResource(),
            },
        ).get_implicit_global_asset_job_def()
        with unrecorded() as instance:
            result = job.execute_in_process(
                instance=instance,
                # Somebody waits for it, so that a failure is not tried again after a minute.
                tags=tags | {ATTENDED_TAG: run_id},
                run_id=run_id,
                raise_on_error=False,
            )
            if result.success:
                return None
            [failure] = [event for event in result.all_events if event.is_step_failure]
            told = failure.step_failure_data
            return str(told.user_failure_data.description if told.user_failure_data else told.error)

    def close(self, *months: str) -> None:
        """Closes these months for good."""
        with self.database.connect() as connection:
            close_months(connection, [date.fromisoformat(f"{month}-01") for month in months], person="ana")

    def periods(self) -> list[dict[str, Any]]:
        """The service periods as the rule gets them, by id."""
        with self.database.connect() as connection:
            rows, times = read_table(connection, "enrollments"), read_times(connection, "enrollments")
        found: list[dict[str, Any]] = present_periods(rows, times).sort_by("id").to_pylist()
        return found

    def spans(self) -> list[tuple[int, date, date, str, date | None]]:
        """Id, start, end, status and its date of each service period."""
        names = ("id", "start_date", "end_date", "status", "status_change_date")
        return [tuple(row[name] for name in names) for row in self.periods()]  # type: ignore[misc]

    def state(self, table: str) -> list[dict[str, Any]]:
        """The table as it was read last."""
        with self.database.connect() as connection:
            frame = read_newest_snapshot(connection, table)
        return [] if frame is None else frame.to_pylist()

    def users(self) -> dict[str, int | None]:
        """The user of each client."""
        return {row["contact_id"]: row["user_id"] for row in self.state("clients")}

    def enrolled(self) -> set[tuple[int | None, str | None]]:
        """Who is enrolled at all."""
        with self.database.connect() as connection:
            frame = read_enrolled(connection)
        return {(row["user_id"], row["email"]) for row in frame.to_pylist()}

    def is_complete(self, table: str) -> bool | None:
        """Whether the newest reading of a table is complete; None where there is none."""
        with self.database.connect() as connection:
            row = connection.execute(
                "SELECT is_complete FROM month_snapshots WHERE table_name = %s "
                "ORDER BY snapshot_at DESC, month DESC LIMIT 1",
                [table],
            ).fetchone()
        return None if row is None else bool(row[0])

    def errors(self) -> list[ListedError]:
        """The integration errors that are open."""
        with self.database.connect() as connection:
            return [error for error in list_errors(connection) if error.status == "open"]

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """The rows of a query."""
        with self.database.connect() as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]
