"""Which sales a service period belongs to (rules/accruals.md, Service periods).

A membership belongs to the clients with its user, or when there is none to those with one of its e-mail addresses; each
of several Holded contacts with that address takes it. Of the services that compete at a client (`versions`) it belongs
to one:

- A client with one service takes it, whatever the program.
- Otherwise it is the service with the program's name or slug, else the only one whose name contains it as
  whole words; case and punctuation do not matter. None or several: the period is unassigned.
- Contracts of one service in two currencies share the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import mapped, runs, words
from ledger_pipelines.accruals.people import match_people
from ledger_pipelines.accruals.sales import Sales
from ledger_pipelines.accruals.versions import SaleVersions
from ledger_pipelines.columns import Column, Int64s, column, int64s, positions, take

_NONE, _CONTAINS, _EQUAL, _ONLY = range(4)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Periods and sale versions that belong together, and periods and client versions that found no sale.

    Periods are row numbers of the input; the first two are ordered by sale version, the others by client version, and
    then by the period's start and id.
    """

    period: Int64s
    version: Int64s
    unassigned_period: Int64s
    unassigned_client: Int64s


def assign_periods(sales: Sales, versions: SaleVersions, clients: pa.Table, periods: pa.Table) -> Assignment:
    """The sale versions of each period; a period of nobody with a contract is left out."""
    person, of_person = _clients_of(sales, clients, periods)
    first, end = (np.searchsorted(versions.clients.client, person, side) for side in ("left", "right"))
    owner, place = runs(end - first)
    client, period = first[owner] + place, of_person[owner]
    # The sale versions that compete, by client version.
    rivals = np.flatnonzero(versions.competes)
    rivals = rivals[np.argsort(versions.client_version[rivals], kind="stable")]
    first, end = (
        np.searchsorted(versions.client_version[rivals], client, side) for side in ("left", "right")
    )
    pair, place = runs(end - first)
    version = rivals[first[pair] + place]
    level = _levels(sales, periods, versions.sale[version], period[pair])
    level = np.where((end - first)[pair] == 1, _ONLY, level)
    best, ties = np.zeros(client.size, dtype=np.int64), np.zeros(client.size, dtype=np.int64)
    np.maximum.at(best, pair, level)
    np.add.at(ties, pair, level == best[pair])
    settled = (best > _NONE) & (ties == 1)
    taken = settled[pair] & (level == best[pair])
    return Assignment(
        *_ordered(periods, period[pair[taken]], version[taken]),
        *_ordered(periods, period[~settled], client[~settled]),
    )


def _ordered(periods: pa.Table, period: Int64s, owner: Int64s) -> tuple[Int64s, Int64s]:
    starts, ids = int64s(column(periods, "start_date")), int64s(column(periods, "id"))
    order = np.lexsort((ids[period], starts[period], owner))
    return period[order], owner[order]


def _clients_of(sales: Sales, clients: pa.Table, periods: pa.Table) -> tuple[Int64s, Int64s]:
    """Pairs of a client with sales and a period of theirs."""
    row, period = match_people(clients, periods)
    client = positions(take(column(clients, "contact_id"), row), sales.client_ids)
    return client[client >= 0], period[client >= 0]


def _levels(sales: Sales, periods: pa.Table, sale: Int64s, period: Int64s) -> Int64s:
    """How well the service of each sale fits the program of each period, element by element."""
    texts: Any = [
        mapped(column(periods, name), words).fill_null("") for name in ("program_name", "program_slug")
    ]
    programs: Column = pc.binary_join_element_wise(*texts, pa.scalar("\n"))
    encoded = programs.dictionary_encode()
    names = mapped(sales.service_names, words).fill_null("").to_pylist()
    known = encoded.dictionary.to_pylist()
    width = max(len(known), 1)
    packed = sales.service[sale] * width + int64s(encoded.indices)[period]
    distinct, at = np.unique(packed, return_inverse=True)
    levels = [_level(names[one // width], known[one % width].split("\n")) for one in distinct.tolist()]
    return np.array(levels, dtype=np.int64)[at] if levels else at


def _level(service: str, program: list[str]) -> int:
    wanted = [text for text in program if text]
    if service in wanted:
        return _EQUAL
    return _CONTAINS if any(f" {text} " in f" {service} " for text in wanted) else _NONE
