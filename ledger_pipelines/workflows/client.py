"""A company as its page shows it: the statement of a month, the computation behind it, and its months before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.billing.storage import TERABYTE
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.money import format_amount
from ledger_pipelines.months import add_months, format_month, last_day, month_range
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, editing, read_rows, write_row
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.edits.history import EditFilter, RecordedEdit, list_edits
from ledger_pipelines.store.edits.tables import ITEMS
from ledger_pipelines.store.edits.values import parsed_fields, parsed_key
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
from ledger_pipelines.workflows.explain import Rate, rate_of_statement
from ledger_pipelines.workflows.statements import statement_of

Row = Mapping[str, Any]
#: The months that a company's chart has, the shown one the last.
CHARTED_MONTHS = 24
_EDITS = 10
_RATES = ("per_hour_ticket_cost", "prepaid_hours_monthly", "prepaid_hours_yearly")


class UnknownClientError(LedgerError):
    """No month of the ledger knows the company."""


class ChargeExistsError(LedgerError):
    """A company has a charge of this name in the month already: `row`."""

    def __init__(self, row: Row, month: date) -> None:
        super().__init__(
            f"There is the charge {row['name']!r} of {format_amount(row['one_off_fee'], '')} in {format_month(month)} "
            "already: change that one, or give this one another name."
        )
        self.row = row


@dataclass(frozen=True, slots=True)
class HoursComputation:
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
class ClientStatement:
    """A company's statement of a month by all that is saved: a row of `billing_statements` with its `lines`.

    `statement` is None where there is none, and then `reason` says why; it `waits_for_run` where it is not what is
    stored. `months` are those with stored statements, the latest first.
    """

    account_number: str
    name: str
    months: Sequence[date]
    statement: Row | None
    lines: Sequence[Row]
    is_final: bool
    waits_for_run: bool
    reason: str

    @property
    def days_left(self) -> int | None:
        """The days of the contract after the month's last one; None where it has no end."""
        if self.statement is None or self.statement["contract_end_date"] is None:
            return None
        days: int = (self.statement["contract_end_date"] - last_day(self.statement["month"])).days
        return days


@dataclass(frozen=True, slots=True)
class Background:
    """What stands beside a statement. `hours`, `backup` and `rates` are of the statement, None where there is none;
    `charged` are the stored statements of the months before its month, and that one; `stored_total` is what the last run
    wrote for its month, None where it wrote none.
    """

    hours: HoursComputation | None
    backup: BackupPool | None
    rates: Mapping[str, Rate]
    tickets: Sequence[TicketHours]
    charged: Sequence[ChargedMonth]
    stored_total: Decimal | None
    edits: Sequence[RecordedEdit]
    errors: Sequence[ClientError]


def client_statement(database: Database, settings: Settings, account: str, month: date) -> ClientStatement:
    """The company's statement of a month. Raises UnknownClientError where no month knows the company."""
    with pooled_connection(database) as connection:
        known = months_of_company(connection, account)
        company = read_company(connection, account, month)
    if known is None:
        raise UnknownClientError(f"The ledger knows no company with the account number {account!r}.")
    name, months = known
    try:
        present = statement_of(database, settings, account, month)
    except DatabaseUnavailableError:
        raise
    except LedgerError as error:
        is_inactive = company is not None and (company["billing_plan"] or "").strip().casefold() == "inactive"
        reason = "It is inactive." if is_inactive else str(error)
        return ClientStatement(account, name, months, None, (), False, False, reason)
    row, lines = present.statement.row, present.statement.lines
    return ClientStatement(
        account, row["company_name"], months, row, lines, present.is_final, present.waits_for_run, ""
    )


def background(database: Database, client: ClientStatement, month: date) -> Background:
    """What a company's page shows beside its statement of a month."""
    account, statement = client.account_number, client.statement
    # Before a connection is held: who holds one and waits for another makes others wait who do the same.
    edits = list_edits(database, EditFilter(account=account), limit=_EDITS)
    with pooled_connection(database) as connection:
        stored = charged_months(connection, account, add_months(month, 1 - CHARTED_MONTHS), month)
        return Background(
            hours=None if statement is None else _hours(statement),
            backup=None if statement is None else _backup(statement),
            rates={}
            if statement is None
            else {name: rate_of_statement(connection, statement, name) for name in _RATES},
            tickets=ticket_hours_of(connection, account, month),
            charged=_charged(stored, statement),
            stored_total=next((one.total for one in stored if one.month == month), None),
            edits=edits,
            errors=open_errors_of(connection, account),
        )


def add_one_off(database: Database, account: str, month: date, name: str, amount: str, *, by: Editor) -> None:
    """Charges something once, in an open month.

    Raises LedgerError for what cannot be, ChargeExistsError where the month has one of that name.
    """
    editable = ITEMS["charge"]
    key = parsed_key(editable, {"account_number": account, "name": name}, None)
    given = {
        "one_off_fee": amount,
        "one_off_year": str(month.year),
        "one_off_month": str(month.month),
    }
    values = parsed_fields(editable, given)
    with editing(database, by) as connection:
        rows = read_rows(connection, editable, account_number=key["account_number"])
        refuse_second_one_off(rows, key["name"], month)
        write_row(connection, editable, key, values, by=by)


def refuse_second_one_off(
    charges: Sequence[Row], name: str, month: date, *, but_id: int | None = None
) -> None:
    """Raises ChargeExistsError where one of a company's charges, but for `but_id`, is billed once in the month under
    this name, however that is capitalised: a second one would take its place, or be read as the same charge twice.
    """
    wanted = " ".join(name.split()).casefold()
    for row in charges:
        is_then = (row["one_off_year"], row["one_off_month"]) == (month.year, month.month)
        is_named = " ".join(row["name"].split()).casefold() == wanted
        if row["one_off_fee"] is not None and is_then and is_named and row["id"] != but_id:
            raise ChargeExistsError(row, month)


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


def _charged(stored: Sequence[ChargedMonth], statement: Row | None) -> list[ChargedMonth]:
    """What was charged, with the statement as it is in place of what is stored of its month."""
    if statement is None:
        return list(stored)
    present = ChargedMonth(*(statement[one.name] for one in fields(ChargedMonth)))
    return [*(one for one in stored if one.month < present.month), present]


def _hours(statement: Row) -> HoursComputation:
    return HoursComputation(
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
