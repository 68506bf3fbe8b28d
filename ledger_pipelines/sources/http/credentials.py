"""Credentials that are a header of their own, and what can stand in a header at all.

Not here: Core's tokens and the bearer key (`core`), and credentials that a system gives out by itself
(`fourgeeks_login`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger_pipelines.errors import ConfigurationError
from ledger_pipelines.sources.http.redaction import keep_secret


class HeaderKey:
    """A credential by one key, sent in a header of its own."""

    def __init__(self, header: str, key: str) -> None:
        self._headers = {header: key}

    def headers(self) -> Mapping[str, str]:
        """The header with the key."""
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """There is no other key."""
        return False


def usable_key(key: str, setting: str) -> str:
    """The key without the space around it, which a file or a form may have added.

    Raises ConfigurationError, which names the setting and not the key, where it cannot stand in a header.
    """
    plain = key.strip()
    keep_secret(plain)
    if not plain or not plain.isascii() or not plain.isprintable():
        raise ConfigurationError(f"{setting} cannot be used: it is empty, or has characters that no key has.")
    return plain
