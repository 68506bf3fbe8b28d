"""What assets reach outside Dagster: the ledger's database and the sources, as the environment says."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Generic, TypeVar

import dagster as dg

from ledger_pipelines.connections import OpensClient, cfo_database, ledger_database, source_client
from ledger_pipelines.settings import Settings, read_settings, read_source
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.sources.datto.settings import DattoSettings
from ledger_pipelines.sources.fourgeeks.settings import FourGeeksSettings
from ledger_pipelines.sources.freshservice.settings import FreshserviceSettings
from ledger_pipelines.sources.holded.settings import HoldedSettings
from ledger_pipelines.sources.notion.settings import NotionSettings
from ledger_pipelines.sources.registry import SOURCES
from ledger_pipelines.sources.settings import SourceSettings
from ledger_pipelines.store.database import Database

C = TypeVar("C")
S_co = TypeVar("S_co", covariant=True)


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


class SourceResource(dg.ConfigurableResource[Any], Generic[S_co]):
    """A source by its settings, `SourceResource[HoldedSettings]`.

    Its addresses and secrets never enter a run's config.
    """

    @property
    def settings(self) -> S_co:
        """What the environment says of the source now."""
        (source,) = type(self).__pydantic_generic_metadata__["args"]
        found: S_co = read_source(source)
        return found

    @property
    def missing(self: SourceResource[SourceSettings]) -> str | None:
        """The variable that the source lacks, None where all are set."""
        return self.settings.missing

    def client(self: SourceResource[OpensClient[C]]) -> C:
        """A client of the source. Raises ConfigurationError where it is not configured."""
        return source_client(read_settings(), self.settings)


CodexResource = SourceResource[CodexSettings]
DattoResource = SourceResource[DattoSettings]
FourGeeksResource = SourceResource[FourGeeksSettings]
FreshserviceResource = SourceResource[FreshserviceSettings]
HoldedResource = SourceResource[HoldedSettings]
NotionResource = SourceResource[NotionSettings]


def environment_resources() -> dict[str, dg.ConfigurableResource[Any]]:
    """A resource for each system that the environment names, by the name that assets ask for it."""
    sources = {source.resource or source.id: SourceResource[source]() for source in SOURCES}  # type: ignore[valid-type]
    return {"ledger": LedgerResource(), "cfo": CfoResource(), **sources}
