"""What assets reach outside Dagster: the ledger's database and the sources, as the environment says."""

from __future__ import annotations

from functools import cached_property

import dagster as dg

from ledger_pipelines.environment import codex_client, ledger_database
from ledger_pipelines.settings import Settings, read_settings
from ledger_pipelines.sources.codex import CodexClient
from ledger_pipelines.store.database import Database


class LedgerResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """The ledger's database and settings, read when a run first needs them."""

    @cached_property
    def settings(self) -> Settings:
        return read_settings()

    @cached_property
    def database(self) -> Database:
        return ledger_database(self.settings)


class CodexResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it provides itself
    """HiveMatrix Codex, with Core's service tokens. Its addresses and secrets never enter a run's config."""

    def client(self) -> CodexClient:
        return codex_client(read_settings())


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(
        resources={"ledger": LedgerResource(), "codex": CodexResource()}, executor=dg.in_process_executor
    )
