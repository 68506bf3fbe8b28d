"""Where an export's files disagree with themselves or with the ledger (rules/general_ledger.md, SAF-T, Comparisons)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.general_ledger.imported.lines import KINDS, counts_for
from ledger_pipelines.general_ledger.imported.masters import StatedAccount, StatedParty, account_kind


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference by name and amount, debits positive.

    `what` is `closing` (opening + movement - stated closing of an account, customer or supplier), `opening` (stated
    opening - the ledger's balance) or `missing` (the lines' sum of an account or party that the master files lack).
    `of` is account, customer or supplier, `subject` its number or id in the file.
    """

    what: str
    of: str
    subject: str
    name: str
    amount: Decimal


def compare_accounts(accounts: Mapping[str, StatedAccount], movements: pa.Table) -> Iterator[Comparison]:
    """The accounts whose closing balance is another than their opening and lines give, and those that are missing."""
    sums = _sums(movements, "account")
    for number, account in accounts.items():
        difference = _difference(
            account.balance.opening, sums.pop(number, Decimal()), account.balance.closing
        )
        if difference:
            yield Comparison("closing", "account", number, account.name or number, difference)
    for number, amount in sums.items():
        yield Comparison("missing", "account", number, number, amount)


def compare_parties(
    parties: Mapping[tuple[str, str], StatedParty],
    movements: pa.Table,
    controls: Mapping[str, Collection[str]],
) -> Iterator[Comparison]:
    """The parties whose closing balances are other than their openings and the lines that name them give, and those
    that are missing.
    """
    for kind in KINDS:
        sums = _sums(movements.filter(counts_for(movements, kind, controls)), kind)
        for (of, party_id), party in parties.items():
            if of != kind:
                continue
            opening, closing = (_total(party, side) for side in ("opening", "closing"))
            difference = _difference(opening, sums.pop(party_id, Decimal()), closing)
            if difference:
                yield Comparison("closing", kind, party_id, party.name, difference)
        for party_id, amount in sums.items():
            yield Comparison("missing", kind, party_id, party_id, amount)


def compare_openings(
    accounts: Iterable[StatedAccount], balances: Mapping[str, Decimal]
) -> Iterator[Comparison]:
    """The accounts that open with another balance than the ledger has; those of a result start anew each year."""
    stated = {account.number: account for account in accounts}
    for number in sorted({*stated, *balances}):
        account = stated.get(number)
        opening = Decimal() if account is None else account.balance.opening or Decimal()
        difference = opening - balances.get(number, Decimal())
        kind = account_kind(number, None if account is None else account.standard)
        if difference and kind in ("asset", "liability", "equity"):
            name = number if account is None else account.name or number
            yield Comparison("opening", "account", number, name, difference)


def _difference(opening: Decimal | None, movement: Decimal, closing: Decimal | None) -> Decimal | None:
    """None where no closing balance is stated that could differ."""
    return None if closing is None else (opening or Decimal()) + movement - closing


def _total(party: StatedParty, side: str) -> Decimal | None:
    stated = [getattr(balance, side) for balance in party.balances.values()]
    known = [amount for amount in stated if amount is not None]
    return sum(known, Decimal()) if known else None


def _sums(movements: pa.Table, key: str) -> dict[str, Decimal]:
    sums: Any = movements.group_by(key, use_threads=False).aggregate([("amount", "sum")])
    return {row[key]: row["amount_sum"] for row in sums.sort_by(key).to_pylist() if row[key] is not None}
