"""Until when an item is to be paid (rules/general_ledger.md, Sub-ledgers)."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from ledger_pipelines.months import add_months, last_day, month_of


@dataclass(frozen=True, slots=True)
class Terms:
    """A party's payment terms: days and months, which count from the month's end with a free billing month."""

    days: int | None = None
    months: int | None = None
    is_free_billing_month: bool = False


NO_TERMS = Terms()


def due_date(document_date: date, terms: Terms = NO_TERMS) -> date:
    """The day until which a document that names none is to be paid; its own day where nothing is agreed."""
    start = last_day(month_of(document_date)) if terms.is_free_billing_month else document_date
    if terms.months:
        month = add_months(month_of(start), terms.months)
        start = month.replace(day=min(start.day, monthrange(month.year, month.month)[1]))
    return start + timedelta(days=terms.days or 0)
