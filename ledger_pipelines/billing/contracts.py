"""Contract terms: how they are written, and when they end (rules/billing.md, Which plan and Statement)."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import Column, Int64s, array, int64s, present

MONTH_TO_MONTH = "Month to Month"

_MONTH_TO_MONTH = re.compile(r"month[\s_-]*to[\s_-]*month", re.IGNORECASE)
_YEARS = re.compile(r"0*([1-9]\d?)[\s_-]*(?:years?|yrs?)", re.IGNORECASE)
#: Days from 1970 to the end of the last year that a date can name.
_LAST_DAY = int(np.datetime64("9999-12-31", "D").astype(np.int64))


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


def contract_ends(starts: Column, ends: Column, years: Int64s) -> Column:
    """The last day of each contract: the end as sent, else start + term years - 1 day; null where it has
    none.

    A contract from 29 February runs from the anniversary as databases reckon it, the 28th in a common year:
    one year from 2024-02-29 ends on 2025-02-27. A start without a term in years gives no end, nor one past
    the year 9999.
    """
    known = present(starts) & (years > 0)
    days = int64s(starts.fill_null(0)).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    later = months + years * 12
    in_month = np.minimum(
        (days - months.astype("datetime64[D]")).astype(np.int64),
        ((later + 1).astype("datetime64[D]") - later.astype("datetime64[D]")).astype(np.int64) - 1,
    )
    last = (later.astype("datetime64[D]") + in_month - 1).astype(np.int64)
    known &= last <= _LAST_DAY
    computed = array(last.astype(np.int32), where=known).cast(pa.date32())
    return pc.coalesce(ends, computed)
