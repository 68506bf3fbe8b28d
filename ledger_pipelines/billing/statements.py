"""The statements of whole months: every charge, added up (rules/billing.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.assets import charge_assets
from ledger_pipelines.billing.backup import BackupCharges, charge_backup
from ledger_pipelines.billing.contracts import contract_ends, term_years
from ledger_pipelines.billing.hour_units import units_in_hours
from ledger_pipelines.billing.hours import HourCharges, charge_hours
from ledger_pipelines.billing.inputs import PREPAID, RATES, BillingInputs
from ledger_pipelines.billing.limits import billable_terms
from ledger_pipelines.billing.line_items import LineItemCharges, charge_line_items
from ledger_pipelines.billing.lines import amounts_of
from ledger_pipelines.billing.outputs import BYTES, STATEMENT_LINES, STATEMENTS, BillingResult
from ledger_pipelines.billing.plans import Terms
from ledger_pipelines.billing.priced import CUSTOM, PricedCharges
from ledger_pipelines.billing.users import FREE, PAID, USER_TYPES, charge_users
from ledger_pipelines.columns import (
    Column,
    Exact,
    Int64s,
    array,
    codes,
    column,
    decimals,
    exact,
    int64s,
    same,
)
from ledger_pipelines.errors import Problem
from ledger_pipelines.money import RATE
from ledger_pipelines.months import last_day, month_of

__all__ = ["BillingResult", "bill"]

DAYS_TO_PAY = 30


@dataclass(frozen=True, slots=True)
class _Charges:
    users: PricedCharges
    assets: PricedCharges
    backup: BackupCharges
    hours: HourCharges
    line_items: LineItemCharges


def bill(inputs: BillingInputs, months: Sequence[date], *, currency: str) -> BillingResult:
    """The statements, their lines and the ticket hours of these months, and what could not be billed.

    The months come in any order and need not follow one another; a range gives what its months give one by
    one. Every active company with a plan has a statement, also one without a line. Raises FrameError when an
    input lacks a column or has a wrong type.
    """
    asked = sorted({month_of(month) for month in months})
    terms, problems = billable_terms(inputs, asked)
    users = charge_users(inputs, terms, currency)
    assets, devices = charge_assets(inputs, terms, currency)
    backup = charge_backup(terms, devices, currency)
    hours = charge_hours(inputs, terms, currency)
    line_items = charge_line_items(inputs, terms, currency)
    lines = pa.concat_tables(
        [
            STATEMENT_LINES.empty_table(),
            *users.lines,
            *assets.lines,
            *backup.lines,
            hours.lines,
            line_items.lines,
        ]
    )
    statements = _statements(
        terms, _Charges(users, assets, backup, hours, line_items), currency
    ).append_column(STATEMENTS.field("incomplete_parts"), _incomplete_parts(inputs, terms))
    found = _in_order([*problems, *users.problems, *assets.problems])
    return BillingResult(lines, statements, hours.ticket_hours, hours.unbilled, found)


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Each record's problem once for each month, whatever the order of the records."""
    ordered = sorted(
        problems, key=lambda one: (one.month or "", one.entity_type, one.external_id, one.message)
    )
    return list({(one.month, one.entity_type, one.external_id): one for one in reversed(ordered)}.values())[
        ::-1
    ]


def _statements(terms: Terms, charges: _Charges, currency: str) -> pa.Table:
    at, distinct = codes(column(terms.frame, "contract_term"))
    years = np.array([term_years(term) for term in distinct], dtype=np.int64)
    ends = contract_ends(
        column(terms.frame, "contract_start_date"),
        column(terms.frame, "contract_end_date"),
        years[at] if distinct else at,
    )
    columns = {
        **{name: column(terms.frame, name) for name in terms.frame.column_names},
        **_dates(terms, ends),
        "currency": same(currency, terms.index.count),
        **{name: decimals(terms.rates[name], RATE) for name in (*RATES, *PREPAID)},
        "hours_used": units_in_hours(charges.hours.used),
        "hours_earlier_in_year": units_in_hours(charges.hours.earlier_in_year),
        "billable_hours": units_in_hours(charges.hours.billable),
        "late_hours": units_in_hours(charges.hours.late),
        **_counts(charges),
        "backup_bytes": array(charges.backup.stored),
        "included_bytes": decimals(charges.backup.included, BYTES),
        "overage_bytes": decimals(charges.backup.overage, BYTES),
        **{name: amounts_of(amounts, currency) for name, amounts in _amounts(charges).items()},
    }
    charged = STATEMENTS.remove(STATEMENTS.get_field_index("incomplete_parts"))
    return pa.Table.from_arrays([columns[name] for name in charged.names], schema=charged)


def _incomplete_parts(inputs: BillingInputs, terms: Terms) -> Column:
    """The parts of each statement's company that could not be read anew, with commas; null where all were."""
    gaps = inputs.read("snapshot_gaps")
    if not gaps.num_rows:
        return pa.nulls(terms.index.count, pa.string())
    rows = terms.index.rows(column(gaps, "month"), column(gaps, "account_number"))
    parts: dict[int, set[str]] = defaultdict(set)
    names: list[Any] = gaps["table_name"].to_pylist()
    for row, part in zip(rows.tolist(), names, strict=True):
        parts[row].add(part)
    return array(
        [", ".join(sorted(parts[row])) if row in parts else None for row in range(terms.index.count)],
        pa.string(),
    )


def _dates(terms: Terms, ends: Column) -> dict[str, Column]:
    """Number, date and due date of each statement, and its contract's end, judged at the month's last day."""
    lasts = [last_day(month) for month in terms.months]
    suffixes: Any = array([f"{month:%Y%m}" for month in terms.months], pa.string())
    month = array(terms.index.month)
    accounts: Any = column(terms.frame, "account_number")
    numbers: Column = pc.binary_join_element_wise(accounts, suffixes.take(month), pa.scalar("-"))
    dates = array(lasts, pa.date32()).take(month)
    known = ends.is_valid().to_numpy(zero_copy_only=False)
    expired = known & (int64s(ends.fill_null(0)) < int64s(dates))
    return {
        "statement_number": numbers,
        "statement_date": dates,
        "due_date": array([day + timedelta(days=DAYS_TO_PAY) for day in lasts], pa.date32()).take(month),
        "contract_end_date": ends,
        "contract_expired": array(expired),
    }


def _counts(charges: _Charges) -> dict[str, Column]:
    """How many devices and people of each type; those of an unknown type are in no count."""
    assets, users = charges.assets.counts, charges.users.counts
    by_name: dict[str, Int64s] = {
        name: assets[:, code]
        for code, name in enumerate(
            ("workstations", "servers", "vms", "switches", "firewalls", "custom_assets", "no_charge_assets")
        )
    }
    by_name["regular_users"] = users[:, USER_TYPES.code(PAID)] + users[:, USER_TYPES.code(CUSTOM)]
    by_name["free_users"] = users[:, USER_TYPES.code(FREE)]
    by_name["backed_up_workstations"] = charges.backup.workstations
    by_name["backed_up_servers"] = charges.backup.servers
    return {name: array(counts.astype(np.int32)) for name, counts in by_name.items()}


def _amounts(charges: _Charges) -> dict[str, Exact]:
    """What each statement charges, in the currency's minor unit; the total leaves out overage, which the backup charge
    includes.
    """
    parts = {
        "total_user_charges": exact(charges.users.totals),
        "total_asset_charges": exact(charges.assets.totals),
        "ticket_charge": charges.hours.charges,
        "backup_charge": charges.backup.charges,
        "total_line_item_charges": exact(charges.line_items.totals),
    }
    total = np.zeros(charges.users.totals.size, dtype=object)
    for part in parts.values():
        total = total + part
    return {**parts, "overage_charge": charges.backup.overage_charges, "total": total}
