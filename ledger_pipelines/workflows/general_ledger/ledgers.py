"""The ledgers as a person reads them: who owes what and for how long, and what moved each party's balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.general_ledger.aging import COLUMNS, age
from ledger_pipelines.months import last_day
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.parties import read_party, read_party_changes
from ledger_pipelines.store.snapshots import computed_months
from ledger_pipelines.workflows.general_ledger.sub_ledgers import CUSTOMER, TABLES
from ledger_pipelines.workflows.general_ledger.verification import open_items


@dataclass(frozen=True, slots=True)
class PartyLedger:
    """A party on a day: its name, what is open (`OPEN_ITEMS`), and each change with the balance after it."""

    party: str
    name: str
    ledger: str
    items: list[dict[str, Any]]
    changes: list[dict[str, Any]]

    @property
    def balances(self) -> dict[str, Decimal]:
        """What is open in all, by currency."""
        found: dict[str, Decimal] = {}
        for item in self.items:
            found[item["currency"]] = found.get(item["currency"], Decimal(0)) + item["remaining"]
        return found


def months_with_ledgers(database: Database) -> list[date]:
    """The months whose sub-ledgers were computed, the latest first."""
    with database.connect() as connection:
        return computed_months(connection, CUSTOMER)[::-1]


def last_computed_day(database: Database, today: date) -> date | None:
    """The last day up to today that the sub-ledgers have; None where they were never computed."""
    before = [month for month in months_with_ledgers(database) if month <= today]
    return min(today, last_day(before[0])) if before else None


def aging_on(database: Database, day: date, ledger: str) -> list[Mapping[str, Any]]:
    """Who owes what on a day (`customer`), or is owed (`supplier`): a row for each party and currency, with `total`."""
    with database.connect() as connection:
        items = open_items(connection, TABLES[ledger], day)
    names = dict(zip(items["party"].to_pylist(), items["name"].to_pylist(), strict=True))
    columns = [items[name].to_pylist() for name in ("party", "currency", "due_date", "remaining")]
    return [
        {
            "party": party,
            "name": names[party],
            "currency": currency,
            **{name: getattr(aging, name) for name in COLUMNS},
            "total": aging.total,
        }
        for (party, currency), aging in age(zip(*columns, strict=True), day).items()
    ]


def party_ledger(database: Database, party: str, day: date) -> PartyLedger:
    """A party's open items on a day, and its changes up to it. Raises LedgerError where there is no such party."""
    with database.connect() as connection:
        found = read_party(connection, party)
        if found is None:
            raise LedgerError(
                f"There is no party {party[:100]!r} in the ledgers: a party is written with its kind, as "
                "'customer:10021' or 'supplier:50007', and found by its name on /ledgers."
            )
        ledger, name = found
        items = [
            row for row in open_items(connection, TABLES[ledger], day).to_pylist() if row["party"] == party
        ]
        changes = read_party_changes(connection, TABLES[ledger], party, day)
    return PartyLedger(party, name, ledger, items, changes)
