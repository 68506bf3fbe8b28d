"""Contract terms: how they are written, and when they end (rules/billing.md, Which plan and Statement)."""

from __future__ import annotations

import re
from datetime import MAXYEAR, date, timedelta

MONTH_TO_MONTH = "Month to Month"

_MONTH_TO_MONTH = re.compile(r"month[\s_-]*to[\s_-]*month", re.IGNORECASE)
_YEARS = re.compile(r"0*([1-9]\d?)[\s_-]*(?:years?|yrs?)", re.IGNORECASE)


def normalise_term(text: str | None) -> str:
    """One spelling for each term: `1-Year`, `1 year` and `1 Years` are `1 Year`; a blank one is `Month to
    Month`.

    A text that names neither years nor month to month stays as it is, but for space around and within it.
    """
    term = " ".join((text or "").split())
    if not term or _MONTH_TO_MONTH.fullmatch(term):
        return MONTH_TO_MONTH
    years = _YEARS.fullmatch(term)
    return f"{years[1]} Year" if years else term


def term_years(term: str) -> int:
    """The years of a normalised term; 0 for month to month and every other that has no length in years."""
    years = _YEARS.fullmatch(term)
    return int(years[1]) if years else 0


def contract_end(start: date | None, term: str) -> date | None:
    """The last day of a contract that says no end: start + term years - 1 day; None where it has none.

    A contract from 29 February runs from the anniversary as databases compute it, the 28th in a common year:
    one year from 2024-02-29 ends on 2025-02-27. A start without a term in years gives no end, nor one with an
    anniversary past the year 9999.
    """
    years = term_years(term)
    if start is None or not years:
        return None
    if start.year + years > MAXYEAR:
        return None
    try:
        anniversary = start.replace(year=start.year + years)
    except ValueError:
        anniversary = start.replace(year=start.year + years, day=28)
    return anniversary - timedelta(days=1)
