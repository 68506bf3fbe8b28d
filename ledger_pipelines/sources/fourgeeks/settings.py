"""Where 4Geeks is, how we sign in, and the academies that we read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from ledger_pipelines.sources.settings import SourceSettings, WebAddress, Zone, secret_text

if TYPE_CHECKING:
    from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient


class FourGeeksSettings(SourceSettings):
    """4Geeks, by a token or a login. All steps share a client, so that it logs in once."""

    id = "4geeks"
    name = "4Geeks"
    resource = "fourgeeks"
    is_shared = True

    url: WebAddress = Field("https://breathecode.herokuapp.com/v1", validation_alias="FOURGEEKS_URL")
    token: SecretStr | None = Field(None, validation_alias="FOURGEEKS_TOKEN")
    email: str | None = Field(None, validation_alias="FOURGEEKS_EMAIL")
    password: SecretStr | None = Field(None, validation_alias="FOURGEEKS_PASSWORD")
    academy: str = Field("6", validation_alias="FOURGEEKS_ACADEMY")
    timezone: Zone = Field("Europe/Madrid", validation_alias="FOURGEEKS_TIMEZONE")

    @property
    def required(self) -> Mapping[str, object]:
        return {
            "FOURGEEKS_TOKEN": self.token or self.email,
            "FOURGEEKS_PASSWORD": self.token or self.password,
        }

    @property
    def zone(self) -> ZoneInfo:
        """The school's time zone, in which cohorts begin and end."""
        return ZoneInfo(self.timezone)

    def client(self, timeout: float) -> FourGeeksClient:
        from ledger_pipelines.sources.fourgeeks.client import FourGeeksClient

        return FourGeeksClient(
            self.url,
            token=secret_text(self.token),
            email=self.email,
            password=secret_text(self.password),
            academy=self.academy,
            timeout=timeout,
        )
