"""The courses of a sale, and the contracts that they make with the documents (rules/accruals.md, Courses).

A course is over when all of it is delivered, or on the day from which its deciding period is DROPPED or ENDED; a period
that starts after that begins the next course. A document belongs to the latest course whose first period starts no later
than 60 days after the document's date (the first course where none does), a credit note to that of its invoice.

Where the text leaves a choice: a course that no invoice belongs to makes no contract. Its periods go with the course
before it, or, before the first invoiced one, with that: a client who drops out and comes back on the same money, or who
goes from one module into the next, has one contract. So a renewal is a contract of its own from the month that brings
its first invoice. Contracts are numbered in the order of the courses that have invoices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ledger_pipelines.accruals.columns import NEVER, keyed, months_of, runs
from ledger_pipelines.accruals.outputs import DROPPED, ENDED
from ledger_pipelines.accruals.sales import DAYS, EVEN_MONTHS, ByMonth, Documents, Sales, Terms
from ledger_pipelines.accruals.schedule import Schedule
from ledger_pipelines.accruals.versions import SaleVersions
from ledger_pipelines.columns import Int64s, Mask, half_up

#: A document is for a course that starts at most this many days after it.
DAYS_AHEAD = 60


@dataclass(frozen=True, slots=True)
class Courses:
    """The courses of sale versions, by version and start; one is known by its row number.

    `of_period` is the course of each row of the schedule.
    """

    version: Int64s
    start: Int64s
    of_period: Int64s


@dataclass(frozen=True, slots=True)
class ContractVersions:
    """Contracts as of a month: each with the documents and periods that make it then.

    A contract is known by its sale, currency and number. It has a version for each time at which its periods or its
    share of the documents change: where another service of the client comes to money or loses it, or where a course of
    the sale gets its first invoice. `until` is not included. `amounts` and `days` are the documents' by month.
    """

    sale: Int64s
    currency: Int64s
    number: Int64s
    #: The version of the client.
    client_version: Int64s
    begin: Int64s
    until: Int64s
    amounts: ByMonth
    days: ByMonth
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class _Given:
    """Documents of sale versions: the document's row, the version and the course (-1 where there is none)."""

    document: Int64s
    version: Int64s
    course: Int64s


@dataclass(frozen=True, slots=True)
class _Cuts:
    """The months from which on a sale version's contracts are others, by version and month, and the contract number of
    each cut's courses: those of cut *c* stand from `offset[c]` on, in the order of the version's courses.
    """

    version: Int64s
    begin: Int64s
    until: Int64s
    offset: Int64s
    number: Int64s


def contract_versions(sales: Sales, versions: SaleVersions, schedule: Schedule) -> ContractVersions:
    """The contracts that the documents and the sale versions' periods (`schedule`) make."""
    courses = form_courses(schedule, sales.terms.of(versions.sale))
    given = _give_documents(sales.documents, versions, courses)
    first = np.searchsorted(courses.version, np.arange(versions.sale.size))
    cuts = _cut(sales.documents, versions, courses, given, first)
    return _contracts(sales, versions, schedule, courses, given=given, cuts=cuts, first=first)


def form_courses(schedule: Schedule, terms: Terms) -> Courses:
    """The courses of the schedule's owners; `terms` are the owners'."""
    state = _Course(terms)
    number = np.zeros(schedule.row.size, dtype=np.int64)
    for rows in schedule.ranks():
        number[rows] = state.step(schedule, rows)
    packed = schedule.owner * (int(number.max(initial=0)) + 1) + number
    _, first, of_period = np.unique(packed, return_index=True, return_inverse=True)
    return Courses(schedule.owner[first], schedule.start[first], of_period)


class _Course:
    """How far the present course of each owner has come, period by period."""

    def __init__(self, terms: Terms) -> None:
        count = terms.method.size
        self._terms = terms
        self._number = np.zeros(count, dtype=np.int64)
        self._delivered = np.zeros(count, dtype=np.int64)
        self._served_to, self._latest_stop = (np.full(count, -NEVER, dtype=np.int64) for _ in range(2))
        self._over, self._decided = (np.full(count, NEVER, dtype=np.int64) for _ in range(2))
        self._ran_to_its_end = np.zeros(count, dtype=np.bool_)

    def step(self, schedule: Schedule, rows: Int64s) -> Int64s:
        """Takes the next period of these owners; the number of each one's course, from 0."""
        owner = schedule.owner[rows]
        begins = owner[schedule.start[rows] > self._over[owner]]
        self._number[begins] += 1
        self._delivered[begins] = 0
        self._served_to[begins] = self._latest_stop[begins] = -NEVER
        self._decided[begins] = NEVER
        self._ran_to_its_end[begins] = False
        self._deliver(schedule, rows, owner)
        self._decide(schedule, rows, owner)
        delivered = self._all_delivered(owner)
        self._over[owner] = np.minimum(
            np.where(delivered, self._served_to[owner], NEVER), self._decided[owner]
        )
        return self._number[owner]

    def _deliver(self, schedule: Schedule, rows: Int64s, owner: Int64s) -> None:
        start, end, stop = schedule.start[rows], schedule.end[rows], schedule.stop[rows]
        begin = np.maximum(start, self._served_to[owner] + 1)
        days, served = np.maximum(end - begin + 1, 0), np.maximum(stop - begin + 1, 0)
        left = self._terms.sessions[owner] - self._delivered[owner]
        planned = np.minimum(half_up(days * self._terms.per_week[owner], 7), left)
        self._delivered[owner] += half_up(planned * served, np.maximum(days, 1))
        takes_part = (days > 0) & ((stop == end) | (served > 0))
        by_days = self._terms.method[owner] == DAYS
        self._ran_to_its_end[owner] = np.where(by_days & takes_part, stop == end, self._ran_to_its_end[owner])
        self._served_to[owner] = np.maximum(self._served_to[owner], np.where(stop >= start, stop, -NEVER))

    def _decide(self, schedule: Schedule, rows: Int64s, owner: Int64s) -> None:
        start, end, stop = schedule.start[rows], schedule.end[rows], schedule.stop[rows]
        status, changed = schedule.status[rows], schedule.changed[rows]
        decides = stop >= self._latest_stop[owner]
        ended = np.where(changed < NEVER, changed, end)
        day = np.select([status == DROPPED, status == ENDED], [changed, ended], NEVER)
        self._decided[owner] = np.where(decides, day, self._decided[owner])
        self._latest_stop[owner] = np.maximum(self._latest_stop[owner], stop)
        by_months = self._terms.method[owner] == EVEN_MONTHS
        touches_all = (stop >= start) & (months_of(stop) == months_of(end))
        self._ran_to_its_end[owner] = np.where(by_months & decides, touches_all, self._ran_to_its_end[owner])

    def _all_delivered(self, owner: Int64s) -> Mask:
        by_sessions = (self._terms.method[owner] != DAYS) & (self._terms.method[owner] != EVEN_MONTHS)
        whole: Mask = np.where(
            by_sessions, self._delivered[owner] >= self._terms.sessions[owner], self._ran_to_its_end[owner]
        )
        return whole


def _give_documents(documents: Documents, versions: SaleVersions, courses: Courses) -> _Given:
    first, end = (np.searchsorted(versions.sale, documents.sale, side) for side in ("left", "right"))
    document, place = runs(end - first)
    version = first[document] + place
    course = _latest_course(courses, version, documents.day[document] + DAYS_AHEAD)
    # A credit note's invoice is of the same sale, so its rows stand at the same places.
    parent = documents.parent[document]
    starts = np.cumsum(end - first) - (end - first)
    of_parent = course[np.where(parent >= 0, starts[parent] + place, 0)] if course.size else course
    course = np.where(parent >= 0, of_parent, course)
    still = documents.month[document] < versions.until[version]
    return _Given(document[still], version[still], course[still])


def _latest_course(courses: Courses, version: Int64s, day: Int64s) -> Int64s:
    """The latest course of each version that starts by the day, else its first; -1 for a version without any."""
    at = np.searchsorted(keyed(courses.version, courses.start), keyed(version, day), "right") - 1
    first = np.searchsorted(courses.version, version)
    has_any = first < courses.version.size
    has_any[has_any] = courses.version[first[has_any]] == version[has_any]
    found: Int64s = np.where(has_any, np.maximum(at, first), -1)
    return found


def _cut(
    documents: Documents, versions: SaleVersions, courses: Courses, given: _Given, first: Int64s
) -> _Cuts:
    invoiced_from = np.full(courses.version.size, NEVER, dtype=np.int64)
    invoices = (documents.amount[given.document] > 0) & (given.course >= 0)
    np.minimum.at(invoiced_from, given.course[invoices], documents.month[given.document[invoices]])
    count = np.bincount(courses.version, minlength=versions.sale.size)
    splits = (count[courses.version] > 1) & (invoiced_from > versions.begin[courses.version])
    splits &= invoiced_from < versions.until[courses.version]
    everywhere = np.arange(versions.sale.size)
    version = np.concatenate([everywhere, courses.version[splits]])
    begin = np.concatenate([versions.begin, invoiced_from[splits]])
    _, chosen = np.unique(keyed(version, begin), return_index=True)
    version, begin = version[chosen], begin[chosen]
    last = np.append(version[1:] != version[:-1], True)[: version.size]
    until = np.where(last, versions.until[version], np.append(begin[1:], NEVER)[: version.size])
    cut, place = runs(count[version])
    invoiced = invoiced_from[first[version[cut]] + place] <= begin[cut]
    so_far = np.cumsum(invoiced)
    offset = np.cumsum(count[version]) - count[version]
    before = np.append(0, so_far)[offset]
    return _Cuts(version, begin, until, offset, np.maximum(so_far - before[cut], 1))


def _contracts(
    sales: Sales,
    versions: SaleVersions,
    schedule: Schedule,
    courses: Courses,
    *,
    given: _Given,
    cuts: _Cuts,
    first: Int64s,
) -> ContractVersions:
    documents, currencies = sales.documents, max(len(sales.currencies), 1)
    row, cut = _joined(given.version, cuts.version)
    within = documents.month[given.document[row]] < cuts.until[cut]
    row, cut = row[within], cut[within]
    document, course = given.document[row], given.course[row]
    number = np.ones(row.size, dtype=np.int64)
    has_course = course >= 0
    at = cuts.offset[cut] + course - first[cuts.version[cut]]
    number[has_course] = cuts.number[at[has_course]]
    numbers = int(cuts.number.max(initial=1)) + 1
    packed = (cut * numbers + number) * currencies + documents.currency[document]
    keys, contract = np.unique(packed, return_inverse=True)
    group, currency = np.divmod(keys, currencies)
    of_cut, contract_number = np.divmod(group, numbers)
    version = cuts.version[of_cut]
    months = documents.month[document]
    # Periods: those of the courses with the contract's number.
    period, cut = _joined(schedule.owner, cuts.version)
    place = courses.of_period[period] - first[cuts.version[cut]]
    owner_group = cut * numbers + cuts.number[cuts.offset[cut] + place]
    held, whose = _joined(owner_group, group)
    order = np.lexsort((period[held], whose))
    return ContractVersions(
        sale=versions.sale[version],
        currency=currency,
        number=contract_number,
        client_version=versions.client_version[version],
        begin=cuts.begin[of_cut],
        until=cuts.until[of_cut],
        amounts=ByMonth.of(months, contract, documents.amount[document]),
        days=ByMonth.of(months, contract, documents.day[document]),
        schedule=schedule.of(period[held][order], whose[order]),
    )


def _joined(keys: Int64s, among: Int64s) -> tuple[Int64s, Int64s]:
    """The rows of `keys`, and those of the ascending `among` with the same value, pair by pair."""
    first, end = (np.searchsorted(among, keys, side) for side in ("left", "right"))
    row, place = runs(end - first)
    return row, first[row] + place
