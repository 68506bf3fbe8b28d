"""Why it cannot be established who asks: each is a sentence for the client, and a status for the answer."""

from __future__ import annotations

from ledger_pipelines.errors import LedgerError


class NotSignedInError(LedgerError):
    """There is no credential, or Core did not issue it, or it is no longer valid: 401."""


class WrongServiceError(NotSignedInError):
    """A service's token that is meant for another service: 401."""


class SignInRefusedError(LedgerError):
    """A sign-in that this browser did not begin, or that Core brought no usable token for: 400."""


class CoreUnavailableError(LedgerError):
    """Core's keys are needed, and Core does not answer: 503."""
