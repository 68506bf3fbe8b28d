"""Settings from the environment, `.env` and `services.json`; the names are in docs/configuration.md.

Reading them is the caller's act: importing this module reads nothing.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode

from ledger_pipelines.errors import ConfigurationError, LedgerError
from ledger_pipelines.months import format_month, parse_month, usable_first_month
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.sources.holded.settings import HoldedSettings
from ledger_pipelines.sources.registry import SOURCES
from ledger_pipelines.sources.settings import (
    SETTINGS_CONFIG,
    SecretWebAddress,
    SourceSettings,
    WebAddress,
    Zone,
    unusable,
)

S = TypeVar("S", bound=SourceSettings)

#: The first month where none is configured; the `ledger` command always configures one.
DEFAULT_FIRST_MONTH = "2024-01"
_FIRST_MONTH = "LEDGER_FIRST_MONTH"
#: What to write, where a type says it in other words.
_EXPECTED = {
    "LEDGER_CURRENCY": "write three capital letters like EUR",
    "LEDGER_FISCAL_YEAR_START": "write the month in which fiscal years begin in two digits, from 01 to 12",
    "LEDGER_SYNC_START_DATE": "write a day as YYYY-MM-DD",
    "LEDGER_REVERSE_CHARGE_RATE": "write the rate in percent, such as 25",
    "LEDGER_METRICS_TOKEN": "write 16 signs or more that nobody guesses",
    "LEDGER_LOG_FORMAT": "write plain or json",
    "LEDGER_KEEP_RUNS_DAYS": "write a whole number of days, from 30 on",
    "LEDGER_HTTP_TIMEOUT": "write the seconds as a whole number from 1 to 3600",
    "LEDGER_TRUSTED_PROXIES": "write addresses or networks with commas between them, such as 127.0.0.1,10.0.0.0/8",
}


class Settings(BaseSettings):
    """Everything that the environment decides. Secrets are `SecretStr`, so that no repr shows them."""

    model_config = SETTINGS_CONFIG

    database_url: SecretStr | None = Field(None, validation_alias="LEDGER_DATABASE_URL")
    cfo_database_url: SecretStr | None = Field(None, validation_alias="CFO_DATABASE_URL")
    alert_webhook: SecretWebAddress | None = Field(None, validation_alias="LEDGER_ALERT_WEBHOOK")
    metrics_token: SecretStr | None = Field(None, validation_alias="LEDGER_METRICS_TOKEN", min_length=16)
    log_format: Literal["plain", "json"] = Field("plain", validation_alias="LEDGER_LOG_FORMAT")
    traces_endpoint: WebAddress | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    home: Path = Field(Path(".ledger"), validation_alias="LEDGER_HOME")
    first_month: str | None = Field(None, validation_alias=_FIRST_MONTH)
    currency: str = Field("USD", validation_alias="LEDGER_CURRENCY", pattern=r"^[A-Z]{3}$")
    timezone: Zone = Field("UTC", validation_alias="LEDGER_TIMEZONE")
    org_number: str | None = Field(None, validation_alias="LEDGER_ORG_NUMBER")
    reverse_charge_rate: Decimal | None = Field(
        None, validation_alias="LEDGER_REVERSE_CHARGE_RATE", ge=0, le=100, max_digits=7, decimal_places=4
    )
    fiscal_year_start: str = Field(
        "01", validation_alias="LEDGER_FISCAL_YEAR_START", pattern=r"^(0[1-9]|1[0-2])$"
    )
    sync_start_date: date | None = Field(None, validation_alias="LEDGER_SYNC_START_DATE")
    keep_runs_days: int | None = Field(None, validation_alias="LEDGER_KEEP_RUNS_DAYS", ge=30, le=36500)
    http_timeout: int = Field(30, validation_alias="LEDGER_HTTP_TIMEOUT", gt=0, le=3600)
    jwks_url: WebAddress | None = Field(None, validation_alias="LEDGER_JWKS_URL")
    jwt_issuer: str = Field("hivematrix-core", validation_alias="LEDGER_JWT_ISSUER")
    service_name: str = Field("ledger", validation_alias="LEDGER_SERVICE_NAME")
    celery_broker: SecretStr | None = Field(None, validation_alias="LEDGER_CELERY_BROKER")
    months_per_run: int | None = Field(None, validation_alias="LEDGER_MONTHS_PER_RUN", gt=0, le=120)
    dagster_yaml: Path | None = Field(None, validation_alias="LEDGER_DAGSTER_YAML")
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (IPv4Network("127.0.0.1"),), validation_alias="LEDGER_TRUSTED_PROXIES"
    )
    dagster_webserver_url: WebAddress = Field(
        "http://127.0.0.1:3000", validation_alias="LEDGER_DAGSTER_WEBSERVER_URL"
    )
    dagster_public_url: WebAddress | None = Field(None, validation_alias="LEDGER_DAGSTER_PUBLIC_URL")
    _sources: tuple[SourceSettings, ...] | None = PrivateAttr(None)

    @property
    def sources(self) -> tuple[SourceSettings, ...]:
        """The settings of every source, in the registry's order."""
        if self._sources is None:
            self._sources = tuple(source() for source in SOURCES)
        return self._sources

    def source(self, kind: type[S]) -> S:
        """The settings of one source, by their class."""
        return next(source for source in self.sources if isinstance(source, kind))

    @property
    def is_without_codex(self) -> bool:
        """Whether this ledger closes without Codex: it is not configured, and Holded is."""
        return self.source(CodexSettings).url is None and self.source(HoldedSettings).missing is None

    def missing_for(self, source_id: str) -> str | None:
        """The variable that this source lacks, None where all are set."""
        return next(source.missing for source in self.sources if source.id == source_id)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The settings that hold in this directory. Raises ConfigurationError with the variable and what is wrong."""
        sources = tuple(source.read(directory) for source in SOURCES)
        try:
            settings = cls(_env_file=directory / ".env")
        except ValidationError as error:
            raise unusable(cls, error, _EXPECTED) from None
        settings._sources = sources
        return settings

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _each_network(cls, value: object) -> object:
        return [one.strip() for one in value.split(",")] if isinstance(value, str) else value

    @field_validator("home")
    @classmethod
    def _leads_somewhere(cls, value: Path) -> Path:
        try:
            value.resolve()
        except (OSError, RuntimeError):
            raise ValueError(f"{value} is a link that leads to itself") from None
        return value

    @field_validator("sync_start_date", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        # A number would be taken for the seconds since 1970.
        if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError("it is no day")
        return value

    @field_validator("first_month")
    @classmethod
    def _usable_month(cls, value: str | None) -> str | None:
        try:
            return value if value is None else format_month(usable_first_month(parse_month(value)))
        except LedgerError as error:
            raise ValueError(str(error).removesuffix(".")) from None

    def first_month_on(self, today: date) -> date:
        """The first month of a new ledger: the setting, else the January two years before `today`.

        Raises ConfigurationError where the setting is a month that has not begun.
        """
        if self.first_month is None:
            return date(today.year - 2, 1, 1)
        try:
            return usable_first_month(parse_month(self.first_month), today)
        except LedgerError as error:
            raise ConfigurationError(f"{_FIRST_MONTH} cannot be used: {error}") from None


def read_settings(directory: Path | None = None) -> Settings:
    """The settings that hold in this directory (the working directory when None).

    Raises ConfigurationError with the variable's name and what is wrong with it.
    """
    here = directory or Path.cwd()
    _refuse_unreadable(here / ".env")
    return Settings.read(here)


def read_source(kind: type[S]) -> S:
    """The settings of one source, as `read_settings` gives them: without the others, in a sixth of the time.

    Raises ConfigurationError with the variable's name and what is wrong with it.
    """
    here = Path.cwd()
    _refuse_unreadable(here / ".env")
    return kind.read(here)


def _refuse_unreadable(path: Path) -> None:
    """Raises ConfigurationError where a `.env` is there and is no text that can be read."""
    if path.is_dir():
        raise ConfigurationError(
            f"{path} is a folder: the settings' file has this name, so give the folder another."
        )
    try:
        text = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        readable = "\0" not in text.decode()
    except UnicodeDecodeError:
        readable = False
    if not readable:
        raise ConfigurationError(f"{path} is not UTF-8 text: save it again as UTF-8, comments, too.")
