"""May months be closed for good, may one be reopened, and what prevents it (rules/billing.md, Which plan, 3).

Closed for good is closed with all that belongs in the books: nothing unread that would be billed, no company without a
plan, no invariant broken. What a person has ignored, with a note, prevents nothing; nor does what is no matter of
the months' books: mere notes, errors of other months, the CFO's database, alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import describe_months, format_month, month_of

#: Whose present state the books are made of: an error of theirs that names no month affects every open one.
SOURCES = frozenset({"codex", "holded", "4geeks", "notion", "freshservice", "datto"})
#: Assets and steps that hand the books on, and make none of them.
_OUTSIDE = frozenset({"cfo_transactions", "cfo-sync"})
_NAMED = 3


@dataclass(frozen=True, slots=True)
class OpenError:
    """An integration error that is neither resolved nor ignored. It has no months where a source's present is wrong."""

    error_id: int
    integration: str
    operation: str
    entity_type: str
    external_id: str
    message: str
    months: frozenset[date]
    is_blocking: bool


@dataclass(frozen=True, slots=True)
class BrokenInvariant:
    """A check of a run that failed as an error."""

    asset: str
    check: str
    message: str


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step of a run that failed, in its own words."""

    step: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the months that are to be closed, after their run."""

    months: Sequence[date]
    errors: Sequence[OpenError] = ()
    invariants: Sequence[BrokenInvariant] = ()
    failures: Sequence[FailedStep] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why months are not closed, or one not reopened: what it is about, in which words, and the error that a person may
    ignore.
    """

    kind: Literal["step", "invariant", "error", "month"]
    subject: str
    message: str
    error_id: int | None = None


def reasons_against(facts: Facts) -> list[Reason]:
    """What prevents closing the months for good; nothing where they may be closed. The gravest come first."""
    return [
        *(_of_step(one) for one in facts.failures if one.step not in _OUTSIDE),
        *(_of_invariant(one) for one in facts.invariants if one.asset not in _OUTSIDE),
        *(_of_error(one) for one in facts.errors if troubles(one, facts.months)),
    ]


def reasons_against_reopening(month: date, *, is_closed: bool, restated_by: Sequence[date]) -> list[Reason]:
    """What prevents reopening a month; nothing where it may be. The gravest comes first.

    `restated_by` are the later closed months that keep news of its invoices: once it is open it reads these anew, and
    they would count twice.
    """
    name = format_month(month)
    reasons = []
    if restated_by:
        later = format_month(max(restated_by))
        news = f"{later} is closed and keeps news of {name}'s invoices, which would then count twice"
        reasons.append(Reason("month", later, f"{news}: reopen {later} first."))
    if not is_closed:
        reasons.append(Reason("month", name, f"{name} is not closed, so there is nothing to reopen."))
    return reasons


def warnings_of(facts: Facts) -> list[Reason]:
    """What failed in the run and is no matter of the months' books."""
    return [
        *(_of_step(one) for one in facts.failures if one.step in _OUTSIDE),
        *(_of_invariant(one) for one in facts.invariants if one.asset in _OUTSIDE),
    ]


def troubles(error: OpenError, months: Iterable[date]) -> bool:
    """Whether the books of one of these months may lack what an error names."""
    if not error.is_blocking:
        return False
    return not error.months.isdisjoint(months) if error.months else error.integration in SOURCES


def refusal(months: Sequence[date], reasons: Sequence[Reason]) -> str:
    """The sentence that says why the months were not closed, naming the first reasons, and what to do."""
    named = " ".join(reason.message for reason in reasons[:_NAMED])
    count = "one thing stands" if len(reasons) == 1 else f"{len(reasons):,} things stand"
    more = f" And {len(reasons) - _NAMED:,} more." if len(reasons) > _NAMED else ""
    return (
        f"{describe_months(months)} was not closed, {count} against it: {named}{more} Mend it and close again with "
        "fresh snapshots (`ledger close … --refresh-snapshots`), or where it may stay so, ignore it with a note (`ledger "
        "errors ignore ID --note …`)."
    )


def refuse_unfinished(months: Sequence[date], today: date) -> None:
    """Raises LedgerError when one of the months has not ended."""
    unfinished = [month for month in months if month >= month_of(today)]
    if unfinished:
        raise LedgerError(
            f"{describe_months(unfinished)} cannot be closed before it has ended: wait until then."
        )


def _of_step(failed: FailedStep) -> Reason:
    return Reason("step", failed.step, failed.message)


def _of_invariant(broken: BrokenInvariant) -> Reason:
    message = broken.message or "see the check in Dagster."
    return Reason(
        "invariant", f"{broken.asset} {broken.check}", f"{broken.asset} breaks {broken.check}: {message}"
    )


def _of_error(error: OpenError) -> Reason:
    subject = f"{error.integration} {error.operation}: {error.entity_type} {error.external_id}"
    return Reason("error", subject, error.message, error.error_id)
