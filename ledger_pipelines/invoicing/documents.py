"""Invoices and credit notes by month, and what becomes of news about closed months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.closing.differences import changed_keys
from ledger_pipelines.closing.restatement import (
    MONTH,
    first_of_month,
    in_month,
    landings,
    marked,
    rows_with,
    rows_without,
)
from ledger_pipelines.columns import Column, Mask, column
from ledger_pipelines.frames import is_among, to_pandas, values_of


@dataclass(frozen=True, slots=True)
class Documents:
    """Invoices and credit notes (`headers`, a row each) with their lines, both with a month."""

    headers: pa.Table
    lines: pa.Table

    @property
    def ids(self) -> Column:
        return column(self.headers, "id")

    @property
    def heads(self) -> pd.DataFrame:
        """Of each document its id, its month, the month of its date (`own`), and whether the source has it no more."""
        heads = to_pandas(self.headers.select(["id", "month", "date", "is_removed"]))
        return heads.assign(own=heads["date"].dt.floor("MS"))

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

    def at(self, heads: pd.DataFrame) -> Documents:
        """Those of these heads, each as its head's month has it."""
        parts = []
        for frame, name in ((self.headers, "id"), (self.lines, "invoice_id")):
            keys = to_pandas(frame.select(["month", name]).rename_columns(["month", "id"]))
            parts.append(frame.filter(values_of(is_among(keys, heads, ["month", "id"]))))
        return Documents(*parts)

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
    documents = pc.index_in(column(lines, "invoice_id"), value_set=column(headers, "id"))
    return Documents(
        marked(headers.add_column(0, MONTH, months), is_removed=False),
        lines.add_column(0, MONTH, months.take(documents)),
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
    both = stored + Documents(known.headers, known.lines.slice(0, 0))
    heads = both.heads
    live = heads[heads["own"].isin(list(months)) & ~heads["is_removed"]].drop_duplicates("id")
    missing = live[~live["id"].isin([*fetched.ids.to_pylist(), *unreadable])].sort_values("id")
    return both.headers.take(pa.array(missing.index)), len(live)


def _changed(late: Documents, known: Documents) -> Column:
    before = known.of(late.ids)
    headers = changed_keys("id", late.headers, before.headers)
    lines = changed_keys("invoice_id", late.lines, before.lines)
    return pa.concat_arrays([headers, lines])


def _gone(known: Documents, asked: Sequence[date], present: Column) -> Documents:
    """Documents that a closed month of those asked for holds and the source has no more: marked, without lines."""
    heads = known.heads
    was_there = known.of(_ids(heads[heads["own"].isin(list(asked)) & ~heads["is_removed"]])).headers
    return Documents(marked(rows_without(was_there, "id", present), is_removed=True), known.lines.slice(0, 0))


def _restated_before(stored: Documents, month: date, closed: Sequence[date]) -> Documents:
    """News of closed months that were not asked for this time: they stay in the month that took them, as they are."""
    here = stored.of_months([month])
    heads = here.heads
    return here.of(_ids(heads[heads["own"].isin(list(closed))]))


def _news_that_holds(
    fetched: Documents, known: Documents, closed: Sequence[date], present: Column
) -> Documents:
    """News that one of these closed months took of an earlier one, and that the source still says."""
    heads = known.heads
    taken = known.of(_ids(heads[(heads["own"] != heads["month"]) & heads["month"].isin(list(closed))]))
    return taken.without(_changed(fetched, taken)).without(_gone(taken, closed, present).ids)


def own_and_news(documents: Documents) -> tuple[Documents, Documents]:
    """Those that stand in the month of their date, and those that another month took as news. An id may be in both."""
    heads = documents.heads
    is_own = heads["own"] == heads["month"]
    return documents.at(heads[is_own]), documents.at(heads[~is_own])


def newest(documents: Documents) -> Documents:
    """Of each document the row of its latest month, with that month's lines."""
    return documents.at(documents.heads.sort_values("month").drop_duplicates("id", keep="last"))


def counting(headers: pa.Table) -> Mask:
    """Which documents count: no drafts, none that is cancelled, none that the source has no more."""
    heads = to_pandas(headers.select(["is_draft", "is_cancelled", "is_removed"]))
    return ~(heads["is_draft"] | heads["is_cancelled"] | heads["is_removed"]).to_numpy(dtype=bool)


def _ids(heads: pd.DataFrame) -> Column:
    ids: Column = values_of(heads["id"]).combine_chunks()
    return ids
