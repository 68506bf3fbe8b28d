"""Settings from the environment, `.env` and `services.json`; the names are in docs/configuration.md.

Reading them is the caller's act: importing this module reads nothing.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger_pipelines.errors import ConfigurationError, LedgerError
from ledger_pipelines.months import format_month, parse_month, usable_first_month

#: The first month where nothing says otherwise; the `ledger` command always says.
DEFAULT_FIRST_MONTH = "2024-01"
_FIRST_MONTH = "LEDGER_FIRST_MONTH"
#: The sources as the settings name them, and as people do.
SOURCES = {"codex": "Codex", "holded": "Holded", "4geeks": "4Geeks", "notion": "Notion"}

#: What to write, where a type says it in other words.
_EXPECTED = {
    "LEDGER_CURRENCY": "write three capital letters like EUR",
    "LEDGER_HTTP_TIMEOUT": "write the seconds as a whole number from 1 to 3600",
}
_OTHER_NAMES = {"CORE_URL": "CORE_URL (or CORE_SERVICE_URL)"}
_TEXTS = ("url", "api_key")


class Settings(BaseSettings):
    """Everything that the environment decides. Secrets are `SecretStr`, so that no repr shows them."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(None, validation_alias="LEDGER_DATABASE_URL")
    cfo_database_url: SecretStr | None = Field(None, validation_alias="CFO_DATABASE_URL")
    alert_webhook: SecretStr | None = Field(None, validation_alias="LEDGER_ALERT_WEBHOOK")
    home: Path = Field(Path(".ledger"), validation_alias="LEDGER_HOME")
    first_month: str | None = Field(None, validation_alias=_FIRST_MONTH)
    currency: str = Field("USD", validation_alias="LEDGER_CURRENCY", pattern=r"^[A-Z]{3}$")
    timezone: str = Field("UTC", validation_alias="LEDGER_TIMEZONE")
    core_url: str | None = Field(None, validation_alias=AliasChoices("CORE_URL", "CORE_SERVICE_URL"))
    codex_url: str | None = Field(None, validation_alias="CODEX_URL")
    codex_api_key: SecretStr | None = Field(None, validation_alias="CODEX_API_KEY")
    codex_ca_file: Path | None = Field(None, validation_alias="CODEX_CA_FILE")
    holded_url: str = Field("https://api.holded.com/api/invoicing/v1", validation_alias="HOLDED_URL")
    holded_api_key: SecretStr | None = Field(None, validation_alias="HOLDED_API_KEY")
    fourgeeks_url: str = Field("https://breathecode.herokuapp.com/v1", validation_alias="FOURGEEKS_URL")
    fourgeeks_token: SecretStr | None = Field(None, validation_alias="FOURGEEKS_TOKEN")
    fourgeeks_email: str | None = Field(None, validation_alias="FOURGEEKS_EMAIL")
    fourgeeks_password: SecretStr | None = Field(None, validation_alias="FOURGEEKS_PASSWORD")
    fourgeeks_academy: str = Field("6", validation_alias="FOURGEEKS_ACADEMY")
    fourgeeks_timezone: str = Field("Europe/Madrid", validation_alias="FOURGEEKS_TIMEZONE")
    notion_url: str = Field("https://api.notion.com/v1", validation_alias="NOTION_URL")
    notion_token: SecretStr | None = Field(None, validation_alias="NOTION_TOKEN")
    notion_database_id: str | None = Field(None, validation_alias="NOTION_DATABASE_ID")
    http_timeout: int = Field(30, validation_alias="LEDGER_HTTP_TIMEOUT", gt=0, le=3600)

    @field_validator("home")
    @classmethod
    def _leads_somewhere(cls, value: Path) -> Path:
        try:
            value.resolve()
        except (OSError, RuntimeError):
            raise ValueError(f"{value} is a link that leads to itself") from None
        return value

    @field_validator("first_month")
    @classmethod
    def _usable_month(cls, value: str | None) -> str | None:
        try:
            return value if value is None else format_month(usable_first_month(parse_month(value)))
        except LedgerError as error:
            raise ValueError(str(error).removesuffix(".")) from None

    @field_validator("core_url", "codex_url", "holded_url", "fourgeeks_url", "notion_url", "alert_webhook")
    @classmethod
    def _web_address(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and not is_web_address(text):
            raise ValueError("it is not an address; write one like https://host/path")
        return value

    @field_validator("timezone", "fourgeeks_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone; write one like Europe/Madrid") from None
        return value

    def missing_for(self, source: str) -> str | None:
        """The variable that this source lacks, None where all are set. Sources: codex, holded, 4geeks, notion."""
        has_login = self.fourgeeks_email and self.fourgeeks_password
        login = "FOURGEEKS_PASSWORD" if self.fourgeeks_email else "FOURGEEKS_TOKEN"
        variables: dict[str, dict[str, object]] = {
            "codex": {"CODEX_URL": self.codex_url, "CORE_URL": self.core_url or self.codex_api_key},
            "holded": {"HOLDED_API_KEY": self.holded_api_key},
            "4geeks": {login: self.fourgeeks_token or has_login},
            "notion": {"NOTION_TOKEN": self.notion_token, "NOTION_DATABASE_ID": self.notion_database_id},
        }
        return next((name for name, value in variables[source].items() if not value), None)

    def is_begun(self, source: str) -> bool:
        """Whether any variable of this source is set, so that somebody means to use it."""
        variables: dict[str, tuple[object, ...]] = {
            "codex": (self.codex_url, self.core_url, self.codex_api_key),
            "holded": (self.holded_api_key,),
            "4geeks": (self.fourgeeks_token, self.fourgeeks_email, self.fourgeeks_password),
            "notion": (self.notion_token, self.notion_database_id),
        }
        return any(variables[source])

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


def is_web_address(text: str) -> bool:
    """Whether this is an `http` or `https` URL with a host."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False


def read_settings(directory: Path | None = None) -> Settings:
    """The settings that hold in this directory (the working directory when None).

    Raises ConfigurationError with the variable's name and what is wrong with it.
    """
    here = directory or Path.cwd()
    _refuse_unreadable(here / ".env")
    given = _read_services(here / "services.json")
    try:
        environment = Settings(_env_file=here / ".env")
        missing = {name: value for name, value in given.items() if getattr(environment, name) is None}
        return environment.model_copy(update=missing)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        reason = _EXPECTED.get(name, first["msg"].removeprefix("Value error, "))
        raise ConfigurationError(f"{_OTHER_NAMES.get(name, name)} cannot be used: {reason}.") from None


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


def _read_services(path: Path) -> dict[str, Any]:
    """What a HiveMatrix `services.json` says of Core and Codex."""
    if not path.is_file():
        return {}
    try:
        services = json.loads(path.read_text(encoding="utf-8"))
        core, codex = services.get("core", {}), services.get("codex", {})
        for name, value in (
            ("core.url", core.get("url")),
            *((f"codex.{one}", codex.get(one)) for one in _TEXTS),
        ):
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"{path}: {name} is not text: write it in quotes.")
            if value and name.endswith(".url") and not is_web_address(value):
                raise ConfigurationError(
                    f"{path}: {name} is not an address: write one like https://host/path."
                )
        found = {
            "core_url": core.get("url"),
            "codex_url": codex.get("url"),
            "codex_api_key": SecretStr(codex["api_key"]) if codex.get("api_key") else None,
        }
    except (OSError, ValueError, AttributeError, TypeError):
        raise ConfigurationError(
            f'{path} cannot be read: it should look like {{"codex": {{"url": "http://…", "api_key": "…"}}}}.'
        ) from None
    return {name: value for name, value in found.items() if value}
