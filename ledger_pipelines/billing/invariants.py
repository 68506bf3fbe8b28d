"""What must hold of every month's statements (rules/billing.md, Invariants).

Each function returns the rows that offend, none when all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.billing.hour_units import hours_in_units, units_in_hours
from ledger_pipelines.billing.index import month_days, month_positions
from ledger_pipelines.billing.inputs import BillingInputs
from ledger_pipelines.billing.limits import billable_terms
from ledger_pipelines.columns import array, column, int64s, joined_text, kept, mask, positions
from ledger_pipelines.money import CHARGE
from ledger_pipelines.months import month_of

#: Ids that are one company's own: another may have a line with the same.
_OF_EACH_COMPANY = ("contact", "backup", "tickets", "ticket")
#: What a line says of itself to a person.
_BILLED = ("description", "amount", "currency")


def statements_missing_or_doubled(
    inputs: BillingInputs, statements: pa.Table, months: Sequence[date]
) -> pa.Table:
    """Active companies with a plan that have no statement, or several, and statements of others.

    Rows: month, account_number, statements (how many there are).
    """
    asked = sorted({month_of(month) for month in months})
    terms, _ = billable_terms(inputs, asked)
    key = ["month", "account_number"]
    written = kept(statements, month_positions(column(statements, "month"), month_days(asked)) >= 0)
    counted = pa.concat_tables(
        [_counting(terms.frame.select(key), "expected"), _counting(written.select(key), "statements")],
        promote_options="default",
    )
    sums = counted.group_by(key).aggregate([("expected", "sum"), ("statements", "sum")])
    expected = int64s(column(sums, "expected_sum").fill_null(0))
    found = int64s(column(sums, "statements_sum").fill_null(0))
    rows = sums.select(key).append_column("statements", array(found))
    return _sorted(kept(rows, expected != found), key)


def _counting(frame: pa.Table, name: str) -> pa.Table:
    return frame.append_column(name, array(np.ones(frame.num_rows, dtype=np.int64)))


def totals_that_do_not_add_up(lines: pa.Table, statements: pa.Table) -> pa.Table:
    """Statements whose total is not the sum of their lines, and lines that no statement adds up.

    Rows: month, account_number, total (null where there is no statement), lines (their sum; 0 where there are
    none).
    """
    key = ["month", "account_number"]
    sums = lines.select([*key, "amount"]).group_by(key).aggregate([("amount", "sum")])
    joined = statements.select([*key, "total"]).join(sums, keys=key, join_type="full outer")
    stated: Any = column(joined, "total")
    added: Any = column(joined, "amount_sum").cast(CHARGE).fill_null(Decimal(0))
    frame = joined.select(key).append_column("total", stated).append_column("lines", added)
    same = mask(pc.equal(stated, added))
    return _sorted(kept(frame, ~same), key)


def billed_twice(lines: pa.Table) -> pa.Table:
    """Lines that bill what another line of the month bills, too.

    An asset, a manual record and a line item may be billed once anywhere, a user, a backup charge and ticket
    hours once to each company. Rows: month, source_type, source_id, account_number, description, amount, currency.
    """
    kinds: Any = column(lines, "source_type")
    of_each = pc.is_in(kinds, value_set=pa.array(_OF_EACH_COMPANY))
    owners = pc.if_else(of_each, column(lines, "account_number"), pa.scalar(""))
    keyed = lines.append_column("owner", owners)
    key = ["month", "source_type", "source_id", "owner"]
    counted = keyed.select(key).group_by(key).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], pa.scalar(1)))
    is_twice = positions(joined_text(keyed, key), joined_text(twice, key)) >= 0
    columns = ["month", "source_type", "source_id", "account_number"]
    return _sorted(kept(lines, is_twice).select([*columns, *_BILLED]), columns)


def tickets_billed_twice(ticket_hours: pa.Table) -> pa.Table:
    """Tickets whose hours count more than once in a month. A ticket is its number within a company.

    Rows: month, account_number, ticket_number, times, hours (all that count).
    """
    hours: Any = ticket_hours["hours"]
    counting = ticket_hours.filter(pc.greater(hours, pa.scalar(0, hours.type)))
    key = ["month", "account_number", "ticket_number"]
    counted = counting.group_by(key).aggregate([([], "count_all"), ("hours", "sum")])
    twice = counted.filter(pc.greater(counted["count_all"], pa.scalar(1)))
    return _renamed(twice, {"count_all": "times", "hours_sum": "hours"}, key)


def tickets_billed_beyond_their_hours(booked: pa.Table, month: date) -> pa.Table:
    """Tickets of which closed months up to this one billed more than the most hours that they knew it to have.

    `booked` is `ticket_hours` of closed months. A number that started again is several tickets, by `ticket_id`.
    In whole seconds, as tickets have them. Rows: month, account_number, ticket_number, billed, hours (the most).
    """
    days = int64s(column(booked, "month"))
    so_far = kept(booked, days <= month_days([month])[0])
    key = ["account_number", "ticket_number"]
    counted = so_far.select([*key, "ticket_id"])
    for name in ("hours", "total_hours"):
        counted = counted.append_column(name, array(hours_in_units(column(so_far, name))))
    of_each = counted.group_by([*key, "ticket_id"]).aggregate([("hours", "sum"), ("total_hours", "max")])
    sums = of_each.group_by(key).aggregate([("hours_sum", "sum"), ("total_hours_max", "sum")])
    billed, most = (int64s(column(sums, name)) for name in ("hours_sum_sum", "total_hours_max_sum"))
    beyond = sums.select(key).append_column("billed", units_in_hours(billed))
    beyond = kept(beyond.append_column("hours", units_in_hours(most)), billed > most)
    dated = beyond.add_column(0, "month", pa.repeat(pa.scalar(month, pa.date32()), beyond.num_rows))
    return _sorted(dated, key)


def lines_without_source(lines: pa.Table, inputs: BillingInputs) -> pa.Table:
    """Lines whose record is not in the month's snapshot of that company, nor among those kept by hand.

    Backup lines need a device with backup, hours a ticket of the month. Rows: month, account_number,
    source_type, source_id, description, amount, currency.
    """
    backed_up: Any = column(inputs.assets, "backup_data_bytes")
    monthly = ["month", "account_number"]
    known = {
        "contact": joined_text(inputs.contacts, [*monthly, "id"]),
        "asset": joined_text(inputs.assets, [*monthly, "id"]),
        "manual_user": joined_text(inputs.manual_users, ["account_number", "id"]),
        "manual_asset": joined_text(inputs.manual_assets, ["account_number", "id"]),
        "line_item": joined_text(inputs.custom_line_items, ["account_number", "id"]),
        "backup": joined_text(inputs.assets.filter(pc.greater(backed_up, pa.scalar(0))), monthly),
        "tickets": joined_text(inputs.tickets, monthly),
        "ticket": joined_text(inputs.tickets, [*monthly, "ticket_number"]),
    }
    named_by = {
        "contact": [*monthly, "source_id"],
        "asset": [*monthly, "source_id"],
        "backup": monthly,
        "tickets": monthly,
        "ticket": [*monthly, "source_id"],
    }
    key = ["month", "account_number", "source_type", "source_id"]
    columns = [*key, *_BILLED]
    types: Any = column(lines, "source_type")
    found = [lines.select(columns).filter(pc.invert(pc.is_in(types, value_set=pa.array(list(known)))))]
    for source_type, keys in known.items():
        some = lines.select(columns).filter(pc.equal(types, pa.scalar(source_type)))
        missing = (
            positions(joined_text(some, named_by.get(source_type, ["account_number", "source_id"])), keys) < 0
        )
        found.append(some.filter(array(missing)))
    return _sorted(pa.concat_tables(found), key)


def contracts_ending(statements: pa.Table, *, within_days: int = 60) -> pa.Table:
    """Statements whose contract ends on the month's last day or within so many days after it.

    One that has expired before is not among them. Rows: month, account_number, company_name, contract_term,
    contract_end_date; by end.
    """
    ends: Any = column(statements, "contract_end_date").view(pa.int32())
    lasts: Any = column(statements, "statement_date").view(pa.int32())
    days = pc.subtract(ends, lasts)
    ending = pc.and_(pc.greater_equal(days, pa.scalar(0)), pc.less_equal(days, pa.scalar(within_days)))
    columns = ["month", "account_number", "company_name", "contract_term", "contract_end_date"]
    found = statements.select(columns).filter(ending)
    return _sorted(found, ["contract_end_date", "month", "account_number"])


def _sorted(frame: pa.Table, key: Sequence[str]) -> pa.Table:
    return frame.sort_by([(name, "ascending") for name in key])


def _renamed(frame: pa.Table, names: dict[str, str], key: Sequence[str]) -> pa.Table:
    """The key and the renamed columns only, by key."""
    chosen = frame.select([*key, *names])
    return _sorted(chosen.rename_columns([*key, *names.values()]), key)
