"""What can go wrong in a way that a person can mend.

Every error that a command shows is a `LedgerError`: one sentence that says what was wrong, with which
record, and what to do. Anything else that reaches a user is a defect of ours and may show a traceback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger_pipelines.printable import one_line

#: What an index takes of an id, whatever it is made of, beside the other columns of its row.
_LONGEST_ID = 300


class LedgerError(Exception):
    """A failure that its message explains to the person who can mend it."""


class ConfigurationError(LedgerError):
    """A setting is missing or cannot be used."""


class SourceUnavailableError(LedgerError):
    """An outside system could not be reached, or did not answer with what it promises."""


class DatabaseUnavailableError(LedgerError):
    """A database does not answer, or does not let us in."""


class CredentialRefusedError(LedgerError):
    """An outside system refused who we said we are."""


class ClosedMonthError(LedgerError):
    """Something asked to write to a month that is closed."""


class ConflictError(LedgerError):
    """What was sent contradicts what is stored: somebody changed it since, or sent something else before."""


class FrameError(LedgerError):
    """A frame does not have the columns or types of the table that it is meant for."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One record that could not be used, to be kept as an integration error; the rest goes on.

    `details` is the record as it came, or what helps to mend it; secrets are removed when it is stored. Message and id
    are one line each without control characters, and a very long id ends in its digest: what they quote is not ours.
    `month` (`YYYY-MM`) is set where the problem belongs to a month's rule, and None where it belongs to
    the source's present state. `is_blocking` is false for a mere note: the record counts, and only a field that bears
    on nothing could not be read; no month stays open because of it.
    """

    integration: str
    operation: str
    entity_type: str
    external_id: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    month: str | None = None
    is_blocking: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", one_line(self.message))
        object.__setattr__(self, "external_id", _short_id(self.external_id))


def _short_id(text: str) -> str:
    plain = one_line(text)
    if len(plain) <= _LONGEST_ID:
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{plain[: _LONGEST_ID - 20]}… {digest}"
