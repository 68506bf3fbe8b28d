"""The import steps in their fixed order: services, invoices, clients, service periods, Notion's pages.

Each reads its source once for all months of the run; rules/sync_management.md names the steps.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from ledger_pipelines.defs.invoicing.checks import CHECKS, document_findings, unmatched_clients
from ledger_pipelines.defs.invoicing.results import READ_COMPLETELY, closed_unchanged, completeness, described
from ledger_pipelines.defs.invoicing.specs import import_spec
from ledger_pipelines.orchestration.findings import Finding
from ledger_pipelines.orchestration.partitions import BACKFILL_POLICY, MONTHS
from ledger_pipelines.orchestration.presentation import source_of
from ledger_pipelines.orchestration.selection import selected
from ledger_pipelines.orchestration.steps import executed_step, not_configured
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.fourgeeks.settings import FourGeeksSettings
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines.store.queries.periods import CLOSED_UNCHANGED
from ledger_pipelines.workflows.imports.fourgeeks import import_clients, import_service_periods
from ledger_pipelines.workflows.imports.holded import import_documents, import_services
from ledger_pipelines.workflows.imports.notion import import_pages
from ledger_pipelines.workflows.imports.outcome import Imported
from ledger_pipelines.workflows.step import Step

#: The pool of each source's requests, where it is not named like the resource.
_POOLS = {"fourgeeks": "4geeks"}
#: Reads with the source's client, writes, and says what it found beside what every import checks.
_Import = Callable[[Step, Any, Settings], tuple[Imported, list[Finding]]]


def _import_asset(
    step_name: str, *, source: str, tables: Sequence[str], history_of: str | None = None
) -> Callable[[_Import], dg.AssetsDefinition]:
    """An import step: read the source once, write the months, show each table and check it.

    `step_name` is its name in sync_executions, `source` that of its resource, whose client the function is given. Only
    what reaches outside is tried again.
    """
    checks = [check for check in CHECKS if check.asset_key.to_user_string() in tables]
    made = {(check.asset_key.to_user_string(), check.name) for check in checks}

    def decorate(read: _Import) -> dg.AssetsDefinition:
        @dg.multi_asset(
            name=read.__name__,
            description=read.__doc__,
            specs=[import_spec(table).merge_attributes(metadata=source_of(read)) for table in tables],
            check_specs=checks,
            required_resource_keys={"ledger", source},
            partitions_def=MONTHS,
            can_subset=True,
            backfill_policy=BACKFILL_POLICY,
            retry_policy=dg.RetryPolicy(
                max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
            ),
            pool=_POOLS.get(source, source),
        )
        def import_step(
            context: dg.AssetExecutionContext,
        ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
            ledger, resource = context.resources.ledger, getattr(context.resources, source)
            if resource.missing:
                yield from not_configured(context, ledger, step_name, resource.missing)
                return
            with executed_step(context, ledger, step_name, history_of=history_of) as step:
                with resource.client() as client:
                    imported, findings = read(step, client, ledger.settings)
                results = [described(step, table, one) for table, one in imported.tables.items()]
                for table, one in imported.tables.items():
                    if (table, READ_COMPLETELY) in made:
                        findings += completeness(step, table, one.problems)
                    if (table, CLOSED_UNCHANGED) in made:
                        findings += closed_unchanged(step, table, one)
            yield from selected(context, ledger, results, findings)

        return import_step

    return decorate


@_import_asset("services", source="holded", tables=["services"])
def services(step: Step, client: HoldedClient, _: Settings) -> tuple[Imported, list[Finding]]:
    """Read Holded's sales channels, keep those that are services."""
    return import_services(step, client), []


@_import_asset(
    "invoices",
    source="holded",
    tables=["holded_contacts", "invoices", "invoice_lines", "invoice_payments", "contracts"],
    history_of="invoices",
)
def invoices(step: Step, client: HoldedClient, _: Settings) -> tuple[Imported, list[Finding]]:
    """Read the months' documents and payments and all contacts; say what the documents change in the contracts."""
    imported = import_documents(step, client)
    return imported, document_findings(step, imported)


@_import_asset("crm-clients", source="fourgeeks", tables=["clients"])
def clients(step: Step, client: FourGeeksClient, _: Settings) -> tuple[Imported, list[Finding]]:
    """Read the students and match them to Holded's contacts by e-mail."""
    imported = import_clients(step, client)
    return imported, unmatched_clients(step, imported)


@_import_asset("service-periods", source="fourgeeks", tables=["enrollments"], history_of="enrollments")
def enrollments(step: Step, client: FourGeeksClient, settings: Settings) -> tuple[Imported, list[Finding]]:
    """Read the cohort memberships; each is a service period of the months that it touches."""
    return import_service_periods(step, client, zone=settings.source(FourGeeksSettings).zone), []


@_import_asset("notion-external-id", source="notion", tables=["external_ids"])
def external_ids(step: Step, client: NotionClient, _: Settings) -> tuple[Imported, list[Finding]]:
    """Read Notion's pages of clients: their ids, and whether a client dropped out or ended."""
    return import_pages(step, client), []
