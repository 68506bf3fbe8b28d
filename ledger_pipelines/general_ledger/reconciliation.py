"""General ledger against sub-ledgers (rules/general_ledger.md, Reconciliation).

Amounts are positive on the side that raises the account: debits of receivables, credits of payables and deferred revenue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import reduce
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.frames import narrowed, to_arrow, to_pandas
from ledger_pipelines.general_ledger.balances import KEY, filled, of_month, summed, until
from ledger_pipelines.general_ledger.items import ControlItems
from ledger_pipelines.general_ledger.matched import BEFORE_SYNC_START, Carried, Item, Matching
from ledger_pipelines.general_ledger.sub_ledger import decimal_of
from ledger_pipelines.months import month_of
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.sub_ledgers import LEDGER_RECONCILIATION
from ledger_pipelines.tables.table import TEXT

#: What explains a difference, in the order of the table's columns.
REASONS = ("manual", "before_sync_start", "openings", "party_not_found")
#: An amount that the ledger has and a sub-ledger has not, from a month on, and why.
EXPLAINED = pa.schema(
    [
        *LEDGER_RECONCILIATION.part(("month", "account", "currency")),
        pa.field("reason", TEXT),
        pa.field("amount", LEDGER_AMOUNT),
    ]
)
#: What an account is the sum of at a month's end.
BALANCES = pa.schema(
    [*LEDGER_RECONCILIATION.part(("month", "account", "currency")), pa.field("balance", LEDGER_AMOUNT)]
)


def explained(
    items: ControlItems, matching: Matching, carried: Carried | None = None, *, until: date | None = None
) -> pa.Table:
    """What of the control accounts has no row, by month and reason (`EXPLAINED`), up to a day or to the end.

    An item whose party is found later is taken off from that month on.
    """
    return _explained([*_outside(items), *_without_row(matching, carried)], until)


def explained_beside(
    items: ControlItems, booked: pa.Table, *, sync_start: date | None = None, until: date | None = None
) -> pa.Table:
    """What of the control accounts has no row in sub-ledgers as they stand (`booked`: `TRANSACTIONS`), whatever a run
    would find now; by month and reason (`EXPLAINED`), up to a day or to the end.
    """
    since: dict[str, date] = {}
    days: list[Any] = booked["date"].to_pylist()
    for name in ("item", "settlement"):
        keys: list[Any] = booked[name].to_pylist()
        for key, day in zip(keys, days, strict=True):
            since[key] = min(day, since.get(key, day))
    return _explained([*_outside(items), *_beside(items.items, since, sync_start)], until)


def _explained(parts: Iterable[tuple[date, str, str, str, int]], until: date | None) -> pa.Table:
    rows = [
        {
            "month": month_of(day),
            "account": account,
            "currency": currency,
            "reason": reason,
            "amount": decimal_of(amount),
        }
        for day, account, currency, reason, amount in parts
        if until is None or day <= until
    ]
    return pa.Table.from_pylist(rows, EXPLAINED)


def _outside(items: ControlItems) -> Iterator[tuple[date, str, str, str, int]]:
    for line in items.outside:
        yield line.day, line.account, line.currency, line.reason, line.amount


def _beside(
    items: Iterable[Item], since: Mapping[str, date], sync_start: date | None
) -> Iterator[tuple[date, str, str, str, int]]:
    for item in items:
        amount, found = item.amount if item.is_raising else -item.amount, since.get(item.id)
        if found is None and sync_start is not None and item.day < sync_start:
            yield item.day, item.account, item.currency, BEFORE_SYNC_START, amount
        elif item.party is None:
            yield item.day, item.account, item.currency, "party_not_found", amount
            if found is not None:
                yield found, item.account, item.currency, "party_not_found", -amount


def _without_row(matching: Matching, carried: Carried | None) -> Iterator[tuple[date, str, str, str, int]]:
    for item in matching.items.values():
        amount = item.amount if item.is_raising else -item.amount
        if item.id in matching.excluded:
            yield item.day, item.account, item.currency, matching.excluded[item.id], amount
        elif item.party is None and not (carried and item.id in carried.parties):
            yield item.day, item.account, item.currency, "party_not_found", amount
            if item.id in matching.party_days:
                found = matching.party_days[item.id]
                yield found, item.account, item.currency, "party_not_found", -amount


def reconcile(
    movements: pa.Table,
    raised_by_credit: Mapping[str, bool],
    balances: pa.Table,
    without_row: pa.Table,
    months: Sequence[date],
) -> pa.Table:
    """The reconciliation of the months, with the columns of `ledger_reconciliation`.

    `movements` (`MOVEMENTS`) are those of all months up to the last; `raised_by_credit` has the accounts that are
    compared, and whether credits raise them; `balances` (`BALANCES`) are what they are the sum of at each month's end,
    and `without_row` (`EXPLAINED`) what explains a difference.
    """
    of_ledger = to_pandas(movements)
    of_ledger = of_ledger[of_ledger["account"].isin(list(raised_by_credit))]
    credit = of_ledger["account"].map(lambda account: raised_by_credit[account]).astype("bool[pyarrow]")
    raised = of_ledger["debit"] - of_ledger["credit"]
    of_ledger = of_ledger.assign(
        ledger_balance=narrowed(raised.where(~credit, -raised), LEDGER_AMOUNT),
    )
    of_items, reasons = to_pandas(balances), to_pandas(without_row)
    frames = [_of_month(of_ledger, of_items, reasons, month) for month in months]
    schema = LEDGER_RECONCILIATION.schema
    return to_arrow(pd.concat(frames), schema) if frames else schema.empty_table()


def _of_month(
    of_ledger: pd.DataFrame, of_items: pd.DataFrame, reasons: pd.DataFrame, month: date
) -> pd.DataFrame:
    parts = [summed(until(of_ledger, month), ["ledger_balance"])]
    mine = of_items[of_items["month"] == month].rename(columns={"balance": "sub_ledger_balance"})
    parts.append(summed(mine, ["sub_ledger_balance"]))
    so_far = until(reasons, month)
    for reason in REASONS:
        named = so_far[so_far["reason"] == reason].rename(columns={"amount": reason})
        parts.append(summed(named, [reason]))
    frame = reduce(lambda left, right: left.merge(right, on=KEY, how="outer"), parts)
    frame = filled(frame, ["ledger_balance", "sub_ledger_balance", *REASONS])
    frame = frame.assign(
        difference=narrowed(frame["ledger_balance"] - frame["sub_ledger_balance"], LEDGER_AMOUNT),
        explained=narrowed(
            reduce(lambda one, other: one + other, (frame[name] for name in REASONS)), LEDGER_AMOUNT
        ),
    )
    frame = frame.assign(unexplained=narrowed(frame["difference"] - frame["explained"], LEDGER_AMOUNT))
    return of_month(frame.sort_values(KEY), month)
