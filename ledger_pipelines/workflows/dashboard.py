"""A month as the dashboard shows it: its statements beside those of the month before, and what is missing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from ledger_pipelines.closing.readiness import Reason
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, describe_months, format_month, parse_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.queries.dashboard import (
    CurrencyTotal,
    LedgerMonth,
    Unbilled,
    companies_without_statement,
    currency_totals,
    expiring_contracts,
    incomplete_statements,
    ledger_months,
    plans_and_terms,
    unbilled_companies,
)
from ledger_pipelines.store.writes import writes_of
from ledger_pipelines.workflows.closing import what_stands_against
from ledger_pipelines.workflows.statements import companies_edited_since_run

#: Of how many months it is kept what their statements come to.
_CACHED = 24


class UnknownMonthError(LedgerError):
    """The ledger has no such month."""


@dataclass(frozen=True, slots=True)
class MonthAtAGlance:
    """A month with its totals by currency, what is missing, and what its list can be filtered by.

    `reasons` are what is known to prevent closing it, `incomplete` its statements of companies that were read in
    part. `edited` are the companies with an edit that their statement does not have yet.
    """

    month: date
    is_closed: bool
    totals: Sequence[CurrencyTotal]
    unbilled: Sequence[Unbilled]
    reasons: Sequence[Reason]
    incomplete: int
    expiring: int
    edited: frozenset[str]
    plans: Sequence[str]
    terms: Sequence[str]

    @property
    def before(self) -> date:
        """The month before, whether or not it has statements."""
        return add_months(self.month, -1)


def months_of_ledger(database: Database) -> list[LedgerMonth]:
    """The ledger's months, the latest first."""
    with pooled_connection(database) as connection:
        return ledger_months(connection)


def selected_month(months: Sequence[LedgerMonth], text: str | None) -> LedgerMonth | None:
    """The month that `text` (`YYYY-MM`) names, or without one the latest that has statements, None where none has.

    Raises LedgerError where the text is no month, UnknownMonthError where it is not among these.
    """
    if not text:
        return next((one for one in months if one.has_statements), None)
    asked = parse_month(text)
    for one in months:
        if one.month == asked:
            return one
    known = describe_months(one.month for one in months) or "none"
    raise UnknownMonthError(f"{format_month(asked)} is no month of the ledger, whose months are {known}.")


def month_at_a_glance(database: Database, selected: LedgerMonth) -> MonthAtAGlance:
    """What the dashboard says of a month."""
    month, before = selected.month, add_months(selected.month, -1)
    # Before a connection is held: who holds one and waits for another makes others wait who do the same.
    edited = edited_since_run(database, month)
    reasons = [] if selected.is_closed else what_stands_against(database, [month])
    with pooled_connection(database) as connection:
        written = writes_of(connection, [month, before], ["billing_statements", "companies"])
    if not written:
        _computed.cache_clear()
    computed = _computed(database, month, before, written)
    with pooled_connection(database) as connection:
        return MonthAtAGlance(
            month,
            selected.is_closed,
            computed.totals,
            unbilled_companies(connection, month, before, computed.missing) if computed.missing else [],
            reasons,
            computed.incomplete,
            computed.expiring,
            edited,
            computed.plans,
            computed.terms,
        )


@dataclass(frozen=True, slots=True)
class _Computed:
    """What of a month only changes with its statements, those of the month before, and its companies."""

    totals: Sequence[CurrencyTotal]
    missing: Sequence[str]
    incomplete: int
    expiring: int
    plans: Sequence[str]
    terms: Sequence[str]


@lru_cache(maxsize=_CACHED)
def _computed(database: Database, month: date, before: date, _written: tuple[Any, ...]) -> _Computed:
    """It reads all statements of both months, and is asked for by each look at the dashboard."""
    with pooled_connection(database) as connection:
        plans, terms = plans_and_terms(connection, month)
        return _Computed(
            currency_totals(connection, month, before),
            companies_without_statement(connection, month, before),
            incomplete_statements(connection, month),
            expiring_contracts(connection, month),
            plans,
            terms,
        )


def edited_since_run(database: Database, month: date) -> frozenset[str]:
    """The companies of an open month whose stored statement an edit is not on yet."""
    return companies_edited_since_run(database, [month])[month]
