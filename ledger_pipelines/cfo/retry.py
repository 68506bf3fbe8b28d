"""What becomes of a hand-over that failed (rules/cfo_sync.md, States): tried again later, or left to a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

#: How long to wait before the first, second and third retry.
BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
MAX_RETRIES = len(BACKOFF)
#: After this a claim is taken for abandoned, and its invoice is ready again.
CLAIM_LIFETIME = timedelta(minutes=5)

#: SQLSTATEs that pass by themselves: connection lost (class 08), serialization failure, deadlock, insufficient
#: resources such as too many connections (class 53), the server going down or coming up (57P0x) or read-only for a
#: while, as during a failover, a lock that was not to be had, and a statement or transaction that ran out of time.
_TRANSIENT = re.compile(r"08[0-9A-Z]{3}|25006|25P03|25P04|40001|40P01|53[0-9A-Z]{3}|57P0[0-9A-Z]|55P03|57014")


@dataclass(frozen=True, slots=True)
class Next:
    """How an invoice is kept after a failure; `next_attempt_at` is null unless `status` is `retry`."""

    status: Literal["retry", "failed"]
    retry_count: int
    next_attempt_at: datetime | None
    retryable: bool


def after_failure(retry_count: int, *, transient: bool, at: datetime) -> Next:
    """What is next for an invoice whose hand-over failed at this time, after `retry_count` retries.

    A transient failure is tried again after 1, 5 and 15 minutes; when the third retry fails the invoice is `failed`
    with its 3 retries spent, retryable only in that a person may force it. A permanent failure is `failed` at
    once and not retryable; its count stays as it was.
    """
    if not transient:
        return Next("failed", retry_count, None, retryable=False)
    if retry_count >= MAX_RETRIES:
        return Next("failed", retry_count, None, retryable=True)
    return Next("retry", retry_count + 1, at + BACKOFF[retry_count], retryable=True)


def is_transient(sqlstate: str | None) -> bool:
    """Whether a PostgreSQL error passes by itself; without a SQLSTATE the connection was lost, which does."""
    return sqlstate is None or _TRANSIENT.fullmatch(sqlstate) is not None
