"""Accruals as a sheet: a row for a contract and a service period, a column for a month (rules/accruals.md, Export)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.accruals.columns import NEVER
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import CONTRACT_KEY
from ledger_pipelines.accruals.recognition import gather

#: What a row says before its months.
COLUMNS = (
    "Contract start date",
    "Client",
    "Email",
    "Contract Status",
    "Service",
    "Period",
    "Period Status",
    "Status Change Date",
    "Total to accrue",
    "Pending to accrue",
    "Period start date",
    "Period end date",
    "Currency",
)

_Contract = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class AccrualRow:
    """A contract and one of its service periods, with what each month recognised; in the order of COLUMNS.

    The contract's status and amounts are those of the last month that it has a row in. The amounts stand in its first
    row only, so that the sum of a sheet's column is right.
    """

    contract_date: date
    client: str
    email: str | None
    contract_status: str
    service: str
    period: str | None
    period_status: str | None
    status_change_date: date | None
    total: Decimal | None
    pending: Decimal | None
    start_date: date | None
    end_date: date | None
    currency: str
    #: By month; a month in which nothing was recognised is not there.
    recognised: dict[date, Decimal]

    @property
    def facts(self) -> tuple[str | date | Decimal | None, ...]:
        """What stands before the months: the values of COLUMNS."""
        return tuple(getattr(self, field.name) for field in fields(self)[: len(COLUMNS)])


def month_title(month: date) -> str:
    """A month as the head of its column, such as `March 2024`."""
    return f"{month:%B %Y}"


def accrual_rows(inputs: AccrualInputs, accruals: pa.Table) -> Iterator[AccrualRow]:
    """The rows of the contracts in `accruals` (monthly_accruals of some months), by contract and period.

    `inputs` say what belongs to the contracts; its periods must have their `cohort_slug`. A contract without a
    period has one row, and so has a period that is the contract's no more, where something was recognised at it.
    """
    latest: dict[_Contract, dict[str, Any]] = {}
    recognised: dict[_Contract, dict[int | None, dict[date, Decimal]]] = defaultdict(dict)
    for row in accruals.sort_by("month").to_pylist():
        contract = tuple(row[name] for name in CONTRACT_KEY)
        latest[contract] = row
        of_period = recognised[contract].setdefault(row["period_id"], {})
        of_period[row["month"]] = of_period.get(row["month"], Decimal(0)) + row["recognised"]
    owned = _periods_of_contracts(inputs)
    periods = {row["id"]: row for row in inputs.periods.to_pylist()}
    clients = {row["contact_id"]: row for row in inputs.clients.to_pylist()}
    services = {row["id"]: row["name"] for row in inputs.services.to_pylist()}
    for contract in sorted(latest):
        shown: list[int | None] = list(owned.get(contract, []))
        lost = [one for one in recognised[contract] if one not in shown]
        for place, period in enumerate(shown + lost):
            yield _row(
                latest[contract] | ({} if place == 0 else {"contract_amount": None, "pending": None}),
                clients.get(contract[0], {}),
                services.get(contract[1], contract[1]),
                periods.get(period, {}),
                recognised[contract].get(period, {}),
            )


def _periods_of_contracts(inputs: AccrualInputs) -> dict[_Contract, list[int]]:
    """The ids of each contract's service periods, in the order of their starts."""
    known = gather(inputs)
    contracts, schedule = known.contracts, known.contracts.versions.schedule
    keys = [tuple(row.values()) for row in contracts.keys.to_pylist()]
    ids = known.periods["id"].to_pylist()
    of_version: dict[int, list[int]] = defaultdict(list)
    for version, row in zip(schedule.owner.tolist(), schedule.row.tolist(), strict=True):
        of_version[version].append(ids[row])
    latest = contracts.version_at(NEVER - 1).tolist()
    return {
        key: of_version[version] for key, version in zip(keys, latest, strict=True) if version in of_version
    }


def _row(
    accrual: dict[str, Any],
    client: dict[str, Any],
    service: str,
    period: dict[str, Any],
    recognised: dict[date, Decimal],
) -> AccrualRow:
    return AccrualRow(
        accrual["contract_date"],
        client.get("name", accrual["contact_id"]),
        client.get("email"),
        accrual["contract_status"],
        service,
        period.get("cohort_slug"),
        period.get("status"),
        period.get("status_change_date"),
        accrual["contract_amount"],
        accrual["pending"],
        period.get("start_date"),
        period.get("end_date"),
        accrual["currency"],
        {month: amount for month, amount in recognised.items() if amount},
    )
