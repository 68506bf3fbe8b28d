"""Which services of a client compete for service periods, as of each month (rules/accruals.md, Contracts).

Only services with money compete: one whose documents come to nothing (an invoice that was credited and made out anew
for another service) or to less has nothing to deliver. Where no service has money, all compete. What a later document
does changes no earlier month, so a client's sales have a *version* for each time at which one of them comes to money
or loses it. A client with one service has one version.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ledger_pipelines.accruals.columns import ALWAYS, NEVER, keyed, runs, summed
from ledger_pipelines.accruals.sales import Sales
from ledger_pipelines.columns import Int64s, Mask


@dataclass(frozen=True, slots=True)
class ClientVersions:
    """Clients as of a month, by client and month; one is known by its row number. `until` is not included."""

    client: Int64s
    begin: Int64s
    until: Int64s


@dataclass(frozen=True, slots=True)
class SaleVersions:
    """Sales as of a month, by sale and month: each with its client's version, and whether it competes."""

    clients: ClientVersions
    sale: Int64s
    client_version: Int64s
    competes: Mask

    @property
    def begin(self) -> Int64s:
        """The first month of each."""
        return self.clients.begin[self.client_version]

    @property
    def until(self) -> Int64s:
        """The month with which the next version begins."""
        return self.clients.until[self.client_version]


@dataclass(frozen=True, slots=True)
class _Turns:
    """Months from which on a sale has money, or has none any more; by sale and month."""

    sale: Int64s
    month: Int64s
    has_money: Mask


def sale_versions(sales: Sales) -> SaleVersions:
    """The versions of all sales."""
    turns = _turns(sales)
    clients = _client_versions(sales, turns)
    first, end = (np.searchsorted(clients.client, sales.client, side) for side in ("left", "right"))
    sale, place = runs(end - first)
    version = first[sale] + place
    has_money = _has_money(turns, sale, clients.begin[version])
    solvent = np.zeros(clients.client.size, dtype=np.bool_)
    solvent[version[has_money]] = True
    alone = np.bincount(sales.client, minlength=len(sales.client_ids)) == 1
    competes = has_money | ~solvent[version] | alone[sales.client[sale]]
    return SaleVersions(clients, sale, version, competes)


def _turns(sales: Sales) -> _Turns:
    """Of clients with several services; it bears on no other."""
    documents = sales.documents
    several = np.bincount(sales.client, minlength=len(sales.client_ids)) > 1
    rows = np.flatnonzero(several[sales.client[documents.sale]])
    keys, first, group = np.unique(
        keyed(documents.sale[rows], documents.month[rows]), return_index=True, return_inverse=True
    )
    sale, month = documents.sale[rows][first], documents.month[rows][first]
    totals = np.cumsum(summed(documents.amount[rows], group, keys.size))
    starts = np.append(True, sale[1:] != sale[:-1])[: sale.size]
    earlier = np.append(0, totals)[: sale.size][starts]
    has_money = totals - np.repeat(earlier, np.diff(np.append(np.flatnonzero(starts), sale.size))) > 0
    before = np.append(False, has_money)[: sale.size] & ~starts
    turned = has_money != before
    return _Turns(sale[turned], month[turned], has_money[turned])


def _client_versions(sales: Sales, turns: _Turns) -> ClientVersions:
    everybody = np.arange(len(sales.client_ids))
    client = np.concatenate([everybody, sales.client[turns.sale]])
    begin = np.concatenate([np.full(everybody.size, ALWAYS, dtype=np.int64), turns.month])
    _, first = np.unique(keyed(client, begin), return_index=True)
    client, begin = client[first], begin[first]
    last = np.append(client[1:] != client[:-1], True)[: client.size]
    return ClientVersions(client, begin, np.where(last, NEVER, np.append(begin[1:], NEVER)[: client.size]))


def _has_money(turns: _Turns, sale: Int64s, month: Int64s) -> Mask:
    """Whether each sale has money as of the month's end."""
    at = np.searchsorted(keyed(turns.sale, turns.month), keyed(sale, month), "right") - 1
    found = at >= 0
    found[found] = turns.sale[at[found]] == sale[found]
    has_money = np.zeros(sale.size, dtype=np.bool_)
    has_money[found] = turns.has_money[at[found]]
    return has_money
