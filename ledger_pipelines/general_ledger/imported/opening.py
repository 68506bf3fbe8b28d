"""The opening balances of an export as one entry (rules/general_ledger.md, SAF-T, Opening balances)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.imported.keys import SAFT
from ledger_pipelines.general_ledger.imported.masters import StatedAccount, StatedParty
from ledger_pipelines.general_ledger.journal import LINES, UNSEALED_ENTRIES, Journal, entry_id, sealed
from ledger_pipelines.months import month_of


def opening_day(starts: Iterable[date | None], months: Iterable[date], *, by_date: bool) -> date | None:
    """The first day that the files cover: as they say, but never after their first entry's month; None if they are empty.

    Where dates decide, a period says nothing of a date, and the first month's first day is it.
    """
    first = min(months, default=None)
    stated = [start for start in starts if start is not None]
    if not stated or (by_date and first is not None):
        return first
    return min(stated if first is None else [*stated, first])


def opening_entry(
    accounts: Iterable[StatedAccount],
    parties: Iterable[StatedParty],
    controls: Mapping[str, Collection[str]],
    party_ids: Mapping[str, Mapping[str, str]],
    *,
    currency: str,
    day: date,
    difference: str,
) -> Journal | None:
    """One posted entry of all opening balances; None where there are none.

    On a control account each party has its line, and what the account states beside them one without a party; so the
    account opens with what the file states of it. What all lack to zero goes to `difference`.
    """
    stated = {account.number: account.balance.opening or Decimal() for account in accounts}
    lines: list[tuple[str, str | None, Decimal]] = []
    left = dict(stated)
    for party in parties:
        for account, balance in party.balances.items():
            amount = balance.opening or Decimal()
            if amount and account in controls[party.kind]:
                lines.append((account, party_ids[party.kind][party.party_id], amount))
                left[account] = left.get(account, Decimal()) - amount
    lines += [(account, None, amount) for account, amount in left.items() if amount]
    missing = -sum((amount for _, _, amount in lines), Decimal())
    if missing:
        lines.append((difference, None, missing))
    lines.sort(key=lambda line: (line[0], line[1] or ""))
    return _sealed(lines, currency, day) if lines else None


def _sealed(lines: list[tuple[str, str | None, Decimal]], currency: str, day: date) -> Journal:
    source_id = f"opening/{day}"
    entry: dict[str, Any] = {
        "month": month_of(day),
        "id": entry_id(SAFT, source_id, 0),
        "number": f"opening-{day}",
        "posting_date": day,
        "document_date": day,
        "source_type": "opening",
        "source_system": SAFT,
        "source_id": source_id,
        "revision": 0,
        "status": "posted",
        "description": "Opening balances",
    }
    rows = [
        {
            "month": entry["month"],
            "entry_id": entry["id"],
            "line": place,
            "account": account,
            "debit": amount if amount > 0 else None,
            "credit": -amount if amount < 0 else None,
            "currency": currency,
            "party": party,
            "description": "Opening balance",
        }
        for place, (account, party, amount) in enumerate(lines, start=1)
    ]
    return sealed(
        pa.Table.from_pylist([entry], schema=UNSEALED_ENTRIES), pa.Table.from_pylist(rows, schema=LINES)
    )
