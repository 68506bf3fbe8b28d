"""A school's whole books: Holded, 4Geeks and Notion as small stand-ins, every step from the services to the accruals."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from ledger_pipelines.defs.accruals.assets import accruals
from ledger_pipelines.defs.invoicing.assets import clients, enrollments, external_ids, invoices, services
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG
from ledger_pipelines.orchestration.resources import (
    FourGeeksResource,
    HoldedResource,
    LedgerResource,
    NotionResource,
)
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import close_months
from ledger_pipelines_tests.conftest import SHARED_DATA
from ledger_pipelines_tests.sources.school_servers import (
    DATABASE,
    KEY,
    NOTION_TOKEN,
    TOKEN,
    FourGeeksLike,
    HoldedLike,
    NotionLike,
    running,
)
from ledger_pipelines_tests.unrecorded import unrecorded

INVOICES, CREDITS = "/documents/invoice", "/documents/creditnote"
STUDENTS, MEMBERSHIPS = "/auth/academy/student", "/admissions/academy/cohort/user"
CHANNELS = [
    {"id": "chFS", "name": "ES - Bootcamp", "accountNum": 70500001},
    {"id": "chDAYS", "name": "ES - Membership", "accountNum": 70500002},
    {"id": "chDISC", "name": "Discounts", "accountNum": 70600000},
]
_STEPS = [services, invoices, clients, enrollments, external_ids, accruals]
_KINDS = ("contacts", "invoices", "creditnotes", "students", "memberships", "pages")

Records = Mapping[str, list[dict[str, Any]]]


def case_names() -> list[str]:
    """The cases of `../shared/data/school`; none where the folder is absent."""
    return sorted(file.stem for file in (SHARED_DATA / "school").glob("*.json"))


def case(name: str) -> dict[str, Any]:
    """A case of `../shared/data/school`."""
    found: dict[str, Any] = json.loads((SHARED_DATA / "school" / f"{name}.json").read_text())
    return found


def together(cases: Mapping[str, Records]) -> dict[str, list[dict[str, Any]]]:
    """The records of several cases, by name, in one school. Documents of two cases have the same ids."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}
    for name, records in cases.items():
        for kind in _KINDS:
            own = records.get(kind, [])
            is_document = kind in ("invoices", "creditnotes")
            found[kind] += [one | {"id": f"{name}-{one['id']}"} for one in own] if is_document else own
    return found


def run_steps(first: str, last: str) -> list[str]:
    """Runs every step of the environment's ledger for these months; what failed, in a sentence each."""
    run_id = str(uuid4())
    tags = {
        "dagster/asset_partition_range_start": f"{first}",
        "dagster/asset_partition_range_end": f"{last}",
        ATTENDED_TAG: run_id,
    }
    resources = {
        "ledger": LedgerResource(),
        "holded": HoldedResource(),
        "fourgeeks": FourGeeksResource(),
        "notion": NotionResource(),
    }
    job = dg.Definitions(assets=_STEPS, resources=resources).get_implicit_global_asset_job_def()
    with unrecorded() as instance:
        result = job.execute_in_process(instance=instance, run_id=run_id, tags=tags, raise_on_error=False)
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [str(one.user_failure_data.description if one.user_failure_data else one.error) for one in failed]


class School:
    """A school and its ledger."""

    def __init__(
        self, database: Database, holded: HoldedLike, fourgeeks: FourGeeksLike, notion: NotionLike
    ) -> None:
        self.database, self.holded, self.fourgeeks, self.notion = database, holded, fourgeeks, notion
        with database.connect() as connection:
            connection.execute("INSERT INTO service_terms (service_id, method) VALUES ('chDAYS', 'days')")
        self.says({})

    def says(self, records: Records) -> None:
        """Makes these the records of all systems."""
        everything = {kind: list(records.get(kind, [])) for kind in _KINDS}
        self.holded.lists = {
            "/saleschannels": CHANNELS,
            "/contacts": everything["contacts"],
            INVOICES: everything["invoices"],
            CREDITS: everything["creditnotes"],
        }
        self.fourgeeks.lists = {STUDENTS: everything["students"], MEMBERSHIPS: everything["memberships"]}
        self.notion.pages = everything["pages"]

    def run(self, first: str, last: str) -> list[str]:
        """Runs every step for these months; what failed, in a sentence each."""
        return run_steps(first, last)

    def close(self, *months: str) -> None:
        """Closes these months for good."""
        with self.database.connect() as connection:
            close_months(connection, [date.fromisoformat(f"{month}-01") for month in months], person="Ada")

    def recognised(self, contact: str) -> dict[str, Decimal]:
        """What each month recognised of a client's contracts; months of 0 are left out."""
        rows = self.rows(
            "SELECT to_char(month, 'YYYY-MM'), sum(recognised) FROM monthly_accruals WHERE contact_id = %s "
            "GROUP BY 1 HAVING sum(recognised) <> 0 ORDER BY 1",
            contact,
        )
        return dict(rows)

    def by_month(self) -> dict[tuple[str, str], Decimal]:
        """What each month recognised of each client, by client and month; 0 is left out."""
        rows = self.rows(
            "SELECT contact_id, to_char(month, 'YYYY-MM'), sum(recognised) FROM monthly_accruals "
            "GROUP BY 1, 2 HAVING sum(recognised) <> 0"
        )
        return {(contact, month): amount for contact, month, amount in rows}

    def notices(self, contact: str, month: str) -> list[str]:
        """The kinds of a client's notices in a month."""
        query = "SELECT kind FROM accrual_notices WHERE contact_id = %s AND month = %s ORDER BY 1"
        return [kind for (kind,) in self.rows(query, contact, f"{month}-01")]

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query gives."""
        with self.database.connect() as connection:
            return connection.execute(query, values or None).fetchall()


@contextmanager
def school(database: Database, folder: Path, **settings: str) -> Iterator[School]:
    """A school whose ledger is this database, run in this folder with these settings beside the usual ones."""
    with (
        running(HoldedLike()) as holded,
        running(FourGeeksLike()) as fourgeeks,
        running(NotionLike()) as notion,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(folder)
        for name in ("FOURGEEKS_ACADEMY", "FOURGEEKS_TIMEZONE", "FOURGEEKS_EMAIL", "FOURGEEKS_PASSWORD"):
            patch.delenv(name, raising=False)
        environment = {
            "LEDGER_DATABASE_URL": database.url,
            "HOLDED_URL": holded.url,
            "HOLDED_API_KEY": KEY,
            "FOURGEEKS_URL": fourgeeks.url,
            "FOURGEEKS_TOKEN": TOKEN,
            "NOTION_URL": notion.url,
            "NOTION_TOKEN": NOTION_TOKEN,
            "NOTION_DATABASE_ID": DATABASE,
        }
        for name, value in (environment | settings).items():
            patch.setenv(name, value)
        yield School(database, holded, fourgeeks, notion)
