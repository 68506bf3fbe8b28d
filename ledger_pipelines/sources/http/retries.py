"""When a failed exchange is tried again, and how long to wait before it.

Here: the policy. Not here: which answer is a failure, and the sentence that describes it (`http`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from ledger_pipelines.errors import SourceUnavailableError
from ledger_pipelines.sources.http.clock import Clock

T = TypeVar("T")


class TransientError(Exception):
    """An exchange failed in a way that may pass. `failure` is what to raise when it does not.

    `retry_after` is the number of seconds that the source asked for, `status` its HTTP status where it had one;
    `unreached` says that nobody was there.
    """

    def __init__(
        self,
        failure: SourceUnavailableError,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        unreached: bool = False,
    ) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.retry_after = retry_after
        self.status = status
        self.unreached = unreached


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently. Times in seconds.

    Eight tries leave less than one request in 100,000 unanswered where a fifth of them fail by chance, and
    the pauses between them add up to less than 8 s where all of them fail. `attempts_at` has the statuses that
    are tried less often, `pauses_at` those after which so long a pause is made at least. A source that is not there
    at all is known after five (under 2 s), unless it was there a moment ago: then it is being restarted, and is waited
    for as long as `restart` (wire/codex.md, Habits). `patience` ends the tries where each of them takes long, as a
    source that accepts connections and never answers makes them.
    """

    attempts: int = 8
    attempts_at: Mapping[int, int] = field(default_factory=dict)
    pauses_at: Mapping[int, float] = field(default_factory=dict)
    unreached_attempts: int = 5
    restart: float = 30.0
    first_pause: float = 0.1
    longest_pause: float = 2.0
    longest_retry_after: float = 60.0
    patience: float = 150.0

    def run(
        self, exchange: Callable[[], T], clock: Clock, *, was_there: Callable[[], bool] = lambda: False
    ) -> T:
        """The result of the first exchange that succeeds; `was_there` says whether the source has answered before.

        Raises the failure of the last one where none does; what is no TransientError is raised at once.
        """
        started = clock.monotonic()
        failures: Counter[int | None] = Counter()
        gone_since: float | None = None
        backoff = wait_exponential(self.first_pause, self.longest_pause) + wait_random(0, self.first_pause)

        def stop(state: RetryCallState) -> bool:
            nonlocal gone_since
            error, now = _error_of(state), clock.monotonic()
            if error.unreached and was_there():
                gone_since = now if gone_since is None else gone_since
                return now - gone_since >= self.restart
            failures[error.status] += 1
            allowed = self.unreached_attempts if error.unreached else self.attempts
            return (
                failures.total() >= allowed
                or failures[error.status] >= self.attempts_at.get(error.status or 0, allowed)
                or now - started >= self.patience
            )

        def wait(state: RetryCallState) -> float:
            error = _error_of(state)
            asked_for = min(error.retry_after or 0.0, self.longest_retry_after)
            return max(backoff(state), asked_for, self.pauses_at.get(error.status or 0, 0.0))

        retrying = Retrying(
            sleep=clock.sleep,
            stop=stop,
            wait=wait,
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )
        try:
            return retrying(exchange)
        except TransientError as error:
            # Without the chain: the library's own texts quote addresses and parameters.
            raise error.failure from None


def _error_of(state: RetryCallState) -> TransientError:
    error = None if state.outcome is None else state.outcome.exception()
    if not isinstance(error, TransientError):
        raise TypeError(f"only a TransientError is tried again, not {error!r}")
    return error


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for: a number of them, or a date (RFC 9110, 10.2.3).

    None where there is no header or it means nothing; never negative.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
