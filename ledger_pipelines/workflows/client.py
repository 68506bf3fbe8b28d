"""A company as its page shows it: the statement of a month, the reckoning behind it, and its months before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.billing.storage import TERABYTE
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months, last_day, month_range
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor
from ledger_pipelines.store.edits.history import EditFilter, RecordedEdit, list_edits
from ledger_pipelines.store.edits.tables import ITEMS
from ledger_pipelines.store.queries.client import (
    ChargedMonth,
    ClientError,
    TicketHours,
    charged_months,
    months_of_company,
    open_errors_of,
    read_company,
    ticket_hours_of,
)
from ledger_pipelines.workflows.edits import set_edit
from ledger_pipelines.workflows.explain import Rate, rate_of_statement

Row = Mapping[str, Any]
#: The months that a company's chart has, the shown one the last.
SHOWN_MONTHS = 24
_EDITS = 10
_RATES = ("per_hour_ticket_cost", "prepaid_hours_monthly", "prepaid_hours_yearly")


class UnknownClientError(LedgerError):
    """No month of the ledger knows the company."""


@dataclass(frozen=True, slots=True)
class HoursReckoning:
    """How a month's billable hours come about: `used`, less the month's allowance, less what is left of the year's.

    `covered_monthly` and `covered_yearly` are what each covers.
    """

    used: Decimal
    monthly: Decimal
    yearly: Decimal
    earlier_in_year: Decimal
    billable: Decimal

    @property
    def covered_monthly(self) -> Decimal:
        return min(self.used, self.monthly)

    @property
    def yearly_left(self) -> Decimal:
        """What the months before have left of the year's allowance."""
        return max(self.yearly - self.earlier_in_year, Decimal(0))

    @property
    def covered_yearly(self) -> Decimal:
        return min(self.used - self.covered_monthly, self.yearly_left)


@dataclass(frozen=True, slots=True)
class BackupPool:
    """How a month's backup comes about: each backed-up device brings its quota, and what is over the sum is charged."""

    workstations: int
    servers: int
    included_each: Decimal
    stored: Decimal
    included: Decimal
    over: Decimal

    @property
    def devices(self) -> int:
        return self.workstations + self.servers


@dataclass(frozen=True, slots=True)
class ClientMonth:
    """A company in a month. `statement` is a row of `billing_statements` with its `lines`, None where there is none, and
    then `reason` says why; `waits_for_run` where it is not what is stored. `days_left` of the contract are those after
    the month's last day, None where it has no end.
    """

    account_number: str
    name: str
    company: Row | None
    statement: Row | None
    lines: Sequence[Row]
    is_final: bool
    waits_for_run: bool
    reason: str
    hours: HoursReckoning | None
    backup: BackupPool | None
    rates: Mapping[str, Rate]
    tickets: Sequence[TicketHours]
    charged: Sequence[ChargedMonth]
    edits: Sequence[RecordedEdit]
    errors: Sequence[ClientError]
    months: Sequence[date]

    @property
    def days_left(self) -> int | None:
        if self.statement is None or self.statement["contract_end_date"] is None:
            return None
        days: int = (self.statement["contract_end_date"] - last_day(self.statement["month"])).days
        return days


def client_month(
    database: Database, settings: Settings, account: str, month: date, *, is_closed: bool
) -> ClientMonth:
    """The company in a month. Raises UnknownClientError where no month knows it."""
    with database.connect() as connection:
        known = months_of_company(connection, account)
        if known is None:
            raise UnknownClientError(f"The ledger knows no company with the account number {account!r}.")
        company = read_company(connection, account, month)
        errors = open_errors_of(connection, account)
        present = present_statement(database, settings, account, month, is_closed=is_closed)
        statement = present.statement
        return ClientMonth(
            account_number=account,
            name=statement["company_name"] if statement else known[0],
            company=company,
            statement=statement,
            lines=present.lines,
            is_final=is_closed,
            waits_for_run=present.waits_for_run,
            reason=present.reason,
            hours=None if statement is None else _hours(statement),
            backup=None if statement is None else _backup(statement),
            rates={}
            if statement is None
            else {name: rate_of_statement(connection, statement, name) for name in _RATES},
            tickets=ticket_hours_of(connection, account, month),
            charged=charged_months(connection, account, add_months(month, 1 - SHOWN_MONTHS), month),
            edits=list_edits(database, EditFilter(account=account), limit=_EDITS),
            errors=errors,
            months=known[1],
        )


def add_one_off(
    database: Database, account: str, month: date, name: str, amount: str, *, person: str, reason: str | None
) -> RecordedEdit | None:
    """Charges something once, in an open month; one of the same name in that month gets the new amount.

    Returns the edit as it is kept, None where nothing was another than before. Raises LedgerError for what cannot be.
    """
    fields = {
        "one_off_fee": amount,
        "one_off_year": str(month.year),
        "one_off_month": str(month.month),
    }
    edited = set_edit(
        database,
        ITEMS["charge"],
        {"account_number": account, "name": name},
        fields,
        from_month=None,
        row_id=None,
        by=Editor(person, reason),
    )
    row = edited.edit.after or {}
    if edited.edit.before == row:
        return None
    which = EditFilter(tables=(ITEMS["charge"].name,), row={"id": row["id"]})
    return next(iter(list_edits(database, which, limit=1)), None)


def charged_series(
    charged: Sequence[ChargedMonth], month: date
) -> tuple[list[date], dict[str, list[Decimal]]]:
    """The months from the first of these to `month`, and what each charges by kind of charge; kinds without any are
    left out.
    """
    if not charged:
        return [], {}
    months = month_range(charged[0].month, add_months(month, 1))
    of_month = {one.month: one for one in charged}
    kinds = {
        "People": "total_user_charges",
        "Devices": "total_asset_charges",
        "Hours": "ticket_charge",
        "Backup": "backup_charge",
        "Other charges": "total_line_item_charges",
    }
    series = {
        words: [getattr(of_month[one], name) if one in of_month else Decimal(0) for one in months]
        for words, name in kinds.items()
    }
    return months, {words: amounts for words, amounts in series.items() if any(amounts)}


def _hours(statement: Row) -> HoursReckoning:
    return HoursReckoning(
        statement["hours_used"],
        statement["prepaid_hours_monthly"],
        statement["prepaid_hours_yearly"],
        statement["hours_earlier_in_year"],
        statement["billable_hours"],
    )


def _backup(statement: Row) -> BackupPool:
    return BackupPool(
        statement["backed_up_workstations"],
        statement["backed_up_servers"],
        statement["backup_included_tb"],
        *(
            (Decimal(statement[name]) / TERABYTE).quantize(Decimal("0.000001"))
            for name in ("backup_bytes", "included_bytes", "overage_bytes")
        ),
    )


@dataclass(frozen=True, slots=True)
class PresentLines:
    """A statement and its lines; `statement` is None where there is none, with `reason`."""

    statement: Row | None
    lines: Sequence[Row]
    waits_for_run: bool
    reason: str


def present_statement(
    database: Database, settings: Settings, account: str, month: date, *, is_closed: bool
) -> PresentLines:
    """What is stored of a month."""
    from ledger_pipelines.store.queries.client import read_lines, rows_of

    with database.connect() as connection:
        found = rows_of(
            connection,
            "SELECT * FROM billing_statements WHERE month = %s AND account_number = %s",
            [month, account],
        )
        lines = read_lines(connection, account, [month])
    return PresentLines(found[0] if found else None, lines, False, "" if found else "It has none.")
