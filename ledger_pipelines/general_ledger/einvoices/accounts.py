"""The accounts that electronic invoices are posted to, by role and never by number."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import partial

import pyarrow as pa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.frames import Series, constant, mapped
from ledger_pipelines.tables.table import TEXT

_INPUT, _OUTPUT = "input_vat", "output_vat"
#: What a line may be posted to: no account of a role of its own, such as the bank or a control account.
_BOUGHT = frozenset(["expense", "asset"])


class Accounts:
    """The accounts by their roles. `accounts` has the columns of the table of that name."""

    def __init__(self, accounts: pa.Table) -> None:
        self._by_role: dict[tuple[str, Decimal | None], str] = {
            (one["role"], one["vat_rate"]): one["number"]
            for one in accounts.select(["number", "role", "vat_rate"]).to_pylist()
            if one["role"] is not None
        }

    def of(self, role: str) -> str:
        """The account with this role. Raises LedgerError where none has it."""
        try:
            return self._by_role[role, None]
        except KeyError:
            raise LedgerError(
                f"No account has the role {role}, which an e-invoice is posted to: give it to one in `accounts`."
            ) from None

    def by_side(self, is_sale: Series, *, purchase: str, sale: str) -> Series:
        """For each row the account of one role or the other; only those that are needed must be there."""
        return self._chosen(is_sale, if_true=sale, if_false=purchase)

    def abroad_or_home(self, is_from_abroad: Series, role: str) -> Series:
        """For each row the account of the role, of what is from abroad or from home."""
        return self._chosen(is_from_abroad, if_true=f"{role}_abroad", if_false=f"{role}_home")

    def vat(self, is_sale: Series, rates: Series) -> Series:
        """For each row the account of output VAT (of a sale) or input VAT with this rate."""
        accounts = constant(None, TEXT, rates)
        for role, rows in ((_OUTPUT, is_sale), (_INPUT, ~is_sale)):
            if rows.any():
                accounts = accounts.mask(rows, mapped(rates, partial(self._vat_account, role), TEXT))
        return accounts

    def rates_without_account(self, *, is_sale: bool, rates: Iterable[Decimal]) -> list[Decimal]:
        """Those of the rates that no VAT account has: their VAT goes to the account of the highest rate."""
        role = _OUTPUT if is_sale else _INPUT
        return [rate for rate in rates if (role, rate) not in self._by_role]

    def _chosen(self, condition: Series, *, if_true: str, if_false: str) -> Series:
        return mapped(condition, lambda chosen: self.of(if_true if chosen else if_false), TEXT)

    def _vat_account(self, role: str, rate: Decimal | None) -> str:
        found = {theirs: number for (name, theirs), number in self._by_role.items() if name == role}
        if rate in found:
            return found[rate]
        highest = max((theirs for theirs in found if theirs is not None), default=None)
        return self.of(role) if highest is None else found[highest]


def purchase_accounts(accounts: pa.Table) -> frozenset[str]:
    """The accounts that a supplier's line may name: expenses and assets without a part of their own in the posting."""
    return frozenset(
        one["number"]
        for one in accounts.select(["number", "kind", "control", "role"]).to_pylist()
        if one["kind"] in _BOUGHT and one["control"] is None and one["role"] in (None, "expense")
    )
