"""The import steps in their fixed order: services, invoices, clients, service periods, Notion's pages.

Each reads its source once for all months of the run; rules/sync_management.md names the steps.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.clients import match_clients
from ledger_pipelines.columns import column, kept, mask, present
from ledger_pipelines.defs.invoicing.checks import CHECKS, document_findings, unmatched_clients
from ledger_pipelines.defs.invoicing.results import closed_unchanged, completeness, described
from ledger_pipelines.defs.invoicing.specs import EXTERNAL_IDS, TABLES
from ledger_pipelines.emails import addresses
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months
from ledger_pipelines.orchestration.partitions import MONTHS
from ledger_pipelines.orchestration.resources import (
    FourGeeksResource,
    HoldedResource,
    LedgerResource,
    NotionResource,
)
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import AssetStep, executed_step, not_configured
from ledger_pipelines.sources.notion.client import MissingPropertyError, NotionClient
from ledger_pipelines.sources.records.frames import Reading
from ledger_pipelines.sources.records.lists import ListReading
from ledger_pipelines.store.memberships import keep_client_users, read_client_users
from ledger_pipelines.store.snapshots import read_newest_snapshot
from ledger_pipelines.workflows.imports.documents import fetched_documents, held_documents, write_documents
from ledger_pipelines.workflows.imports.lists import SourceList, judge
from ledger_pipelines.workflows.imports.service_periods import write_periods
from ledger_pipelines.workflows.imports.state import (
    count,
    state_counts,
    write_state,
    written_together,
)
from ledger_pipelines.workflows.imports.vanished import (
    blocking,
    with_vanished_contacts,
    with_vanished_services,
)
from ledger_pipelines.workflows.step import in_months

STUDENTS = SourceList("4geeks", "crm-clients", "students", "4Geeks")
PAGES = SourceList("notion", "notion-external-id", "pages", "Notion")
_SERVICE_ACCOUNTS = "7050"
_Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def _step(name: str, tables: Sequence[str], pool: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An import step as Dagster knows it. Only what reaches outside is tried again."""
    return dg.multi_asset(
        name=name,
        specs=[TABLES[table].spec(table) for table in tables],
        check_specs=[check for check in CHECKS if check.asset_key.to_user_string() in tables],
        partitions_def=MONTHS,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=dg.RetryPolicy(
            max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
        ),
        pool=pool,
    )


@_step("services", ["services"], "holded")
def services(context: dg.AssetExecutionContext, ledger: LedgerResource, holded: HoldedResource) -> _Results:
    """Read Holded's sales channels, keep those that are services."""
    if holded.missing:
        yield from not_configured(context, holded.missing)
        return
    with executed_step(context, ledger, "services") as step:
        with holded.client() as client:
            reading = client.sales_channels()
        frame, notes = with_vanished_services(step, _services_among(reading.frame), reading.frame)
        problems = reading.problems + notes
        changes = write_state(step, "services", frame, key="id", problems=blocking(problems))
        step.record("holded", "services", problems)
        count(step, **state_counts(step, changes, frame, "services"))
        results = [described(step, "services", frame, changes)]
        findings = completeness(step, "services", problems)
    yield from selected(context, ledger, results, findings)


@_step("invoices", ["holded_contacts", "invoices", "invoice_lines", "contracts"], "holded")
def invoices(context: dg.AssetExecutionContext, ledger: LedgerResource, holded: HoldedResource) -> _Results:
    """Read the months' documents and all contacts, and say what the documents change in the contracts."""
    if holded.missing:
        yield from not_configured(context, holded.missing)
        return
    with executed_step(context, ledger, "invoices", history_of="invoices") as step:
        with holded.client() as client:
            channels = client.sales_channels()
            known_services = _known_services(step, channels)
            listed = client.contacts()
            found = client.documents(step.months[0], add_months(step.months[-1], 1))
            contacts, notes = with_vanished_contacts(step, client, listed, found)
            held = held_documents(step)
            fetched = fetched_documents(step, client, found, held)
        of_contacts = listed.problems + notes
        state = write_state(step, "holded_contacts", contacts, key="id", problems=blocking(of_contacts))
        written = write_documents(step, fetched, held, known_services, channels.frame)
        problems = in_months(fetched.problems + written.problems, step.months)
        step.record("holded", "invoices", problems + of_contacts, months=step.months)
        count(step, invoices_processed=found.invoices.num_rows)
        count(step, **state_counts(step, state, contacts, "clients"))
        results = [
            described(step, "holded_contacts", contacts, state),
            *(
                described(step, table, frame, written.changes[table])
                for table, frame in written.frames.items()
            ),
        ]
        findings = completeness(step, "holded_contacts", of_contacts)
        findings += completeness(step, "invoices", fetched.problems)
        findings += closed_unchanged(
            step, "invoices", written.changes["invoices"], written.frames["invoices"]
        )
        findings += document_findings(step, written)
    yield from selected(context, ledger, results, findings)


@_step("clients", ["clients"], "4geeks")
def clients(
    context: dg.AssetExecutionContext, ledger: LedgerResource, fourgeeks: FourGeeksResource
) -> _Results:
    """Read the students and match them to Holded's contacts by e-mail."""
    if fourgeeks.missing:
        yield from not_configured(context, fourgeeks.missing)
        return
    with executed_step(context, ledger, "crm-clients") as step:
        contacts, read_at = _newest(step, "holded_contacts", "invoices"), datetime.now(UTC)
        with fourgeeks.client() as client:
            reading = client.students()
        with written_together(step, "clients"):
            before = read_newest_snapshot(step.connection, "clients")
            trust = judge(
                step.connection,
                STUDENTS,
                reading,
                known=0 if before is None else _matched(before),
                keys=_texts(reading.frame, "id"),
                read_at=read_at,
            )
            remembered = read_client_users(step.connection)
            earlier = None if trust.is_complete else before
            matching = match_clients(contacts, reading.frame, remembered, earlier)
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
        results = [described(step, "clients", frame, changes, clients_matched=matched)]
        findings = completeness(step, "clients", problems) + unmatched_clients(step, frame)
    yield from selected(context, ledger, results, findings)


@_step("enrollments", ["enrollments"], "4geeks")
def enrollments(
    context: dg.AssetExecutionContext, ledger: LedgerResource, fourgeeks: FourGeeksResource
) -> _Results:
    """Read the cohort memberships; each is a service period of the months that it touches."""
    if fourgeeks.missing:
        yield from not_configured(context, fourgeeks.missing)
        return
    with executed_step(context, ledger, "service-periods", history_of="enrollments") as step:
        read_at = datetime.now(UTC)
        with fourgeeks.client() as client:
            reading = client.memberships()
        written = write_periods(step, reading, zone=fourgeeks.settings.zone, read_at=read_at)
        step.record("4geeks", "service-periods", written.problems, is_complete=written.trust.is_whole)
        count(step, memberships_processed=reading.frame.num_rows, periods_processed=written.periods)
        results = [described(step, "enrollments", written.frame, written.changes)]
        findings = completeness(step, "enrollments", written.problems)
        findings += closed_unchanged(step, "enrollments", written.changes, written.frame)
    yield from selected(context, ledger, results, findings)


@_step("external_ids", ["external_ids"], "notion")
def external_ids(
    context: dg.AssetExecutionContext, ledger: LedgerResource, notion: NotionResource
) -> _Results:
    """Read Notion's pages of clients: their ids, and whether a client dropped out or ended."""
    if notion.missing:
        yield from not_configured(context, notion.missing)
        return
    with executed_step(context, ledger, "notion-external-id") as step:
        read_at = datetime.now(UTC)
        with notion.client() as client:
            reading = _pages(step, client)
        frame = reading.frame.select(EXTERNAL_IDS.names)
        with written_together(step, "external_ids"):
            before = read_newest_snapshot(step.connection, "external_ids")
            trust = judge(
                step.connection,
                PAGES,
                reading,
                known=0 if before is None else before.num_rows,
                keys=_texts(frame, "page_id"),
                read_at=read_at,
            )
            changes = write_state(
                step,
                "external_ids",
                frame,
                key="page_id",
                problems=reading.problems,
                is_complete=trust.is_complete,
            )
        problems = [*reading.problems, *trust.problems]
        step.record("notion", "notion-external-id", problems, is_complete=trust.is_whole)
        matched = _clients_among(frame, read_newest_snapshot(step.connection, "clients"))
        count(step, pages_processed=frame.num_rows, clients_matched=matched)
        count(step, **state_counts(step, changes, frame, "external_ids"))
        results = [described(step, "external_ids", frame, changes, clients_matched=matched)]
        findings = completeness(step, "external_ids", problems)
    yield from selected(context, ledger, results, findings)


def _services_among(channels: pa.Table) -> pa.Table:
    return kept(channels, mask(pc.starts_with(column(channels, "account_number"), _SERVICE_ACCOUNTS)))


def _known_services(step: AssetStep, channels: Reading) -> pa.Table:
    """The services as they were read last; those of now, for the step's months, when they never were."""
    known = read_newest_snapshot(step.connection, "services")
    if known is None:
        known = _services_among(channels.frame)
        write_state(step, "services", known, key="id", problems=channels.problems)
        step.record("holded", "services", channels.problems)
    return known


def _texts(frame: pa.Table, name: str) -> frozenset[str]:
    return frozenset(map(str, column(frame, name).to_pylist()))


def _matched(clients: pa.Table) -> int:
    return int(present(column(clients, "student_id")).sum())


def _clients_among(pages: pa.Table, clients: pa.Table | None) -> int:
    """How many pages have an address of a client."""
    if clients is None:
        return 0
    known = {one for email in column(clients, "email").to_pylist() for one in addresses(email)}
    return sum(not known.isdisjoint(addresses(email)) for email in column(pages, "email").to_pylist())


def _pages(step: AssetStep, client: NotionClient) -> ListReading:
    """The pages. Without a property that is needed what is known stays, as incomplete, and the step fails."""
    try:
        return client.pages()
    except MissingPropertyError as error:
        nothing = EXTERNAL_IDS.empty_table()
        write_state(step, "external_ids", nothing, key="page_id", is_complete=False)
        step.record("notion", "notion-external-id", [error.problem], is_complete=False)
        raise


def _newest(step: AssetStep, table: str, reading_step: str) -> pa.Table:
    """The table as it was read last, in whatever month."""
    frame = read_newest_snapshot(step.connection, table)
    if frame is None:
        raise LedgerError(f"The {table} were never read: run `ledger sync --from-step {reading_step}`.")
    return frame
