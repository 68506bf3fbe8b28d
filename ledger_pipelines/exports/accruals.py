"""Accruals as a sheet: a row for a contract and a service period, a column for a month (rules/accruals.md, Export)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.accruals.columns import NEVER
from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import CONTRACT_KEY
from ledger_pipelines.accruals.recognition import gather
from ledger_pipelines.columns import column, take
from ledger_pipelines.frames import column_of, records_of, summed, to_pandas

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

_CONTRACT = list(CONTRACT_KEY)
#: What a row of the sheet is about.
_ROW = [*_CONTRACT, "period_id"]
#: What is said of a contract as of its last month.
_LATEST = ["contract_date", "contract_status", "contract_amount", "pending"]
#: What is said of a period, by its name in AccrualRow.
_PERIOD = {
    "id": "period_id",
    "cohort_slug": "period",
    "status": "period_status",
    "status_change_date": "status_change_date",
    "start_date": "start_date",
    "end_date": "end_date",
}


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
        return tuple(getattr(self, name) for name in _FACTS)


_FACTS = [field.name for field in fields(AccrualRow)][: len(COLUMNS)]


def month_title(month: date) -> str:
    """A month as the head of its column, such as `March 2024`."""
    return f"{month:%B %Y}"


def accrual_rows(inputs: AccrualInputs, accruals: pa.Table) -> Iterator[AccrualRow]:
    """The rows of the contracts in `accruals` (monthly_accruals of some months), by contract and period.

    `inputs` say what belongs to the contracts; its periods must have their `cohort_slug`. A contract without a
    period has one row, and so has a period that is the contract's no more, where something was recognised at it.
    """
    accrued = to_pandas(accruals).sort_values("month")
    latest = accrued.drop_duplicates(_CONTRACT, keep="last")[[*_CONTRACT, *_LATEST]]
    listed = pd.concat([_periods_of_contracts(inputs), accrued[_ROW]]).drop_duplicates()
    rows = _described(listed.merge(latest, on=_CONTRACT).sort_values(_CONTRACT, kind="stable"), inputs)
    is_first = ~rows.duplicated(_CONTRACT)
    rows = rows.assign(total=rows["contract_amount"].where(is_first), pending=rows["pending"].where(is_first))
    recognised = _recognised(accrued)
    for row in records_of(rows):
        amounts = recognised[tuple(row[name] for name in _ROW)]
        yield AccrualRow(**{name: row[name] for name in _FACTS}, recognised=amounts)


def _periods_of_contracts(inputs: AccrualInputs) -> pd.DataFrame:
    """The service periods of each contract (_ROW), in the order of their starts."""
    known = gather(inputs)
    contracts, schedule = known.contracts, known.contracts.versions.schedule
    keys = to_pandas(contracts.keys).assign(version=contracts.version_at(NEVER - 1))
    ids = column_of(take(column(known.periods, "id"), schedule.row), None)
    return keys.merge(pd.DataFrame({"version": schedule.owner, "period_id": ids}), on="version")[_ROW]


def _described(rows: pd.DataFrame, inputs: AccrualInputs) -> pd.DataFrame:
    """The rows with what is known of their client, service and period, by the names of AccrualRow."""
    periods = to_pandas(inputs.periods.select(list(_PERIOD))).rename(columns=_PERIOD)
    clients = to_pandas(inputs.clients.select(["contact_id", "name", "email"]))
    services = to_pandas(inputs.services.select(["id", "name"]).rename_columns(["service_id", "service"]))
    rows = (
        rows.merge(periods, how="left", on="period_id")
        .merge(clients, how="left", on="contact_id")
        .merge(services, how="left", on="service_id")
    )
    return rows.assign(
        client=rows["name"].fillna(rows["contact_id"]), service=rows["service"].fillna(rows["service_id"])
    )


def _recognised(accrued: pd.DataFrame) -> Mapping[tuple[Any, ...], dict[date, Decimal]]:
    """What was recognised at each contract and period (_ROW), by month; nothing where it is 0."""
    sums = summed(accrued, [*_ROW, "month"], ["recognised"]).sort_values("month")
    found: dict[tuple[Any, ...], dict[date, Decimal]] = defaultdict(dict)
    for row in records_of(sums[sums["recognised"] != 0]):
        found[tuple(row[name] for name in _ROW)][row["month"]] = row["recognised"]
    return found
