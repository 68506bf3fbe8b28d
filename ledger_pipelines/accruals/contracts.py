"""The contracts that the rule is about: one for each client, service and currency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import months_of, ranked
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import CONTRACT_KEY, CONTRACT_STATUSES
from ledger_pipelines.columns import (
    Column,
    Int64s,
    Mask,
    array,
    column,
    int64s,
    kept,
    positions,
    small_units,
    summed,
    take,
)
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import AMOUNT

METHODS = ("sessions", "days", "even_months")
SESSIONS, DAYS, EVEN_MONTHS = range(3)
DEFAULT_SESSIONS, DEFAULT_PER_WEEK = 60, 3


@dataclass(frozen=True, slots=True)
class ByMonth:
    """Values of contracts by month; `months` ascends."""

    months: Int64s
    contract: Int64s
    values: Int64s

    def rows(self, month: int) -> slice:
        """Where the month's values stand."""
        start, end = np.searchsorted(self.months, [month, month + 1])
        return slice(int(start), int(end))

    def total(self, count: int, month: int) -> Int64s:
        """The month's sum for each of `count` contracts."""
        at = self.rows(month)
        return summed(self.values[at], self.contract[at], count)

    def before(self, count: int, month: int) -> Int64s:
        """The sum of all earlier months for each of `count` contracts."""
        end = int(np.searchsorted(self.months, month))
        return summed(self.values[:end], self.contract[:end], count)


@dataclass(frozen=True, slots=True)
class Terms:
    """How each contract's service is delivered."""

    sessions: Int64s
    per_week: Int64s
    method: Int64s


@dataclass(frozen=True, slots=True)
class Contracts:
    """All contracts, by client, service and currency; one is known by its row number.

    A contract that only a closed month knows is among them, with no amount: what was booked comes back.
    """

    #: CONTRACT_KEY of each.
    keys: pa.Table
    #: The client's, service's and currency's number of each, and how many currencies there are.
    client: Int64s
    service: Int64s
    currency: Int64s
    currencies: Column
    #: The client's and the service's id by their numbers.
    client_ids: Column
    service_ids: Column
    #: Names by those numbers; the id where there is none.
    service_names: Column
    #: The date of the first document, as a day, and the first month.
    day: Int64s
    first_month: Int64s
    amounts: ByMonth
    #: What closed months recognised; and, of rows with a positive amount, the contract's status then.
    booked: ByMonth
    booked_status: ByMonth
    terms: Terms

    @property
    def count(self) -> int:
        """How many contracts there are."""
        return int(self.client.size)

    @property
    def has_money(self) -> Mask:
        """Whether a contract's documents come to more than nothing, over all months."""
        return summed(self.amounts.values, self.amounts.contract, self.count) > 0


def read_contracts(inputs: AccrualInputs) -> Contracts:
    """The contracts with their amounts, bookings and terms.

    Raises FrameError for a missing column or wrong type, LedgerError for terms or amounts that cannot be.
    """
    changes = inputs.read("contracts")
    booked = _of_closed_months(inputs)
    names = ["month", *CONTRACT_KEY, "contract_date"]
    both = pa.concat_tables([changes.select(names), booked.select(names)])
    client, client_ids = ranked(column(both, "contact_id"))
    service, service_ids = ranked(column(both, "service_id"))
    currency, currencies = ranked(column(both, "currency"))
    packed = (client * len(service_ids) + service) * len(currencies) + currency
    _, first, contract = np.unique(packed, return_index=True, return_inverse=True)
    months = months_of(int64s(column(both, "month")))
    split = changes.num_rows
    services = inputs.read("services")
    at = positions(service_ids, column(services, "id"))
    amounts = _small_enough(column(changes, "amount"))
    positive = small_units(column(booked, "contract_amount")) > 0
    statuses = positions(column(booked, "contract_status"), array(CONTRACT_STATUSES))
    return Contracts(
        keys=both.select(list(CONTRACT_KEY)).take(array(first)),
        client=client[first],
        service=service[first],
        currency=currency[first],
        currencies=currencies,
        client_ids=client_ids,
        service_ids=service_ids,
        service_names=pc.coalesce(take(column(services, "name"), at), service_ids),
        day=_least(int64s(column(both, "contract_date")), contract, first.size),
        first_month=_least(months, contract, first.size),
        amounts=_by_month(months[:split], contract[:split], amounts),
        booked=_by_month(months[split:], contract[split:], _small_enough(column(booked, "recognised"))),
        booked_status=_by_month(months[split:][positive], contract[split:][positive], statuses[positive]),
        terms=_terms(services, at, service[first]),
    )


def _of_closed_months(inputs: AccrualInputs) -> pa.Table:
    booked = inputs.read("booked")
    closed = array(sorted(inputs.closed_months), pa.date32())
    return kept(booked, positions(column(booked, "month"), closed) >= 0)


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


def _least(values: Int64s, contract: Int64s, count: int) -> Int64s:
    least = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(least, contract, values)
    return least


def _by_month(months: Int64s, contract: Int64s, values: Int64s) -> ByMonth:
    order = np.argsort(months, kind="stable")
    return ByMonth(months[order], contract[order], values[order])


def _terms(services: pa.Table, at: Int64s, service: Int64s) -> Terms:
    """The terms of each contract, whose service has the number `service` and stands at `at` of that number."""
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
    return Terms(sessions[service], per_week[service], method[service])
