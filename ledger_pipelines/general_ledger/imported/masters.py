"""The accounts and parties of an export's files as one: what several files say of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class StatedBalance:
    """What a file says of a balance at its beginning and its end, debits positive; None where it says nothing."""

    opening: Decimal | None
    closing: Decimal | None

    def then(self, later: StatedBalance) -> StatedBalance:
        """This one's opening and the later file's closing."""
        opening = later.opening if self.opening is None else self.opening
        return StatedBalance(opening, self.closing if later.closing is None else later.closing)


@dataclass(frozen=True, slots=True)
class StatedAccount:
    """An account of the files' chart; `standard` is the standard account that it stands for, where they say so."""

    number: str
    name: str | None
    standard: str | None
    balance: StatedBalance


@dataclass(frozen=True, slots=True)
class StatedParty:
    """A customer or supplier of the files, with its balance on each account."""

    kind: str
    party_id: str
    name: str
    balances: Mapping[str, StatedBalance] = field(default_factory=dict)


def merged_accounts(accounts: Iterable[StatedAccount]) -> dict[str, StatedAccount]:
    """The accounts by number, given in the order of their files."""
    found: dict[str, StatedAccount] = {}
    for account in accounts:
        known = found.get(account.number)
        found[account.number] = (
            account if known is None else replace(account, balance=known.balance.then(account.balance))
        )
    return found


def merged_parties(parties: Iterable[StatedParty]) -> dict[tuple[str, str], StatedParty]:
    """The parties by kind and id, given in the order of their files."""
    found: dict[tuple[str, str], StatedParty] = {}
    for party in parties:
        known = found.get((party.kind, party.party_id))
        balances = {} if known is None else dict(known.balances)
        for account, balance in party.balances.items():
            balances[account] = balances[account].then(balance) if account in balances else balance
        found[party.kind, party.party_id] = replace(party, balances=balances)
    return found


def control_accounts(
    parties: Iterable[StatedParty], known: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """The control accounts of customers and of suppliers: those that parties name and those that the ledger has."""
    named: dict[str, set[str]] = {kind: set(accounts) for kind, accounts in known.items()}
    for party in parties:
        named[party.kind].update(party.balances)
    return {kind: frozenset(accounts) for kind, accounts in named.items()}


def account_kind(number: str, standard: str | None) -> str:
    """Asset, liability, equity, revenue or expense, as the standard chart's numbers say."""
    code = standard if standard is not None and standard[:1].isdigit() else number
    if code[:1] == "1":
        return "asset"
    if code[:1] == "2":
        return "equity" if code[:2] == "20" else "liability"
    return "revenue" if code[:1] == "3" or code[:2] == "80" else "expense"
