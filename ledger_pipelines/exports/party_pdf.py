"""What parties owe on a day as PDF: open items with a running balance (rules/general_ledger.md, Sub-ledgers)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

import pyarrow as pa

from ledger_pipelines.exports.glyphs import first_seen
from ledger_pipelines.exports.typesetting import Data, typeset
from ledger_pipelines.general_ledger.aging import COLUMNS, Aging, days_overdue
from ledger_pipelines.money import format_amount

_AGES = ("Not due", "1-30 days", "31-60 days", "61-90 days", "Over 90 days", "Unallocated credits")


def party_pdf(items: pa.Table, day: date) -> bytes:
    """The statements of the parties of these open items (`PARTY_ITEMS`, in its order), each on pages of its own.

    The same items and day are the same bytes. Raises LedgerError where one cannot be set.
    """
    rows: list[Any] = items.to_pylist()
    parties = [_stated(list(of_party), day) for _, of_party in groupby(rows, key=lambda row: row["party"])]
    names = {row["name"] for row in rows}
    title = f"Statement of account of {names.pop()}" if len(names) == 1 else f"Statements of account {day}"
    return typeset("party", {"title": title, "parties": parties}, day)


def _stated(items: Sequence[Any], day: date) -> Data:
    currencies = [list(rows) for _, rows in groupby(items, key=lambda row: row["currency"])]
    return {
        "name": first_seen(items[0]["name"], items[0]["party"]),
        "title": f"Statement of account on {day}",
        "facts": [{"name": "Party", "value": items[0]["party"]}, {"name": "As of", "value": day.isoformat()}],
        "currencies": [_in_currency(rows, day) for rows in currencies],
    }


def _in_currency(items: Sequence[Any], day: date) -> Data:
    currency, balance, ages = items[0]["currency"], Decimal(0), Aging()
    rows: list[Data] = []
    for item in items:
        balance += item["remaining"]
        ages.add(item["due_date"], item["remaining"], day)
        rows.append(_row(item, balance, day))
    aged = zip(_AGES, (getattr(ages, name) for name in COLUMNS), strict=True)
    return {
        "currency": currency,
        "rows": rows,
        "balance": format_amount(balance, currency),
        "ages": [[name, format_amount(amount, currency)] for name, amount in aged],
    }


def _row(item: Any, balance: Decimal, day: date) -> list[Data]:
    due, currency = item["due_date"], item["currency"]
    overdue = days_overdue(due, day) if due is not None and item["remaining"] > 0 else 0
    return [
        item["invoice_date"].isoformat(),
        f"{item['kind'].capitalize()} {item['invoice_number'] or item['voucher']}",
        "" if due is None else due.isoformat(),
        str(overdue) if overdue else "",
        format_amount(item["amount"], currency),
        format_amount(item["remaining"], currency),
        format_amount(balance, currency),
    ]
