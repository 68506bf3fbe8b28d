"""Contracts that are older than the ledger: part of what they rest on lies before its first month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import pyarrow as pa

from ledger_pipelines.accruals.inputs import AccrualInputs
from ledger_pipelines.accruals.outputs import MONTHLY_ACCRUALS
from ledger_pipelines.frames import constant, to_arrow, to_pandas

_ACCRUED = ("month", "contact_id", "service_id", "currency", "contract_amount", "pending")
#: What names such a contract, and how much of it the ledger knows.
BEGUN_BEFORE = pa.schema(
    [
        *(MONTHLY_ACCRUALS.field(name).with_nullable(True) for name in _ACCRUED),
        pa.field("program_name", pa.string()),
        pa.field("start_date", pa.date32()),
        pa.field("note", pa.string()),
    ]
)
_NO_INVOICE = "no invoice in the ledger"


def begun_before_the_ledger(
    accruals: pa.Table, inputs: AccrualInputs, *, first_month: date, months: Sequence[date]
) -> pa.Table:
    """Contracts with money in these months whose client's service began before the ledger's first month.

    Their invoices may lie before it, too, and are then in no amount here. Contracts dated after such a period's end are
    another course's. A client whom such a period serves in a month and who has no contract by then stands there without
    an amount. `accruals` are MONTHLY_ACCRUALS of the months. Rows: BEGUN_BEFORE, by month and client.
    """
    old = _old_periods(inputs, first_month)
    accrued = to_pandas(accruals.select([*_ACCRUED, "contract_date"])).merge(old, on="contact_id")
    of_course = accrued[accrued["contract_date"] <= accrued["end_date"]]
    others = _without_contract(inputs, old, months)
    rows = pa.concat_tables([_begun(of_course, None), _begun(others, _NO_INVOICE)])
    return rows.sort_by([(name, "ascending") for name in ("month", "contact_id")])


def _old_periods(inputs: AccrualInputs, first_month: date) -> pd.DataFrame:
    """Each client's service period that began before the ledger and reached into it; of several the longest."""
    clients = to_pandas(inputs.clients.select(["contact_id", "user_id"])).dropna()
    periods = inputs.frame("periods")
    old = periods[(periods["start_date"] < first_month) & (periods["end_date"] >= first_month)]
    longest = old.sort_values(["end_date", "id"], ascending=[False, True]).drop_duplicates("user_id")
    return clients.merge(longest[["user_id", "program_name", "start_date", "end_date"]], on="user_id")


def _without_contract(inputs: AccrualInputs, old: pd.DataFrame, months: Sequence[date]) -> pd.DataFrame:
    """Clients whom an old period serves in one of the months, and who have no contract in the ledger by then."""
    asked = to_pandas(pa.table({"month": pa.array(months, pa.date32())}))
    served = old.merge(asked, how="cross")
    served = served[served["month"] <= served["end_date"]]
    contracts = inputs.frame("contracts").groupby("contact_id")["month"].min().rename("first").reset_index()
    served = served.merge(contracts, how="left", on="contact_id")
    return served[~(served["first"] <= served["month"]).fillna(False)]


def _begun(rows: pd.DataFrame, note: str | None) -> pa.Table:
    """The rows as BEGUN_BEFORE, with this note in all of them; what they do not have is missing."""
    values = {"note": note} | {name: None for name in _ACCRUED if name not in rows}
    constants = {name: constant(value, BEGUN_BEFORE.field(name).type, rows) for name, value in values.items()}
    return to_arrow(rows.assign(**constants), BEGUN_BEFORE)
