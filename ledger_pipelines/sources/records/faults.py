"""What a record that cannot be read says, in a sentence and in a problem's details: short, printable, without secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ledger_pipelines.sources.http.redaction import REDACTED, is_secret_name, redact_text

LONGEST_TEXT = 500
_LONGEST_LIST = 20
_LONGEST_LABEL = 200
_NO_RECORD = "is not a record"


def fault(detail: Mapping[str, Any]) -> str:
    """One validation error as the second half of a sentence."""
    path, kind, value = detail["loc"][1:], detail["type"], detail["input"]
    if not path:
        return _which(kind, detail["msg"]) if kind == "value_error" else _NO_RECORD
    name = ".".join(map(str, path))
    if kind == "missing" or value is None or (isinstance(value, str) and not value.strip()):
        return f"has no {name}"
    value_text = REDACTED if any(is_secret_name(str(part)) for part in path) else quoted(value)
    return f"has the {name} {value_text}, which {_which(kind, detail['msg'])}"


def _which(kind: str, message: str) -> str:
    known = {
        "string_type": "is not text",
        "string_unicode": "is not valid text",
        "int_type": "is not a whole number",
        "int_from_float": "is not a whole number",
        "bool_type": "is neither true nor false",
        "greater_than_equal": "is negative",
        "less_than": "is too large",
        "string_too_long": "is longer than 200 characters",
        "string_pattern_mismatch": "has control characters in it",
    }
    return (
        message.removeprefix("Value error, ") if kind == "value_error" else known.get(kind, "cannot be read")
    )


def quoted(value: object) -> str:
    """A value within a sentence; of what holds others only that it does, since a secret may be among them."""
    if isinstance(value, Mapping):
        return "{…}"
    if isinstance(value, list | tuple):
        return "[…]"
    text = repr(redact_text(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:60] + "…"


def short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[:_LONGEST_LABEL] + "…"


def digest_id(record: object, owner: str | None) -> str:
    """A stable id for a record that has none: its owner, and a digest of what it says."""
    text = json.dumps(record, default=str, sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{owner}/{digest}" if owner else digest


def plain(value: Any, texts: frozenset[str]) -> Any:
    """A value fit for JSON and for a person: no large texts, no long lists, no NUL; decimals as text."""
    if isinstance(value, Mapping):
        return {
            plain_text(str(key), LONGEST_TEXT): plain(item, texts)
            for key, item in value.items()
            if key not in texts
        }
    if isinstance(value, list | tuple):
        return [plain(item, texts) for item in value[:_LONGEST_LIST]]
    if value is None or isinstance(value, bool | int):
        return value
    return plain_text(str(value), LONGEST_TEXT)


def plain_text(text: str, longest: int) -> str:
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= longest else clean[:longest] + "…"
