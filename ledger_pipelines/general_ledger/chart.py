"""Which account the posting uses for what: the roles in `accounts` (rules/general_ledger.md, Journals)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from ledger_pipelines.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of accounts, by what its accounts are for."""

    by_role: dict[tuple[str, Decimal | None], str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, accounts: pa.Table) -> Chart:
        """The chart that `accounts` (number, role, vat_rate) is."""
        rows = accounts.select(["number", "role", "vat_rate"]).to_pylist()
        roles = {(row["role"], row["vat_rate"]): row["number"] for row in rows if row["role"] is not None}
        return cls(roles, frozenset(row["number"] for row in rows))

    def account(self, role: str) -> str:
        """The account of this role. Raises LedgerError where no account has it."""
        number = self.by_role.get((role, None))
        if number is None:
            raise LedgerError(f"No account has the role {role}: give it to one in `accounts`.")
        return number

    def vat_account(self, role: str, rate: Decimal | None) -> str:
        """The account of VAT at this rate; of one that has none of its own, and of one that is not known, the highest
        rate's (`has_rate` says which). Raises LedgerError where no account has the role.
        """
        rates = {known: number for (name, known), number in self.by_role.items() if name == role}
        if not rates:
            raise LedgerError(f"No account has the role {role}: give it to one in `accounts`.")
        return rates[rate] if rate in rates else rates[max(rates, key=lambda known: known or Decimal(0))]

    def has_rate(self, role: str, rate: Decimal | None) -> bool:
        """Whether VAT at this rate has an account of its own."""
        return (role, rate) in self.by_role
