"""Where Codex and Core are, and how we sign in: from the environment, `.env`, or a HiveMatrix `services.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import AliasChoices, Field, SecretStr

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.settings import SourceSettings, WebAddress, is_web_address, secret_text

if TYPE_CHECKING:
    from ledger_pipelines.sources.codex.client import CodexClient

_SERVICES_FILE = "services.json"
_TEXTS = ("url", "api_key")


class CodexSettings(SourceSettings):
    """Codex, with Core's tokens or a key of its own. The environment wins over the services' file."""

    id = "codex"
    name = "Codex"

    url: WebAddress | None = Field(None, validation_alias="CODEX_URL")
    core_url: WebAddress | None = Field(None, validation_alias=AliasChoices("CORE_URL", "CORE_SERVICE_URL"))
    api_key: SecretStr | None = Field(None, validation_alias="CODEX_API_KEY")
    ca_file: Path | None = Field(None, validation_alias="CODEX_CA_FILE")

    @property
    def required(self) -> Mapping[str, object]:
        return {"CODEX_URL": self.url, "CORE_URL": self.core_url or self.api_key}

    def client(self, timeout: float) -> CodexClient:
        from ledger_pipelines.sources.codex.client import CodexClient

        if self.url is None:
            raise ConfigurationError(
                "No Codex is configured: set CODEX_URL and CORE_URL, or start with `ledger up --demo` to use the sandbox."
            )
        if self.missing is not None:
            raise ConfigurationError("CORE_URL is not set: it is where the tokens for Codex come from.")
        ca_file = None if self.ca_file is None else str(self.ca_file)
        return CodexClient(
            self.core_url, self.url, api_key=secret_text(self.api_key), ca_file=ca_file, timeout=timeout
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        given = _read_services(directory / _SERVICES_FILE)
        settings = super().read(directory)
        return settings.model_copy(
            update={name: value for name, value in given.items() if getattr(settings, name) is None}
        )


def _read_services(path: Path) -> dict[str, Any]:
    """What a HiveMatrix `services.json` says of Core and Codex. Raises ConfigurationError."""
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
            "url": codex.get("url"),
            "api_key": SecretStr(codex["api_key"]) if codex.get("api_key") else None,
        }
    except (OSError, ValueError, AttributeError, TypeError):
        raise ConfigurationError(
            f'{path} cannot be read: it should look like {{"codex": {{"url": "http://…", "api_key": "…"}}}}.'
        ) from None
    return {name: value for name, value in found.items() if value}
