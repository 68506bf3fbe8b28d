"""Where Datto RMM is, our key to it, and in which field it says what is backed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.settings import SourceSettings, WebAddress

if TYPE_CHECKING:
    from ledger_pipelines.sources.datto.client import DattoClient


class DattoSettings(SourceSettings):
    """One Datto RMM account. Where it is set, backup data are its devices' (rules/billing.md, Backup).

    `backup_udf` is the number of the user-defined field that has a device's backed-up bytes.
    """

    id = "datto"
    name = "Datto RMM"
    is_shared = True

    url: WebAddress | None = Field(None, validation_alias="DATTO_URL")
    api_key: SecretStr | None = Field(None, validation_alias="DATTO_API_KEY")
    api_secret: SecretStr | None = Field(None, validation_alias="DATTO_API_SECRET")
    backup_udf: int = Field(6, validation_alias="DATTO_BACKUP_UDF", ge=1, le=300)

    @property
    def required(self) -> Mapping[str, object]:
        return {
            "DATTO_URL": self.url,
            "DATTO_API_KEY": self.api_key,
            "DATTO_API_SECRET": self.api_secret,
        }

    def client(self, timeout: float) -> DattoClient:
        from ledger_pipelines.sources.datto.client import DattoClient

        if self.url is None or self.api_key is None or self.api_secret is None:
            raise ConfigurationError(
                f"{self.missing} is not set: set DATTO_URL, such as https://pinotage-api.centrastage.net, DATTO_API_KEY "
                "and DATTO_API_SECRET, or none of them."
            )
        return DattoClient(
            self.url,
            self.api_key.get_secret_value(),
            self.api_secret.get_secret_value(),
            self.backup_udf,
            timeout=timeout,
        )
