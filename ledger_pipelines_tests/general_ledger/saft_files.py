"""Small SAF-T files, as text, with whatever a test wants to be odd about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from xml.sax.saxutils import escape

NAMESPACE = "urn:StandardAuditFile-Taxation-Financial:NO"
#: A valid number of a Norwegian company.
COMPANY = "974760673"


@dataclass(frozen=True)
class Line:
    """A line; `amount` as it stands in the file, `more` any further elements."""

    account: str
    side: str
    amount: str
    more: str = ""


def debit(account: str, amount: str, more: str = "") -> Line:
    return Line(account, "Debit", amount, more)


def credit(account: str, amount: str, more: str = "") -> Line:
    return Line(account, "Credit", amount, more)


@dataclass(frozen=True)
class Transaction:
    transaction_id: str
    day: str
    lines: Sequence[Line]
    period: str | None = None
    year: str | None = None
    journal: str = "A"
    description: str = "Voucher"

    @property
    def text(self) -> str:
        lines = "".join(
            f"<Line><RecordID>{number}</RecordID><AccountID>{line.account}</AccountID>"
            f"{_before(line.more)}<Description>Line</Description>"
            f"<{line.side}Amount><Amount>{line.amount}</Amount></{line.side}Amount>{_after(line.more)}</Line>"
            for number, line in enumerate(self.lines, start=1)
        )
        return (
            f"<Transaction><TransactionID>{escape(self.transaction_id)}</TransactionID>"
            f"<Period>{self.period or int(self.day[5:7])}</Period><PeriodYear>{self.year or self.day[:4]}</PeriodYear>"
            f"<TransactionDate>{self.day}</TransactionDate><Description>{escape(self.description)}</Description>"
            f"<SystemEntryDate>{self.day}</SystemEntryDate><GLPostingDate>2001-01-01</GLPostingDate>{lines}</Transaction>"
        )


def _before(more: str) -> str:
    return more if "ID>" in more[:14] else ""


def _after(more: str) -> str:
    return "" if "ID>" in more[:14] else more


def sale(number: str, day: str = "2025-03-10", amount: str = "100.00", **more: str) -> Transaction:
    """An invoice of one debit and one credit."""
    return Transaction(number, day, (debit("1920", amount), credit("3000", amount)), **more)


def account(number: str, opening: str = "0", closing: str = "0", name: str = "An account") -> str:
    """Of the chart; a negative balance is a credit."""
    return (
        f"<Account><AccountID>{number}</AccountID><AccountDescription>{name}</AccountDescription>"
        f"<AccountType>GL</AccountType>{balances(opening, closing)}</Account>"
    )


def balances(opening: str, closing: str) -> str:
    return "".join(
        f"<{when}{'Credit' if text.startswith('-') else 'Debit'}Balance>{text.lstrip('-')}"
        f"</{when}{'Credit' if text.startswith('-') else 'Debit'}Balance>"
        for when, text in (("Opening", opening), ("Closing", closing))
    )


def party(kind: str, party_id: str, accounts: dict[str, tuple[str, str]], registration: str = "") -> str:
    """A customer or supplier as 1.30 has it, with its balances by account."""
    stated = "".join(
        f"<BalanceAccount><AccountID>{number}</AccountID>{balances(*both)}</BalanceAccount>"
        for number, both in accounts.items()
    )
    number = f"<RegistrationNumber>{registration}</RegistrationNumber>" if registration else ""
    return (
        f"<{kind}>{number}<Name>The {kind} {party_id}</Name><{kind}ID>{party_id}</{kind}ID>{stated}</{kind}>"
    )


@dataclass
class Saft:
    """A file; `text` is what stands in it."""

    transactions: Sequence[Transaction] = field(default_factory=lambda: [sale("1")])
    accounts: Sequence[str] = ()
    customers: Sequence[str] = ()
    suppliers: Sequence[str] = ()
    version: str = "1.30"
    company: str = COMPANY
    currency: str = "NOK"
    selection: str = ""
    created: str = "2026-01-01"
    entries: str | None = None
    debit: str | None = None
    credit: str | None = None
    namespace: str = f' xmlns="{NAMESPACE}"'

    @property
    def text(self) -> str:
        journals: dict[str, list[str]] = {}
        for one in self.transactions:
            journals.setdefault(one.journal, []).append(one.text)
        body = "".join(
            f"<Journal><JournalID>{name}</JournalID><Description>d</Description><Type>A</Type>{''.join(found)}</Journal>"
            for name, found in journals.items()
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<AuditFile{self.namespace}><Header>'
            f"<AuditFileVersion>{self.version}</AuditFileVersion>"
            f"<AuditFileDateCreated>{self.created}</AuditFileDateCreated>"
            f"<Company><RegistrationNumber>{self.company}</RegistrationNumber><Name>Books AS</Name></Company>"
            f"<DefaultCurrencyCode>{self.currency}</DefaultCurrencyCode>{self.selection}</Header><MasterFiles>"
            f"<GeneralLedgerAccounts>{''.join(self.accounts)}</GeneralLedgerAccounts>"
            f"<Customers>{''.join(self.customers)}</Customers><Suppliers>{''.join(self.suppliers)}</Suppliers>"
            "</MasterFiles><GeneralLedgerEntries>"
            f"<NumberOfEntries>{self.entries or len(self.transactions)}</NumberOfEntries>"
            f"<TotalDebit>{self.debit or self._sum('Debit')}</TotalDebit>"
            f"<TotalCredit>{self.credit or self._sum('Credit')}</TotalCredit>{body}</GeneralLedgerEntries></AuditFile>\n"
        )

    def _sum(self, side: str) -> Decimal:
        try:
            return sum(
                (
                    Decimal(line.amount)
                    for one in self.transactions
                    for line in one.lines
                    if line.side == side
                ),
                Decimal(),
            )
        except ArithmeticError:
            return Decimal()
