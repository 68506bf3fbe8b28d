"""`/admin/settings`: what the ledger holds, how it is set up, and whether what it needs is there. No secret is shown."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from importlib.metadata import version

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from ledger_pipelines.connections import cfo_database_beside
from ledger_pipelines.console.access import Admin
from ledger_pipelines.console.context import Console, ConsoleDep
from ledger_pipelines.console.dagster import DagsterDep
from ledger_pipelines.console.pages.dagster_links import dagster_address
from ledger_pipelines.console.pages.rendering import page
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.sources.http.redaction import redact_text
from ledger_pipelines.store.queries.cfo_pages import listed_alerts
from ledger_pipelines.store.queries.execution_pages import latest_executions
from ledger_pipelines.store.queries.table_counts import applied_migrations, count_tables, server_version
from ledger_pipelines.tables import TABLES

router = APIRouter(prefix="/admin/settings")

#: What the console stands on.
_PACKAGES = ("ledger-pipelines", "fastapi", "sqlalchemy", "psycopg", "pyarrow", "pandas", "typst")
#: Seconds that the page waits for Dagster's version.
_PATIENCE = 1.5


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as a person sees it: its variable, what is set, and whether something is missing."""

    name: str
    value: str
    is_missing: bool = False


@router.get("")
def show_settings(request: Request, console: ConsoleDep, dagster: DagsterDep, person: Admin) -> HTMLResponse:
    """Counts by table, last runs, alerts, versions, and what is configured."""
    with console.database.connect() as connection:
        counts = count_tables(connection)
        alerts = listed_alerts(connection)
        latest = latest_executions(connection)
        migrations = applied_migrations(connection)
        database_version = server_version(connection)
    dagster_version, away = _dagster_version(dagster)
    versions = {name: version(name) for name in _PACKAGES}
    versions |= {"Python": platform.python_version(), "PostgreSQL": database_version}
    return page(
        request,
        "settings.html",
        person,
        counts=counts,
        described=TABLES,
        alerts=[one for one in alerts if one.cleared_at is None],
        cleared=[one for one in alerts if one.cleared_at is not None],
        latest=latest,
        migrations=migrations,
        versions=versions,
        dagster_version=dagster_version,
        away=away,
        address=dagster_address(request, console, person) if away is None else None,
        sources=_sources(console),
        settings=_settings(console),
    )


def _dagster_version(dagster: Webserver) -> tuple[str | None, str | None]:
    try:
        return replace(dagster, answer_seconds=_PATIENCE).version(), None
    except LedgerError as error:
        return None, str(error)


def _sources(console: Console) -> list[Setting]:
    found = []
    for source in console.settings.sources:
        where = "" if source.url is None else f" at {redact_text(source.url)}"
        missing = source.missing
        found.append(
            Setting(
                source.name,
                f"configured{where}" if missing is None else f"{missing} is not set",
                missing is not None,
            )
        )
    return found


def _settings(console: Console) -> list[Setting]:
    settings = console.settings
    try:
        cfo = cfo_database_beside(console.database, settings)
        cfo_words = "schema cfo of the ledger's" if settings.cfo_database_url is None else cfo.label
    except LedgerError as error:
        cfo_words = str(error)
    rate = settings.reverse_charge_rate
    return [
        Setting("LEDGER_DATABASE_URL", console.database.label),
        Setting("CFO_DATABASE_URL", cfo_words),
        Setting("LEDGER_HOME", str(settings.home)),
        Setting("LEDGER_CURRENCY", settings.currency),
        Setting("LEDGER_TIMEZONE", settings.timezone),
        Setting("LEDGER_ORG_NUMBER", settings.org_number or "the first accounting file's"),
        Setting("LEDGER_REVERSE_CHARGE_RATE", "not set" if rate is None else f"{rate:f} %"),
        Setting("LEDGER_FISCAL_YEAR_START", settings.fiscal_year_start),
        Setting("LEDGER_ALERT_WEBHOOK", "not set" if settings.alert_webhook is None else "set"),
        Setting("LEDGER_JWKS_URL", "Core's" if settings.jwks_url is None else redact_text(settings.jwks_url)),
        Setting("LEDGER_JWT_ISSUER", settings.jwt_issuer),
        Setting("LEDGER_SERVICE_NAME", settings.service_name),
        Setting("LEDGER_TRUSTED_PROXIES", ", ".join(map(str, settings.trusted_proxies)) or "none"),
        Setting("LEDGER_DAGSTER_WEBSERVER_URL", redact_text(settings.dagster_webserver_url)),
        Setting("LEDGER_DAGSTER_PUBLIC_URL", redact_text(settings.dagster_public_url or "not set")),
    ]
