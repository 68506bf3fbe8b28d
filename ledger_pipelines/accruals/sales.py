"""What clients bought, as the documents and the closed months say it.

A *sale* is a client and a service. Its documents and service periods make one or more contracts (`courses`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import months_of, ranked, summed
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import CONTRACT_STATUSES
from ledger_pipelines.columns import (
    Column,
    Int64s,
    array,
    column,
    filter_rows,
    int64s,
    positions,
    small_units,
    take,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import AMOUNT

METHODS = ("sessions", "days", "even_months")
SESSIONS, DAYS, EVEN_MONTHS = range(3)
DEFAULT_SESSIONS, DEFAULT_PER_WEEK = 60, 3


@dataclass(frozen=True, slots=True)
class ByMonth:
    """Values of owners by month; `months` ascends."""

    months: Int64s
    owner: Int64s
    values: Int64s

    @classmethod
    def of(cls, months: Int64s, owner: Int64s, values: Int64s) -> ByMonth:
        """The values in the order of their months."""
        order = np.argsort(months, kind="stable")
        return cls(months[order], owner[order], values[order])

    def rows(self, month: int) -> slice:
        """Where the month's values stand."""
        start, end = np.searchsorted(self.months, [month, month + 1])
        return slice(int(start), int(end))

    def total(self, count: int, month: int) -> Int64s:
        """The month's sum for each of `count` owners."""
        at = self.rows(month)
        return summed(self.values[at], self.owner[at], count)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a service is delivered."""

    sessions: Int64s
    per_week: Int64s
    method: Int64s

    def of(self, rows: Int64s) -> Terms:
        """The terms at these rows."""
        return Terms(self.sessions[rows], self.per_week[rows], self.method[rows])


@dataclass(frozen=True, slots=True)
class Documents:
    """What documents change, a row for a document, sale, currency and month; amounts in hundredths.

    `day` is the document's own. `parent` is a row of the invoice that a credit note of the same sale was made from;
    -1 where there is none.
    """

    month: Int64s
    sale: Int64s
    currency: Int64s
    day: Int64s
    amount: Int64s
    parent: Int64s


@dataclass(frozen=True, slots=True)
class Bookings:
    """What closed months recognised of contracts, each known by its sale, currency and number.

    `status` is the contract's then, -1 where its amount was not positive.
    """

    month: Int64s
    sale: Int64s
    currency: Int64s
    number: Int64s
    day: Int64s
    recognised: Int64s
    status: Int64s


@dataclass(frozen=True, slots=True)
class Sales:
    """All clients with a service, by client and service; one is known by its row number."""

    client: Int64s
    service: Int64s
    #: The ids of clients, services and currencies by their numbers.
    client_ids: Column
    service_ids: Column
    currencies: Column
    #: Names by the services' numbers; the id where there is none.
    service_names: Column
    #: Of each sale.
    terms: Terms
    documents: Documents
    bookings: Bookings

    @property
    def count(self) -> int:
        """How many sales there are."""
        return int(self.client.size)


def read_sales(inputs: AccrualInputs) -> Sales:
    """The sales with their documents, bookings and terms.

    Raises FrameError for a missing column or wrong type, LedgerError for terms or amounts that cannot be.
    """
    changes, booked = inputs.read("contracts"), _of_closed_months(inputs)
    names = ["month", "contact_id", "service_id", "currency", "contract_date"]
    both = pa.concat_tables([changes.select(names), booked.select(names)])
    client, client_ids = ranked(column(both, "contact_id"))
    service, service_ids = ranked(column(both, "service_id"))
    currency, currencies = ranked(column(both, "currency"))
    _, first, sale = np.unique(client * len(service_ids) + service, return_index=True, return_inverse=True)
    months, days = months_of(int64s(column(both, "month"))), int64s(column(both, "contract_date"))
    split = changes.num_rows
    services = inputs.read("services")
    at = positions(service_ids, column(services, "id"))
    statuses = positions(column(booked, "contract_status"), array(CONTRACT_STATUSES))
    return Sales(
        client=client[first],
        service=service[first],
        client_ids=client_ids,
        service_ids=service_ids,
        currencies=currencies,
        service_names=pc.coalesce(take(column(services, "name"), at), service_ids),
        terms=_terms(services, at).of(service[first]),
        documents=Documents(
            months[:split],
            sale[:split],
            currency[:split],
            days[:split],
            _small_enough(column(changes, "amount")),
            _parents(changes, sale[:split]),
        ),
        bookings=Bookings(
            months[split:],
            sale[split:],
            currency[split:],
            int64s(column(booked, "contract_number")),
            days[split:],
            _small_enough(column(booked, "recognised")),
            np.where(small_units(column(booked, "contract_amount")) > 0, statuses, -1),
        ),
    )


def _of_closed_months(inputs: AccrualInputs) -> pa.Table:
    booked = inputs.read("booked")
    closed = array(sorted(inputs.closed_months), pa.date32())
    return filter_rows(booked, positions(column(booked, "month"), closed) >= 0)


def _parents(changes: pa.Table, sale: Int64s) -> Int64s:
    """For each row a row of the same sale whose document this one was made from; -1 without one."""
    ids, codes = column(changes, "document_id"), pc.unique(column(changes, "document_id"))
    made_from = positions(column(changes, "made_from"), codes)
    has_id = positions(ids, array([""], pa.string())) < 0
    keys = np.where(has_id, sale * (len(codes) + 1) + positions(ids, codes), -1)
    wanted = np.where(made_from >= 0, sale * (len(codes) + 1) + made_from, -2)
    # Of several rows of one document all say the same: they have one date.
    return positions(array(wanted), array(keys))


def _small_enough(amounts: Column) -> Int64s:
    """Amounts in hundredths, of which every sum fits 64 bits.

    Raises LedgerError when they come to more than an amount may have.
    """
    sizes = pc.sum(pc.abs(amounts)).as_py() or 0
    if sizes * 100 >= 10**AMOUNT.precision:
        raise LedgerError(
            f"The contracts' amounts come to {sizes}, more than the books can hold: look for an impossible "
            "amount among the invoices."
        )
    return small_units(amounts)


def _terms(services: pa.Table, at: Int64s) -> Terms:
    """The terms of the services that stand at `at`; the defaults for -1."""
    methods = take(column(services, "method"), at).fill_null(METHODS[SESSIONS])
    method = positions(methods, array(METHODS))
    sessions = int64s(take(column(services, "total_sessions"), at), missing=DEFAULT_SESSIONS)
    per_week = int64s(take(column(services, "sessions_per_week"), at), missing=DEFAULT_PER_WEEK)
    wrong = np.flatnonzero((method < 0) | (sessions < 1) | (per_week < 1))
    if wrong.size:
        row = int(wrong[0])
        raise LedgerError(
            f"The service {services['id'][int(at[row])]} has {sessions[row]} sessions, {per_week[row]} a week, by "
            f"the method {methods[row]}: give it at least one of each, and one of the methods "
            f"{', '.join(METHODS)}."
        )
    return Terms(sessions, per_week, method)
