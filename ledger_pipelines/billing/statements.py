"""The statements of whole months: every charge, added up (rules/billing.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.backup import OVERAGE, charge_backup
from ledger_pipelines.billing.contract_terms import contract_end
from ledger_pipelines.billing.devices import (
    FIREWALL,
    NO_CHARGE,
    SERVER,
    SWITCH,
    VM,
    WORKSTATION,
    charge_devices,
)
from ledger_pipelines.billing.inputs import KEY, BillingInputs
from ledger_pipelines.billing.limits import billable_terms
from ledger_pipelines.billing.line_items import charge_line_items
from ledger_pipelines.billing.outputs import CHARGES, STATEMENTS, BillingResult
from ledger_pipelines.billing.priced import CUSTOM
from ledger_pipelines.billing.ticket_hours import charge_hours
from ledger_pipelines.billing.users import FREE, PAID, charge_users
from ledger_pipelines.errors import Problem
from ledger_pipelines.frames import (
    Series,
    column_of,
    mapped,
    narrowed,
    records_of,
    to_arrow,
    to_pandas,
)
from ledger_pipelines.money import CHARGE
from ledger_pipelines.months import last_day, month_of

__all__ = ["BillingResult", "bill"]

DAYS_TO_PAY = 30

#: What a statement counts: lines of a kind and of these types. Those of an unknown type are in no count.
_COUNTED = {
    "workstations": ("asset", [WORKSTATION]),
    "servers": ("asset", [SERVER]),
    "vms": ("asset", [VM]),
    "switches": ("asset", [SWITCH]),
    "firewalls": ("asset", [FIREWALL]),
    "custom_assets": ("asset", [CUSTOM]),
    "no_charge_assets": ("asset", [NO_CHARGE]),
    "regular_users": ("user", [PAID, CUSTOM]),
    "free_users": ("user", [FREE]),
}
#: What a statement charges: lines of a kind.
_CHARGED = {
    "total_user_charges": "user",
    "total_asset_charges": "asset",
    "ticket_charge": "hours",
    "backup_charge": "backup",
    "total_line_item_charges": "custom",
}


def bill(inputs: BillingInputs, months: Sequence[date], *, currency: str) -> BillingResult:
    """The statements, their lines and the ticket hours of these months, and what could not be billed.

    The months come in any order and need not follow one another; a range gives what its months give one by
    one. Every active company with a plan has a statement, also one without a line. Raises FrameError when an
    input lacks a column or has a wrong type.
    """
    asked = sorted({month_of(month) for month in months})
    terms, problems = billable_terms(inputs, asked)
    users = charge_users(inputs, terms, currency)
    assets, devices = charge_devices(inputs, terms, currency)
    backup, pools = charge_backup(terms, devices, currency)
    hours = charge_hours(inputs, terms, currency)
    line_items = charge_line_items(inputs, terms, currency)
    lines = pa.concat_tables([*users.lines, *assets.lines, backup, hours.lines, line_items])
    statements = (
        terms.frame.merge(_added_up(lines), on=KEY, how="left")
        .merge(pools, on=KEY)
        .merge(hours.statements, on=KEY)
        .merge(_incomplete_parts(inputs), on=KEY, how="left")
        .assign(currency=currency, **_dates(terms.frame))
    )
    statements = statements.assign(**{name: statements[name].fillna(0) for name in (*_COUNTED, *CHARGES)})
    found = _in_order([*problems, *users.problems, *assets.problems])
    return BillingResult(lines, to_arrow(statements, STATEMENTS), hours.ticket_hours, hours.unbilled, found)


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Each record's problem once for each month, whatever the order of the records."""
    ordered = sorted(
        problems, key=lambda one: (one.month or "", one.entity_type, one.external_id, one.message)
    )
    return list({(one.month, one.entity_type, one.external_id): one for one in reversed(ordered)}.values())[
        ::-1
    ]


def _added_up(lines: pa.Table) -> pd.DataFrame:
    """What each statement with lines counts (COUNTS but the backed-up ones) and charges (CHARGES).

    The total leaves out overage, which the backup charge includes.
    """
    key = [*KEY, "kind", "type"]
    sums: Any = lines.group_by(key).aggregate([("amount", "sum"), ([], "count_all")])
    kinds, types = sums["kind"], sums["type"]
    counts, amounts = sums["count_all"], sums["amount_sum"]
    nothing: Any = pa.scalar(0, amounts.type)
    columns: dict[str, Any] = {}
    for name, (kind, counted) in _COUNTED.items():
        is_counted: Any = pc.and_(
            pc.equal(kinds, pa.scalar(kind)), pc.is_in(types, value_set=pa.array(counted))
        )
        columns[name] = pc.if_else(is_counted, counts, 0)
    for name, kind in _CHARGED.items():
        columns[name] = pc.if_else(pc.equal(kinds, pa.scalar(kind)), amounts, nothing)
    is_overage: Any = pc.and_(pc.equal(kinds, pa.scalar("backup")), pc.equal(types, pa.scalar(OVERAGE)))
    columns |= {"overage_charge": pc.if_else(is_overage, amounts, nothing), "total": amounts}
    added: Any = pa.table({**{name: sums[name] for name in KEY}, **columns}).group_by(KEY)
    found = to_pandas(added.aggregate([(name, "sum") for name in columns]).rename_columns([*KEY, *columns]))
    return found.assign(**{name: narrowed(found[name], CHARGE) for name in CHARGES})


def _incomplete_parts(inputs: BillingInputs) -> pd.DataFrame:
    """The parts of each company that could not be read anew, with commas."""
    gaps = inputs.frame("snapshot_gaps")
    if gaps.empty:
        return gaps.rename(columns={"table_name": "incomplete_parts"})
    gaps = gaps.drop_duplicates().sort_values("table_name")
    return gaps.groupby(KEY)["table_name"].agg(", ".join).rename("incomplete_parts").reset_index()


def _dates(terms: pd.DataFrame) -> dict[str, Series]:
    """Number, date and due date of each statement, and its contract's end, judged at the month's last day."""
    month, day = terms["month"], pa.date32()
    statement_date = mapped(month, last_day, day)
    contracts = terms[["contract_start_date", "contract_term"]].drop_duplicates()
    ends = [contract_end(*one.values()) for one in records_of(contracts)]
    computed = terms.merge(contracts.assign(end=column_of(pa.array(ends, day), contracts.index)), how="left")[
        "end"
    ]
    contract_end_date = terms["contract_end_date"].fillna(computed)
    return {
        "statement_number": terms["account_number"] + "-" + month.dt.strftime("%Y%m"),
        "statement_date": statement_date,
        "due_date": mapped(month, lambda one: last_day(one) + timedelta(days=DAYS_TO_PAY), day),
        "contract_end_date": contract_end_date,
        "contract_expired": (contract_end_date < statement_date).fillna(False),
    }
