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
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.accruals.columns import words
from ledger_pipelines.accruals.people import match_people
from ledger_pipelines.accruals.sales import Sales
from ledger_pipelines.accruals.versions import SaleVersions
from ledger_pipelines.columns import Int64s, array, column, positions, take
from ledger_pipelines.frames import Series, column_of, mapped

_NONE, _CONTAINS, _EQUAL, _ALONE = range(4)
_PAIR = ["client_version", "period"]
#: Stands in no name.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Periods and sale versions that belong together, and periods and client versions that found no sale.

    Periods are row numbers of the input; the first two are ordered by sale version, the others by client version, and
    then by the period.
    """

    period: Int64s
    version: Int64s
    unassigned_period: Int64s
    unassigned_client: Int64s


def assign_periods(sales: Sales, versions: SaleVersions, clients: pa.Table, periods: pa.Table) -> Assignment:
    """The sale versions of each period; a period of nobody with a contract is left out."""
    found = _periods_of_clients(sales, clients, periods).merge(_competing(sales, versions), on="client")
    level = _levels(found, sales, periods).mask(found["is_alone"], _ALONE)
    found = found.assign(level=level).sort_values([*_PAIR, "level"])
    is_tied = found.duplicated([*_PAIR, "level"], keep=False)
    best = found.assign(is_settled=(found["level"] > _NONE) & ~is_tied).drop_duplicates(_PAIR, keep="last")
    taken = best[best["is_settled"]].sort_values(["version", "period"])
    unassigned = best[~best["is_settled"]]
    return Assignment(
        *(taken[name].to_numpy() for name in ("period", "version")),
        *(unassigned[name].to_numpy() for name in ("period", "client_version")),
    )


def _periods_of_clients(sales: Sales, clients: pa.Table, periods: pa.Table) -> pd.DataFrame:
    """Pairs of a client (by number, -1 without sales) and a period of theirs."""
    row, period = match_people(clients, periods)
    client = positions(take(column(clients, "contact_id"), row), sales.client_ids)
    return pd.DataFrame({"client": client, "period": period})


def _competing(sales: Sales, versions: SaleVersions) -> pd.DataFrame:
    """The sale versions that compete, and whether each is alone at its client's version."""
    version = np.flatnonzero(versions.competes)
    sale = versions.sale[version]
    rivals = pd.DataFrame(
        {
            "client": sales.client[sale],
            "client_version": versions.client_version[version],
            "version": version,
            "service": sales.service[sale],
        }
    )
    return rivals.assign(is_alone=~rivals.duplicated("client_version", keep=False))


def _levels(found: pd.DataFrame, sales: Sales, periods: pa.Table) -> Series:
    """How well each service fits the program of the period beside it."""
    period, service = array(found["period"]), array(found["service"])
    texts: list[Any] = [
        sales.service_names.take(service),
        *(column(periods, name).take(period).fill_null("") for name in ("program_name", "program_slug")),
    ]
    service_and_program = pc.binary_join_element_wise(*texts, pa.scalar(_SEPARATOR))
    return mapped(column_of(service_and_program, found.index), _level, pa.int64()).astype("int64")


def _level(text: str) -> int:
    """How well a service, the first part of the text, fits a program, whose name and slug are the others."""
    service, *program = map(words, text.split(_SEPARATOR))
    wanted = [one for one in program if one]
    if service in wanted:
        return _EQUAL
    return _CONTAINS if any(f" {one} " in f" {service} " for one in wanted) else _NONE
