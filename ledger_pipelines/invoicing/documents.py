"""Invoices and credit notes by month, and what becomes of news about closed months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing import restatement
from ledger_pipelines.closing.differences import changed_keys
from ledger_pipelines.closing.restatement import (
    MONTH,
    first_of_month,
    in_month,
    landings,
    marked,
    rows_with,
    rows_without,
    where_in,
)
from ledger_pipelines.columns import (
    Column,
    Mask,
    column,
    filter_rows,
    joined_text,
    mask,
    positions,
    take,
    take_rows,
)


@dataclass(frozen=True, slots=True)
class Documents:
    """Invoices and credit notes (`headers`, a row each) with their lines, both with a month."""

    headers: pa.Table
    lines: pa.Table

    @property
    def ids(self) -> Column:
        return column(self.headers, "id")

    def of(self, ids: Column) -> Documents:
        """Those with these ids."""
        return Documents(rows_with(self.headers, "id", ids), rows_with(self.lines, "invoice_id", ids))

    def without(self, ids: Column) -> Documents:
        """Those with other ids."""
        return Documents(rows_without(self.headers, "id", ids), rows_without(self.lines, "invoice_id", ids))

    def of_months(self, months: Collection[date]) -> Documents:
        """Those of these months."""
        among = pa.array(sorted(months), pa.date32())
        return Documents(rows_with(self.headers, "month", among), rows_with(self.lines, "month", among))

    def in_month(self, month: date) -> Documents:
        """The same documents as rows of this month."""
        return Documents(in_month(self.headers, month), in_month(self.lines, month))

    def __add__(self, other: Documents) -> Documents:
        return Documents(
            pa.concat_tables([self.headers, other.headers.select(self.headers.column_names)]),
            pa.concat_tables([self.lines, other.lines.select(self.lines.column_names)]),
        )


def dated(headers: pa.Table, lines: pa.Table) -> Documents:
    """A source's documents, each in the month of its date, with its lines."""
    months = first_of_month(column(headers, "date"))
    of_lines = positions(column(lines, "invoice_id"), column(headers, "id"))
    return Documents(
        marked(headers.add_column(0, MONTH, months), is_removed=False),
        lines.add_column(0, MONTH, take(months, of_lines)),
    )


def month_documents(
    fetched: Documents,
    stored: Documents,
    known: Documents,
    *,
    months: Sequence[date],
    closed: Collection[date],
    unreadable: Collection[str] = (),
) -> Documents:
    """The documents of these months as they are to be kept, closed months among them as they are now.

    `fetched`: what the source has, dated in these months. `stored`: the present rows of the open months among
    them. `known`: what closed months hold, the newest row of each document. `unreadable`: ids that the source
    has but that could not be read.

    A document that could not be read stays as it was read last. The first open month after closed ones, when it is
    among the months, also takes their news: documents that are new there, differ from what is known, or are gone.
    """
    broken = pa.array(sorted(unreadable), pa.string())
    result = fetched.without(broken) + stored.of(broken)
    present = pa.concat_arrays([fetched.ids, broken])
    for month, before in landings(months, closed).items():
        asked = [one for one in before if one in months]
        late = fetched.of_months(asked).without(broken)
        news = late.of(_changed(late, known)) + _gone(known, asked, present)
        result += news.in_month(month)
        others = [one for one in before if one not in months]
        result += _restated_before(stored, month, others).without(result.ids)
    return result + _news_that_holds(fetched, known, [month for month in months if month in closed], present)


def missing_documents(
    fetched: Documents,
    stored: Documents,
    known: Documents,
    *,
    months: Sequence[date],
    unreadable: Collection[str] = (),
) -> tuple[pa.Table, int]:
    """The headers of documents of these months that the source had and did not show; and of how many.

    The arguments are those of `month_documents`. A document that seems gone may be there all the same: the source is
    asked for it before anything is taken back.
    """
    both = pa.concat_tables([stored.headers, known.headers.select(stored.headers.column_names)])
    was_asked = where_in(
        both.append_column("dated_in", first_of_month(column(both, "date"))),
        "dated_in",
        pa.array(sorted(months), pa.date32()),
    )
    live = filter_rows(both, was_asked & ~mask(column(both, "is_removed")))
    ids = column(live, "id")
    live = take_rows(live, positions(pc.unique(ids), ids))
    listed = pa.concat_arrays([fetched.ids, pa.array(sorted(unreadable), pa.string())])
    return rows_without(live, "id", listed).sort_by("id"), live.num_rows


def _changed(late: Documents, known: Documents) -> Column:
    before = known.of(late.ids)
    headers = changed_keys("id", late.headers, before.headers)
    lines = changed_keys("invoice_id", late.lines, before.lines)
    return pa.concat_arrays([headers, lines])


def _gone(known: Documents, asked: Sequence[date], present: Column) -> Documents:
    """Documents that a closed month of those asked for holds and the source has no more: marked, without lines."""
    dates = first_of_month(column(known.headers, "date"))
    was_asked = mask(pc.is_in(dates, value_set=pa.array(asked, pa.date32())))
    live = filter_rows(known.headers, was_asked & ~mask(column(known.headers, "is_removed")))
    return Documents(marked(rows_without(live, "id", present), is_removed=True), known.lines.slice(0, 0))


def _restated_before(stored: Documents, month: date, closed: Sequence[date]) -> Documents:
    """News of closed months that were not asked for this time: they stay in the month that took them, as they are."""
    here = stored.of_months([month])
    dates = first_of_month(column(here.headers, "date"))
    of_closed = mask(pc.is_in(dates, value_set=pa.array(closed, pa.date32())))
    return here.of(column(filter_rows(here.headers, of_closed), "id"))


def _news_that_holds(
    fetched: Documents, known: Documents, closed: Sequence[date], present: Column
) -> Documents:
    """News that one of these closed months took of an earlier one, and that the source still says."""
    dates = first_of_month(column(known.headers, "date"))
    is_news = ~mask(pc.equal(dates, column(known.headers, "month")))
    in_closed = where_in(known.headers, "month", pa.array(closed, pa.date32()))
    taken = known.of(column(filter_rows(known.headers, is_news & in_closed), "id"))
    return taken.without(_changed(fetched, taken)).without(_gone(taken, closed, present).ids)


def own_and_news(documents: Documents) -> tuple[Documents, Documents]:
    """Those that stand in the month of their date, and those that another month took as news. An id may be in both."""
    headers = documents.headers
    is_own = mask(pc.equal(first_of_month(column(headers, "date")), column(headers, "month")))
    keys = ["month", "invoice_id"]
    parts = []
    for chosen in (filter_rows(headers, is_own), filter_rows(headers, ~is_own)):
        named = joined_text(chosen.select(["month", "id"]).rename_columns(keys), keys)
        lines = filter_rows(documents.lines, positions(joined_text(documents.lines, keys), named) >= 0)
        parts.append(Documents(chosen, lines))
    return parts[0], parts[1]


def newest(documents: Documents) -> Documents:
    """Of each document the row of its latest month, with that month's lines."""
    headers = restatement.newest(documents.headers, ["id"])
    owners = positions(column(documents.lines, "invoice_id"), column(headers, "id"))
    months = take(column(headers, "month"), owners)
    return Documents(
        headers, filter_rows(documents.lines, mask(pc.equal(column(documents.lines, "month"), months)))
    )


def counting(headers: pa.Table) -> Mask:
    """Which documents count: no drafts, none that is cancelled, none that the source has no more."""
    unwanted = [mask(column(headers, name)) for name in ("is_draft", "is_cancelled", "is_removed")]
    return ~unwanted[0] & ~unwanted[1] & ~unwanted[2]
