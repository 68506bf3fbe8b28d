"""When the sync is not well (rules/cfo_sync.md, Sensors, alerts, metrics): the measures and what they may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from ledger_pipelines.wording import counted

Kind = Literal["lag", "failed", "pending", "success_rate"]

#: Seconds from payment to hand-over, on average.
LONGEST_LAG = Decimal(600)
#: Invoices that have waited for longer than a sync takes, which is LONGEST_WAIT minutes.
MOST_PENDING = 5
LONGEST_WAIT = 2
#: Percent.
LOWEST_SUCCESS_RATE = Decimal(95)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The sync as it is: what has had nothing to measure is null.

    `lag_seconds`: average from payment to hand-over, of the last 24 hours. `success_rate`: percent of the last
    7 days' invoices that were handed over. `pending`: invoices that wait. `exhausted`: failed ones whose retries
    are spent (`retry_count` of 3 or more). `overdue`: pending ones that have been known for more than two minutes.
    """

    lag_seconds: Decimal | None
    success_rate: Decimal | None
    pending: int
    exhausted: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should see to: of each kind there is one at a time."""

    kind: Kind
    message: str


def due_alerts(metrics: Metrics) -> list[Alert]:
    """The alerts that these metrics call for, at most one of each kind; a measure that is null never alerts.

    Due are: a lag above 10 minutes, any invoice whose 3 retries are spent, more than 5 that have waited for more than
    2 minutes, a success rate below 95 %. What has just been paid waits for the next sync, which is nobody's concern.
    """
    found = [(kind, message(metrics)) for kind, message in _MESSAGES.items()]
    return [Alert(kind, message) for kind, message in found if message is not None]


def _lag(metrics: Metrics) -> str | None:
    if metrics.lag_seconds is None or metrics.lag_seconds <= LONGEST_LAG:
        return None
    # Rounded away from the limit, so that no message contradicts itself; the success rate likewise.
    seconds = int(metrics.lag_seconds.to_integral_value(ROUND_CEILING))
    return (
        f"Paid invoices reached the CFO {seconds} seconds after payment on average over the last 24 hours; "
        f"{LONGEST_LAG} are the most that is well."
    )


def _failed(metrics: Metrics) -> str | None:
    if metrics.exhausted == 0:
        return None
    return (
        f"{counted(metrics.exhausted, 'invoice')} could not be handed to the CFO in 3 retries: "
        "see the errors, mend what causes them and force the sync."
    )


def _pending(metrics: Metrics) -> str | None:
    if metrics.overdue <= MOST_PENDING:
        return None
    return (
        f"{metrics.overdue:,} invoices have been paid for more than {LONGEST_WAIT} minutes and are not yet handed to the "
        f"CFO; more than {MOST_PENDING} is too many."
    )


def _success_rate(metrics: Metrics) -> str | None:
    if metrics.success_rate is None or metrics.success_rate >= LOWEST_SUCCESS_RATE:
        return None
    percent = metrics.success_rate.quantize(Decimal("0.1"), ROUND_FLOOR)
    return (
        f"Only {percent} % of the last 7 days' invoices were handed to the CFO; "
        f"{LOWEST_SUCCESS_RATE} % are the least that is well."
    )


_MESSAGES: dict[Kind, Callable[[Metrics], str | None]] = {
    "lag": _lag,
    "failed": _failed,
    "pending": _pending,
    "success_rate": _success_rate,
}
#: The kinds of alerts about the sync.
KINDS: tuple[Kind, ...] = tuple(_MESSAGES)
