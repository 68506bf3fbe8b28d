"""Which contracts a service period belongs to (rules/accruals.md, Service periods).

A membership belongs to the clients with its user, or when there is none to those with its e-mail; each of
several Holded contacts with that e-mail takes it. Of a client's contracts it belongs to those of one service:

- Only services with money compete: one whose documents come to nothing (an invoice that was credited and
  made out anew for another service) or to less has nothing to deliver. Where no service has money, all compete.
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

from ledger_pipelines.accruals.columns import folded, mapped, runs, words
from ledger_pipelines.accruals.contracts import Contracts
from ledger_pipelines.columns import Column, Int64s, Mask, column, int64s, positions, take

_NONE, _CONTAINS, _EQUAL, _ONLY = range(4)


@dataclass(frozen=True, slots=True)
class Assignment:
    """Periods and contracts that belong together, and periods and clients that found no contract.

    Periods are row numbers of the input, contracts and clients their numbers in `Contracts`; the first two
    are ordered by contract, the others by client, and then by the period's start and id.
    """

    period: Int64s
    contract: Int64s
    unassigned_period: Int64s
    unassigned_client: Int64s


@dataclass(frozen=True, slots=True)
class _Groups:
    """The services that compete at each client, ordered by client, and the contracts of each."""

    client: Int64s
    service: Int64s
    contracts: Int64s
    sizes: Int64s


def assign_periods(contracts: Contracts, clients: pa.Table, periods: pa.Table) -> Assignment:
    """The contracts of each period; a period of nobody with a contract is left out."""
    client, period = _clients_of(contracts, clients, periods)
    groups = _competing(contracts)
    first, last = np.searchsorted(groups.client, client), np.searchsorted(groups.client, client, "right")
    pair, place = runs(last - first)
    group = first[pair] + place
    level = _levels(contracts, groups, periods, group, period[pair])
    level = np.where((last - first)[pair] == 1, _ONLY, level)
    best, ties = np.zeros(client.size, dtype=np.int64), np.zeros(client.size, dtype=np.int64)
    np.maximum.at(best, pair, level)
    np.add.at(ties, pair, level == best[pair])
    settled = (best > _NONE) & (ties == 1)
    taken = settled[pair] & (level == best[pair])
    owner, at = runs(groups.sizes[group[taken]])
    starts = np.cumsum(groups.sizes) - groups.sizes
    contract = groups.contracts[starts[group[taken]][owner] + at]
    left_client, left_period = client[~settled], period[~settled]
    return Assignment(
        *_ordered(periods, period[pair][taken][owner], contract),
        *_ordered(periods, left_period, left_client),
    )


def _ordered(periods: pa.Table, period: Int64s, owner: Int64s) -> tuple[Int64s, Int64s]:
    starts, ids = int64s(column(periods, "start_date")), int64s(column(periods, "id"))
    order = np.lexsort((ids[period], starts[period], owner))
    return period[order], owner[order]


def _clients_of(contracts: Contracts, clients: pa.Table, periods: pa.Table) -> tuple[Int64s, Int64s]:
    """Pairs of a client with contracts and a period of theirs."""
    by_user, at_user = _matches(column(periods, "user_id"), column(clients, "user_id"))
    has_user = np.zeros(periods.num_rows, dtype=np.bool_)
    has_user[by_user] = True
    by_email, at_email = _matches(folded(column(periods, "email")), folded(column(clients, "email")))
    period = np.concatenate([by_user, by_email[~has_user[by_email]]])
    row = np.concatenate([at_user, at_email[~has_user[by_email]]])
    client = positions(take(column(clients, "contact_id"), row), contracts.client_ids)
    return client[client >= 0], period[client >= 0]


def _matches(left: Column, right: Column) -> tuple[Int64s, Int64s]:
    """The rows of both columns with equal values; null is equal to nothing."""
    distinct = right.drop_null().unique()
    wanted, found = positions(left, distinct), positions(right, distinct)
    order = np.argsort(found, kind="stable")
    known = np.flatnonzero(wanted >= 0)
    first, last = (np.searchsorted(found[order], wanted[known], side) for side in ("left", "right"))
    owner, place = runs(last - first)
    return known[owner], order[first[owner] + place]


def _competing(contracts: Contracts) -> _Groups:
    packed = contracts.client * len(contracts.service_ids) + contracts.service
    _, first, group = np.unique(packed, return_index=True, return_inverse=True)
    client, service = contracts.client[first], contracts.service[first]
    with_money = np.zeros(first.size, dtype=np.bool_)
    with_money[group[contracts.has_money]] = True
    solvent: Mask = np.zeros(len(contracts.client_ids), dtype=np.bool_)
    solvent[client[with_money]] = True
    competes = with_money | ~solvent[client]
    members = np.flatnonzero(competes[group])
    # Contracts are ordered by client and service, so a group's stand together.
    return _Groups(
        client[competes], service[competes], members, np.bincount(group, minlength=first.size)[competes]
    )


def _levels(
    contracts: Contracts, groups: _Groups, periods: pa.Table, group: Int64s, period: Int64s
) -> Int64s:
    """How well the service of each group fits the program of each period, element by element."""
    texts: Any = [
        mapped(column(periods, name), words).fill_null("") for name in ("program_name", "program_slug")
    ]
    programs: Column = pc.binary_join_element_wise(*texts, pa.scalar("\n"))
    encoded = programs.dictionary_encode()
    names, known = (
        mapped(contracts.service_names, words).fill_null("").to_pylist(),
        encoded.dictionary.to_pylist(),
    )
    width = max(len(known), 1)
    packed = groups.service[group] * width + int64s(encoded.indices)[period]
    distinct, at = np.unique(packed, return_inverse=True)
    levels = [_level(names[one // width], known[one % width].split("\n")) for one in distinct.tolist()]
    return np.array(levels, dtype=np.int64)[at] if levels else at


def _level(service: str, program: list[str]) -> int:
    wanted = [text for text in program if text]
    if service in wanted:
        return _EQUAL
    return _CONTAINS if any(f" {text} " in f" {service} " for text in wanted) else _NONE
