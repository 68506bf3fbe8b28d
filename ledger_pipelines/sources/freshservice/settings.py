"""Where Freshservice is, and our key to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.settings import SourceSettings, WebAddress

if TYPE_CHECKING:
    from ledger_pipelines.sources.freshservice.client import FreshserviceClient


class FreshserviceSettings(SourceSettings):
    """One Freshservice account. Where it is set, ticket hours are its time entries (rules/billing.md, Ticket hours)."""

    id = "freshservice"
    name = "Freshservice"
    is_shared = True

    url: WebAddress | None = Field(None, validation_alias="FRESHSERVICE_URL")
    api_key: SecretStr | None = Field(None, validation_alias="FRESHSERVICE_API_KEY")

    @property
    def required(self) -> Mapping[str, object]:
        return {"FRESHSERVICE_URL": self.url, "FRESHSERVICE_API_KEY": self.api_key}

    def client(self, timeout: float) -> FreshserviceClient:
        from ledger_pipelines.sources.freshservice.client import FreshserviceClient

        if self.url is None or self.api_key is None:
            raise ConfigurationError(
                f"{self.missing} is not set: set FRESHSERVICE_URL, such as https://company.freshservice.com, and "
                "FRESHSERVICE_API_KEY, or neither."
            )
        return FreshserviceClient(self.url, self.api_key.get_secret_value(), timeout=timeout)
