"""Keeping secrets out of whatever a person or a log may see.

Here: which names mean a secret, and taking their values out of records, addresses and texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

#: What stands where a secret stood.
REDACTED = "[redacted]"

_SECRET_PARTS = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "authorisation",
    "credential",
    "cookie",
    "bearer",
)
_SECRET_NAMES = frozenset({"key", "auth", "pwd", "pass", "jwt", "pin", "session", "sessionid", "signature"})
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
#: A JSON Web Token, or what follows the name of an authentication scheme, wherever in a text it stands.
_SECRET_TEXT = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*|\b(?:Bearer|Basic|Token)\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,}", re.IGNORECASE
)
#: A name and its value as JSON, a form, a header or an assignment in a text has them.
_NAME = re.compile(r"""(?P<name>[A-Za-z_][\w-]*)\\?["']?\s*[:=]\s*""")
_VALUE = re.compile(r"""\[redacted\]|\\?"(?:[^"\\]|\\[^"])*\\?"?|\\?'[^']*'?|[^\s"',;&}\])]+""")
#: The user and password of an address, also where a `/` or `@` of the password was not encoded.
_USER_IN_ADDRESS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s:@/]*:\S*@", re.IGNORECASE)
#: What we say to prove who we are, and never say to anybody else.
_own_secrets: set[str] = set()
#: A secret that is shorter is part of many words.
_SHORTEST_SECRET = 4


def keep_secret(*secrets: str) -> None:
    """Takes these, which are our own, out of every text from now on, whatever the name that they stand under."""
    _own_secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)


def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a secret: `api_key`, `X-Auth-Token`, `clientSecret`, `key`, …"""
    plain = _NOT_ALPHANUMERIC.sub("", name.lower())
    return plain in _SECRET_NAMES or any(part in plain for part in _SECRET_PARTS)


def redact(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A copy whose secrets are `REDACTED`, at any depth of mappings and sequences."""
    return {
        key: REDACTED if is_secret_name(str(key)) and value is not None else _redact_value(value)
        for key, value in mapping.items()
    }


def _redact_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return redact(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item) for item in value]
    if isinstance(value, str):
        return redact_text(value)
    return value


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, without our own, and without what looks like one or stands under such a name."""
    for secret in sorted({*_own_secrets, *secrets}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    text = _USER_IN_ADDRESS.sub(rf"\g<scheme>{REDACTED}@", text)
    return _without_named(_SECRET_TEXT.sub(REDACTED, text))


def _without_named(text: str) -> str:
    """The text without the values of secret names, also of those within another name's value, as in an address."""
    parts, start, position = [], 0, 0
    while (found := _NAME.search(text, position)) is not None:
        position = found.end()
        value = _VALUE.match(text, position) if is_secret_name(found["name"]) else None
        if value is not None:
            parts += [text[start:position], REDACTED]
            start = position = value.end()
    return "".join([*parts, text[start:]])


def safe_url(url: str) -> str:
    """The address as it may be shown: no user, no password, no secret parameter, no fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # What cannot be taken apart may hold a secret anywhere.
        return "(an address that cannot be read)"
    query = "&".join(
        f"{quote(name)}={REDACTED if is_secret_name(name) else quote(value)}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))
