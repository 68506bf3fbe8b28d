"""The contracts of the books: one for each client, service, currency and course, with what closed months booked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.columns import ALWAYS, NEVER, keyed
from ledger_pipelines.accruals.courses import ContractVersions
from ledger_pipelines.accruals.outputs import CONTRACT_KEY, MONTHLY_ACCRUALS
from ledger_pipelines.accruals.sales import ByMonth, Sales
from ledger_pipelines.columns import Int64s, array, take


@dataclass(frozen=True, slots=True)
class Contracts:
    """All contracts, by client, service, currency and number; one is known by its row number.

    A contract that only a closed month knows is among them, with no amount: what was booked comes back.
    """

    #: CONTRACT_KEY of each.
    keys: pa.Table
    sales: Sales
    #: The sale and the currency's number of each, and the first month that knows it.
    sale: Int64s
    currency: Int64s
    first_month: Int64s
    versions: ContractVersions
    #: The contract of each version.
    of_version: Int64s
    #: What closed months recognised, the dates of the contracts that they knew; and, of rows with a positive amount,
    #: the contract's status then.
    booked: ByMonth
    booked_days: ByMonth
    booked_status: ByMonth
    #: The versions by contract and month, as keys and rows.
    _version_keys: Int64s
    _version_rows: Int64s

    @property
    def count(self) -> int:
        """How many contracts there are."""
        return int(self.sale.size)

    @property
    def client(self) -> Int64s:
        """The client's number of each."""
        return self.sales.client[self.sale]

    @property
    def service(self) -> Int64s:
        """The service's number of each."""
        return self.sales.service[self.sale]

    def version_at(self, month: int) -> Int64s:
        """The version of each contract in the month; the number of versions where it has none."""
        nothing = self.versions.sale.size
        if not nothing:
            return np.zeros(self.count, dtype=np.int64)
        contracts = np.arange(self.count)
        wanted = keyed(contracts, np.full(self.count, month, dtype=np.int64))
        at = np.searchsorted(self._version_keys, wanted, "right") - 1
        found = (at >= 0) & (self._version_keys[at] >= keyed(contracts, np.full(self.count, ALWAYS)))
        row = self._version_rows[at]
        return np.where(found & (self.versions.until[row] > month), row, nothing)


def read_contracts(sales: Sales, versions: ContractVersions) -> Contracts:
    """The contracts that documents make or closed months know."""
    bookings, currencies = sales.bookings, max(len(sales.currencies), 1)
    highest = int(max(versions.number.max(initial=1), bookings.number.max(initial=1))) + 1
    sale = np.concatenate([versions.sale, bookings.sale])
    currency = np.concatenate([versions.currency, bookings.currency])
    number = np.concatenate([versions.number, bookings.number])
    packed = (sale * currencies + currency) * highest + number
    _, first, contract = np.unique(packed, return_index=True, return_inverse=True)
    of_version, of_booking = contract[: versions.sale.size], contract[versions.sale.size :]
    first_month = np.full(first.size, NEVER, dtype=np.int64)
    np.minimum.at(first_month, of_version[versions.amounts.owner], versions.amounts.months)
    np.minimum.at(first_month, of_booking, bookings.month)
    keys = keyed(of_version, versions.begin)
    order = np.argsort(keys)
    positive = bookings.status >= 0
    return Contracts(
        keys=_keys(sales, sale[first], currency[first], number[first]),
        sales=sales,
        sale=sale[first],
        currency=currency[first],
        first_month=first_month,
        versions=versions,
        of_version=of_version,
        booked=ByMonth.of(bookings.month, of_booking, bookings.recognised),
        booked_days=ByMonth.of(bookings.month, of_booking, bookings.day),
        booked_status=ByMonth.of(bookings.month[positive], of_booking[positive], bookings.status[positive]),
        _version_keys=keys[order],
        _version_rows=order,
    )


def _keys(sales: Sales, sale: Int64s, currency: Int64s, number: Int64s) -> pa.Table:
    columns = [
        take(sales.client_ids, sales.client[sale]),
        take(sales.service_ids, sales.service[sale]),
        take(sales.currencies, currency),
        array(number.astype(np.int32)),
    ]
    return pa.Table.from_arrays(
        columns, schema=pa.schema([MONTHLY_ACCRUALS.field(name) for name in CONTRACT_KEY])
    )
