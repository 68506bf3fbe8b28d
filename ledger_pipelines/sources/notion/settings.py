"""Where Notion is, our token, and the database of clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.settings import SourceSettings, WebAddress

if TYPE_CHECKING:
    from ledger_pipelines.sources.notion.client import NotionClient


class NotionSettings(SourceSettings):
    """One database of Notion."""

    id = "notion"
    name = "Notion"

    url: WebAddress = Field("https://api.notion.com/v1", validation_alias="NOTION_URL")
    token: SecretStr | None = Field(None, validation_alias="NOTION_TOKEN")
    database_id: str | None = Field(None, validation_alias="NOTION_DATABASE_ID")

    @property
    def required(self) -> Mapping[str, object]:
        return {"NOTION_TOKEN": self.token, "NOTION_DATABASE_ID": self.database_id}

    def client(self, timeout: float) -> NotionClient:
        from ledger_pipelines.sources.notion.client import NotionClient

        if self.token is None or self.database_id is None:
            raise ConfigurationError(
                f"{self.missing} is not set: make an integration in Notion and share the database with it."
            )
        return NotionClient(self.url, self.token.get_secret_value(), self.database_id, timeout=timeout)
