"""Where Holded is, and our key to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.settings import SourceSettings, WebAddress

if TYPE_CHECKING:
    from ledger_pipelines.sources.holded.client import HoldedClient


class HoldedSettings(SourceSettings):
    """One account of Holded. Its requests are counted together, so that all steps share a client."""

    id = "holded"
    name = "Holded"
    is_shared = True

    url: WebAddress = Field("https://api.holded.com/api/invoicing/v1", validation_alias="HOLDED_URL")
    api_key: SecretStr | None = Field(None, validation_alias="HOLDED_API_KEY")

    @property
    def required(self) -> Mapping[str, object]:
        return {"HOLDED_API_KEY": self.api_key}

    def client(self, timeout: float) -> HoldedClient:
        from ledger_pipelines.sources.holded.client import HoldedClient

        if self.api_key is None:
            raise ConfigurationError(
                "HOLDED_API_KEY is not set: it comes from Holded's settings, under developers."
            )
        return HoldedClient(self.url, self.api_key.get_secret_value(), timeout=timeout)
