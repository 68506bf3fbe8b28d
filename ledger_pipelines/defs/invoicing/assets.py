"""The import steps in their fixed order: services, invoices, clients, service periods, Notion's pages.

Each reads its source once for all months of the run; rules/sync_management.md names the steps.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.clients import match_clients
from ledger_pipelines.accruals.periods import service_periods
from ledger_pipelines.columns import column, kept, mask, positions, present, take
from ledger_pipelines.defs.findings import report
from ledger_pipelines.defs.invoicing.checks import CHECKS, document_findings, unmatched_clients
from ledger_pipelines.defs.invoicing.documents import write_documents
from ledger_pipelines.defs.invoicing.periods import write_periods
from ledger_pipelines.defs.invoicing.specs import EXTERNAL_IDS, TABLES
from ledger_pipelines.defs.invoicing.writing import (
    closed_unchanged,
    completeness,
    count,
    described,
    state_counts,
    write_state,
)
from ledger_pipelines.defs.partitions import MONTHS
from ledger_pipelines.defs.resources import FourGeeksResource, HoldedResource, LedgerResource, NotionResource
from ledger_pipelines.defs.steps import Step, executed_step, in_months, not_configured
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months
from ledger_pipelines.sources.holded import HoldedClient
from ledger_pipelines.store.snapshots import read_newest_snapshot

_SERVICE_ACCOUNTS = "7050"
_Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def _step(name: str, tables: Sequence[str], pool: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An import step as Dagster knows it. Only what reaches outside is tried again."""
    return dg.multi_asset(
        name=name,
        specs=[TABLES[table].spec(table) for table in tables],
        check_specs=[check for check in CHECKS if check.asset_key.to_user_string() in tables],
        partitions_def=MONTHS,
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
        frame = _services_among(reading.frame)
        changes = write_state(step, "services", frame, key="id", problems=reading.problems)
        step.record("holded", "services", reading.problems)
        count(step, **state_counts(step, changes, frame, "services"))
        results = [described(step, "services", frame, changes)]
        findings = completeness(step, "services", reading.problems)
    yield from results
    yield from report(context, findings)


@_step("invoices", ["holded_contacts", "invoices", "invoice_lines", "contracts"], "holded")
def invoices(context: dg.AssetExecutionContext, ledger: LedgerResource, holded: HoldedResource) -> _Results:
    """Read the months' documents and all contacts, and say what the documents change in the contracts."""
    if holded.missing:
        yield from not_configured(context, holded.missing)
        return
    with executed_step(context, ledger, "invoices", history_of="invoices") as step:
        with holded.client() as client:
            known_services = _known_services(step, client)
            contacts = client.contacts()
            found = client.documents(step.months[0], add_months(step.months[-1], 1))
        state = write_state(step, "holded_contacts", contacts.frame, key="id", problems=contacts.problems)
        written = write_documents(step, found, known_services)
        problems = in_months(found.problems + written.problems, step.months)
        step.record("holded", "invoices", problems + contacts.problems, months=step.months)
        count(step, invoices_processed=found.invoices.num_rows)
        count(step, **state_counts(step, state, contacts.frame, "clients"))
        results = [
            described(step, "holded_contacts", contacts.frame, state),
            *(
                described(step, table, frame, written.changes[table])
                for table, frame in written.frames.items()
            ),
        ]
        findings = completeness(step, "holded_contacts", contacts.problems)
        findings += completeness(step, "invoices", found.problems)
        findings += closed_unchanged(
            step, "invoices", written.changes["invoices"], written.frames["invoices"]
        )
        findings += document_findings(step)
    yield from results
    yield from report(context, findings)


@_step("clients", ["clients"], "4geeks")
def clients(
    context: dg.AssetExecutionContext, ledger: LedgerResource, fourgeeks: FourGeeksResource
) -> _Results:
    """Read the students and match them to Holded's contacts by e-mail."""
    if fourgeeks.missing:
        yield from not_configured(context, fourgeeks.missing)
        return
    with executed_step(context, ledger, "crm-clients") as step:
        contacts = _newest(step, "holded_contacts", "invoices")
        with fourgeeks.client() as client:
            reading = client.students()
        frame = match_clients(contacts, reading.frame)
        changes = write_state(step, "clients", frame, key="contact_id")
        step.record("4geeks", "crm-clients", reading.problems)
        matched = int(present(column(frame, "student_id")).sum())
        count(step, students_processed=reading.frame.num_rows, clients_matched=matched)
        count(step, **state_counts(step, changes, frame, "clients"))
        results = [described(step, "clients", frame, changes, clients_matched=matched)]
        findings = completeness(step, "clients", reading.problems) + unmatched_clients(step, frame)
    yield from results
    yield from report(context, findings)


@_step("enrollments", ["enrollments"], "4geeks")
def enrollments(
    context: dg.AssetExecutionContext, ledger: LedgerResource, fourgeeks: FourGeeksResource
) -> _Results:
    """Read the cohort memberships; each is a service period of the months that it touches."""
    if fourgeeks.missing:
        yield from not_configured(context, fourgeeks.missing)
        return
    with executed_step(context, ledger, "service-periods", history_of="enrollments") as step:
        with fourgeeks.client() as client:
            reading = client.memberships()
        periods, wrong = service_periods(reading.frame)
        made = positions(column(periods, "id"), column(reading.frame, "id"))
        periods = periods.append_column("created_at", take(column(reading.frame, "created_at"), made))
        problems = reading.problems + wrong
        frame, changes = write_periods(step, periods, problems)
        step.record("4geeks", "service-periods", problems)
        count(step, memberships_processed=reading.frame.num_rows, periods_processed=periods.num_rows)
        results = [described(step, "enrollments", frame, changes)]
        findings = completeness(step, "enrollments", problems)
        findings += closed_unchanged(step, "enrollments", changes, frame)
    yield from results
    yield from report(context, findings)


@_step("external_ids", ["external_ids"], "notion")
def external_ids(
    context: dg.AssetExecutionContext, ledger: LedgerResource, notion: NotionResource
) -> _Results:
    """Read Notion's pages of clients: their ids, and whether a client dropped out or ended."""
    if notion.missing:
        yield from not_configured(context, notion.missing)
        return
    with executed_step(context, ledger, "notion-external-id") as step:
        with notion.client() as client:
            reading = client.pages()
        frame = reading.frame.select(EXTERNAL_IDS.names)
        changes = write_state(step, "external_ids", frame, key="page_id", problems=reading.problems)
        step.record("notion", "notion-external-id", reading.problems)
        known = read_newest_snapshot(step.connection, "clients")
        emails = None if known is None else column(known, "email").drop_null()
        matched = 0
        if emails is not None:
            matched = int(mask(pc.is_in(column(frame, "email"), value_set=emails, skip_nulls=True)).sum())
        count(step, pages_processed=frame.num_rows, clients_matched=matched)
        count(step, **state_counts(step, changes, frame, "external_ids"))
        results = [described(step, "external_ids", frame, changes, clients_matched=matched)]
        findings = completeness(step, "external_ids", reading.problems)
    yield from results
    yield from report(context, findings)


def _services_among(channels: pa.Table) -> pa.Table:
    return kept(channels, mask(pc.starts_with(column(channels, "account_number"), _SERVICE_ACCOUNTS)))


def _known_services(step: Step, client: HoldedClient) -> pa.Table:
    """The services as they were read last; read now, for the step's months, when they never were."""
    known = read_newest_snapshot(step.connection, "services")
    if known is None:
        reading = client.sales_channels()
        known = _services_among(reading.frame)
        write_state(step, "services", known, key="id", problems=reading.problems)
        step.record("holded", "services", reading.problems)
    return known


def _newest(step: Step, table: str, reading_step: str) -> pa.Table:
    """The table as it was read last, in whatever month."""
    frame = read_newest_snapshot(step.connection, table)
    if frame is None:
        raise LedgerError(f"The {table} were never read: run `ledger sync --from-step {reading_step}`.")
    return frame
