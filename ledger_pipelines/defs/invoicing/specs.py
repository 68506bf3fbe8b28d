"""What the import steps fill, and what of it was learnt: names, lineage, columns, previews."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import pyarrow as pa

from ledger_pipelines.closing.restatement import IS_PERIOD, IS_REMOVED
from ledger_pipelines.crm.inputs import CLIENTS, PERIODS
from ledger_pipelines.invoicing.contracts import CONTRACTS
from ledger_pipelines.orchestration.presentation import month_asset
from ledger_pipelines.sources.fourgeeks.models import MEMBERSHIPS
from ledger_pipelines.sources.holded.models import CONTACTS, INVOICE_LINES, INVOICES, SALES_CHANNELS
from ledger_pipelines.sources.notion.models import PAGES

EXTERNAL_IDS = pa.schema(
    [
        PAGES.field(name)
        for name in (
            "page_id",
            "name",
            "email",
            "educational_status",
            "drop_date",
            "certificated_at",
            "last_edited_at",
        )
    ]
)
ENROLLMENTS = pa.schema([*PERIODS, MEMBERSHIPS.field("created_at"), IS_REMOVED, IS_PERIOD])


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the import steps: what a row is, what it comes from, and the columns a person sees first."""

    schema: pa.Schema
    description: str
    deps: tuple[str, ...]
    group: str
    kind: str
    preview: tuple[str, ...]

    def spec(self, name: str) -> dg.AssetSpec:
        return month_asset(
            name,
            self.schema,
            self.description,
            deps=self.deps,
            group=self.group,
            kinds=(self.kind, "postgres"),
        )


#: In the order in which they are read; each step's assets depend on those of the step before.
TABLES: dict[str, Table] = {
    "services": Table(
        SALES_CHANNELS,
        "A row is a service as Holded had it when the month was read last: a sales channel whose account is 7050….",
        (),
        "invoicing",
        "holded",
        ("name", "account_number", "id"),
    ),
    "holded_contacts": Table(
        CONTACTS,
        "A row is a contact of Holded: a client whom documents are made out to.",
        ("services",),
        "invoicing",
        "holded",
        ("name", "email", "code", "country_code", "id"),
    ),
    "invoices": Table(
        pa.schema([*INVOICES, IS_REMOVED]),
        "A row is an invoice or credit note in the month of its date; news of a closed month's is in the first open one.",
        ("services",),
        "invoicing",
        "holded",
        ("document_number", "contact_name", "total", "payments_pending", "currency", "date", "document_type"),
    ),
    "invoice_lines": Table(
        INVOICE_LINES,
        "A row is a line of an invoice or credit note; which service it sells is said by its account.",
        ("invoices",),
        "invoicing",
        "holded",
        ("name", "net_amount", "units", "price", "discount", "invoice_id", "line_number"),
    ),
    "contracts": Table(
        CONTRACTS,
        "A row is what a document changes, in a month, in the contracts of a client for a service.",
        ("invoice_lines", "holded_contacts"),
        "invoicing",
        "arrow",
        ("client", "service", "amount", "currency", "document_type", "document_date"),
    ),
    "clients": Table(
        CLIENTS,
        "A row is a contact of Holded with the student of 4Geeks who has one of its addresses.",
        ("contracts",),
        "crm",
        "4geeks",
        ("name", "email", "student_id", "user_id", "contact_id"),
    ),
    "enrollments": Table(
        ENROLLMENTS,
        "A row is a service period that touches the month: a student's membership of a cohort.",
        ("clients",),
        "crm",
        "4geeks",
        ("email", "cohort_slug", "start_date", "end_date", "status", "status_change_date", "id"),
    ),
    "external_ids": Table(
        EXTERNAL_IDS,
        "A row is a client's page in Notion, matched to clients by e-mail.",
        ("enrollments",),
        "crm",
        "notion",
        ("name", "email", "educational_status", "drop_date", "certificated_at", "page_id"),
    ),
}
