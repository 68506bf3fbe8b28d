"""What assets reach outside Dagster: the ledger's database and the sources, as the environment says."""

from __future__ import annotations

from functools import cached_property
from zoneinfo import ZoneInfo

import dagster as dg

from ledger_pipelines.connections import (
    cfo_database,
    codex_client,
    fourgeeks_client,
    holded_client,
    ledger_database,
    notion_client,
)
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.sources.codex.client import CodexClient
from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient
from ledger_pipelines.sources.holded.client import HoldedClient
from ledger_pipelines.sources.notion.client import NotionClient
from ledger_pipelines.store.database import Database


class LedgerResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """The ledger's database and settings, read when a run first needs them."""

    @cached_property
    def settings(self) -> Settings:
        return read_settings()

    @cached_property
    def database(self) -> Database:
        return ledger_database(self.settings)


class CfoResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """The database with the CFO's transactions, as the environment says."""

    @cached_property
    def database(self) -> Database:
        return cfo_database(read_settings())

    @property
    def webhook(self) -> str | None:
        """Where alerts are posted to, if anywhere."""
        secret = read_settings().alert_webhook
        return None if secret is None else secret.get_secret_value()


class CodexResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """HiveMatrix Codex, with Core's service tokens. Its addresses and secrets never enter a run's config."""

    @property
    def is_left_out(self) -> bool:
        """Whether this ledger closes without Codex: it is not configured, and another source is."""
        settings = read_settings()
        return settings.codex_url is None and settings.missing_for("holded") is None

    def client(self) -> CodexClient:
        return codex_client(read_settings())


class HoldedResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """Holded, where it is configured; `missing` names the variable that it lacks."""

    @property
    def missing(self) -> str | None:
        return read_settings().missing_for("holded")

    def client(self) -> HoldedClient:
        return holded_client(read_settings())


class FourGeeksResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """4Geeks, where it is configured; `missing` names the variable that it lacks."""

    @property
    def missing(self) -> str | None:
        return read_settings().missing_for("4geeks")

    @property
    def zone(self) -> ZoneInfo:
        """The school's time zone, in which cohorts begin and end."""
        return ZoneInfo(read_settings().fourgeeks_timezone)

    def client(self) -> FourGeeksClient:
        return fourgeeks_client(read_settings())


class NotionResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """Notion, where it is configured; `missing` names the variable that it lacks."""

    @property
    def missing(self) -> str | None:
        return read_settings().missing_for("notion")

    def client(self) -> NotionClient:
        return notion_client(read_settings())


def environment_resources() -> dict[str, dg.ConfigurableResource]:  # type: ignore[type-arg]  # of several kinds
    """A resource for each system that the environment names, by the name that assets ask for it."""
    return {
        "ledger": LedgerResource(),
        "cfo": CfoResource(),
        "codex": CodexResource(),
        "holded": HoldedResource(),
        "fourgeeks": FourGeeksResource(),
        "notion": NotionResource(),
    }
