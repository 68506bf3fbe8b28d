"""What the settings of every source have in common: the variables that it needs, and a client made of them.

Reading them is the caller's act: importing this module reads nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AliasChoices, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger_pipelines.errors import ConfigurationError

if TYPE_CHECKING:
    from ledger_pipelines.sources.base import SourceClient

SETTINGS_CONFIG = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)


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


def _web_address(value: str) -> str:
    if not is_web_address(value):
        raise ValueError("it is not an address; write one like https://host/path")
    return value


def _secret_web_address(value: SecretStr) -> SecretStr:
    _web_address(value.get_secret_value())
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write one like Europe/Madrid") from None
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_web_address)]
Zone = Annotated[str, AfterValidator(_zone)]


class SourceSettings(BaseSettings):
    """What the environment says of one source. Secrets are `SecretStr`, so that no repr shows them.

    A source that lacks one of its required variables is not read; where none of them is set, nobody means to use it.
    """

    model_config = SETTINGS_CONFIG

    #: What steps, jobs and integration errors call the source.
    id: ClassVar[str]
    #: What people call it.
    name: ClassVar[str]
    #: What assets call its resource, where that is not its id.
    resource: ClassVar[str | None] = None
    #: Whether all steps of a process share a client: one login, and one count of the requests.
    is_shared: ClassVar[bool] = False

    url: WebAddress | None

    @property
    @abstractmethod
    def required(self) -> Mapping[str, object]:
        """The variables that the source needs, each with what is set of it."""

    @abstractmethod
    def client(self, timeout: float) -> SourceClient:
        """A client. `timeout` is in seconds. Raises ConfigurationError where a variable is missing or unusable."""

    @property
    def missing(self) -> str | None:
        """The first variable that the source lacks, None where all are set."""
        return next((variable for variable, value in self.required.items() if not value), None)

    @property
    def is_begun(self) -> bool:
        """Whether any required variable is set, so that somebody means to use the source."""
        return any(self.required.values())

    @property
    def is_used(self) -> bool:
        """Whether the source is read. Raises ConfigurationError where only some of its variables are set."""
        if self.is_begun and self.missing is not None:
            raise ConfigurationError(
                f"{self.missing} is not set, and other variables of {self.name} are: set all of "
                f"{', '.join(self.required)}, or none."
            )
        return self.is_begun

    @classmethod
    def url_variable(cls) -> str:
        """The variable that names the source's address."""
        return str(cls.model_fields["url"].validation_alias)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The settings that hold in this directory. Raises ConfigurationError."""
        try:
            return cls(_env_file=directory / ".env")
        except ValidationError as error:
            raise unusable(cls, error) from None


def unusable(
    settings: type[BaseSettings], error: ValidationError, expected: Mapping[str, str] | None = None
) -> ConfigurationError:
    """The first thing that is wrong with these settings, with its variable; `expected` says what to write there."""
    first = error.errors(include_input=False)[0]
    variable = ".".join(map(str, first["loc"]))
    reason = (expected or {}).get(variable, first["msg"].removeprefix("Value error, "))
    return ConfigurationError(f"{_with_other_names(settings, variable)} cannot be used: {reason}.")


def _with_other_names(settings: type[BaseSettings], variable: str) -> str:
    for field in settings.model_fields.values():
        names = field.validation_alias.choices if isinstance(field.validation_alias, AliasChoices) else []
        if variable in names:
            others = ", ".join(str(name) for name in names if name != variable)
            return f"{variable} (or {others})"
    return variable


def secret_text(secret: SecretStr | None) -> str | None:
    """The secret itself."""
    return None if secret is None else secret.get_secret_value()
