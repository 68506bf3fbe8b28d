"""A month's statements as the dashboard lists them, and what stands beside the list."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy as sa

from ledger_pipelines.months import last_day

#: How far ahead of a month's last day a contract's end is said to be near.
EXPIRING = timedelta(days=60)
#: Columns of the list that the statement has by another name, or that have to be computed.
_COUNTS = ("regular_users", "workstations", "servers", "vms")
_TEXTS = ("account_number", "company_name", "billing_plan", "contract_term", "currency")
_BYTES_OF_TERABYTE = 2**40


def _statements(name: str) -> sa.FromClause:
    return sa.table(
        "billing_statements",
        sa.column("month", sa.Date()),
        *(sa.column(text, sa.Text()) for text in _TEXTS),
        *(sa.column(count, sa.Integer()) for count in _COUNTS),
        sa.column("contract_end_date", sa.Date()),
        sa.column("backup_bytes", sa.BigInteger()),
        sa.column("hours_used", sa.Numeric()),
        sa.column("total", sa.Numeric()),
    ).alias(name)


@dataclass(frozen=True, slots=True)
class CompanyFilter:
    """Which of a month's companies are listed; an empty text leaves none out, and `only` is None for all accounts.

    `is_expiring` are those whose contract ends within EXPIRING of the month's last day, `has_ended` those whose ended
    before it, `is_changed` those whose total is another than in the month before, or that had none.
    """

    plan: str = ""
    term: str = ""
    is_expiring: bool = False
    has_ended: bool = False
    is_changed: bool = False
    only: Collection[str] | None = None


def companies_query(month: date, before: date, which: CompanyFilter) -> sa.Select[Any]:
    """A month's statements with what each company was charged `before`, null where it was not, and the `change`.

    `percent` is the change in hundredths of the amount before. TB are those that are backed up, to two decimals.
    """
    now, then = _statements("now"), _statements("then")
    change = (now.c.total - sa.func.coalesce(then.c.total, 0)).label("change")
    bytes_ = sa.cast(now.c.backup_bytes, sa.Numeric())
    query = sa.select(
        *(now.c[name] for name in (*_TEXTS, *_COUNTS, "contract_end_date", "hours_used", "total")),
        sa.func.round(bytes_ / _BYTES_OF_TERABYTE, 2).label("terabytes"),
        then.c.total.label("before"),
        change,
        sa.func.round(100 * change / sa.func.nullif(then.c.total, 0), 1).label("percent"),
    ).select_from(
        now.outerjoin(
            then,
            sa.and_(
                then.c.month == before,
                then.c.account_number == now.c.account_number,
                then.c.currency == now.c.currency,
            ),
        )
    )
    query = query.where(now.c.month == month)
    if which.plan:
        query = query.where(now.c.billing_plan == which.plan)
    if which.term:
        query = query.where(now.c.contract_term == which.term)
    if which.is_expiring:
        end = last_day(month)
        query = query.where(now.c.contract_end_date.between(end, end + EXPIRING))
    if which.has_ended:
        query = query.where(now.c.contract_end_date < last_day(month))
    if which.is_changed:
        query = query.where(now.c.total.is_distinct_from(then.c.total))
    if which.only is not None:
        # One array, however many: thousands of parameters would cost more than the query.
        accounts = sa.cast(sorted(which.only), sa.ARRAY(sa.Text()))
        query = query.where(now.c.account_number == sa.any_(accounts))
    return query


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """A month's statements in a currency: how many, what they charge, and what those of the month before did."""

    currency: str
    statements: int
    total: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal:
        return self.total - self.before

    @property
    def percent(self) -> Decimal | None:
        """The change in hundredths of the amount before; None where that was nothing."""
        return None if not self.before else 100 * self.change / self.before


@dataclass(frozen=True, slots=True)
class Unbilled:
    """A company without a statement, why in a sentence, and what it was charged the month before, if anything."""

    account_number: str
    name: str
    reason: str
    before: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class LedgerMonth:
    """A month of the ledger: whether it is closed, and whether it has statements."""

    month: date
    is_closed: bool
    has_statements: bool


def ledger_months(connection: psycopg.Connection) -> list[LedgerMonth]:
    """The ledger's months that were ever written, the latest first.

    Months before its first one have tickets only, for the prepaid hours of the year: they are nobody's to bill or close.
    """
    rows = connection.execute(
        """SELECT month, status = 'closed', EXISTS (SELECT FROM billing_statements s WHERE s.month = p.month)
           FROM ledger_periods p
           WHERE month >= (SELECT to_date(value, 'YYYY-MM') FROM ledger_settings WHERE name = 'first_month')
              OR closed_at IS NOT NULL
           ORDER BY month DESC"""
    ).fetchall()
    return [LedgerMonth(*row) for row in rows]


def currency_totals(connection: psycopg.Connection, month: date, before: date) -> list[CurrencyTotal]:
    """One for each currency of either month, in order."""
    rows = connection.execute(
        """SELECT currency, count(*) FILTER (WHERE month = %(month)s),
                  coalesce(sum(total) FILTER (WHERE month = %(month)s), 0),
                  coalesce(sum(total) FILTER (WHERE month = %(before)s), 0)
           FROM billing_statements WHERE month IN (%(month)s, %(before)s) GROUP BY currency ORDER BY currency""",
        {"month": month, "before": before},
    ).fetchall()
    return [CurrencyTotal(*row) for row in rows]


def plans_and_terms(connection: psycopg.Connection, month: date) -> tuple[list[str], list[str]]:
    """The plans and the terms of a month's statements, each in order."""
    rows = connection.execute(
        "SELECT DISTINCT billing_plan, contract_term FROM billing_statements WHERE month = %s", [month]
    ).fetchall()
    return sorted({plan for plan, _ in rows}), sorted({term for _, term in rows})


def expiring_contracts(connection: psycopg.Connection, month: date) -> int:
    """How many contracts end within EXPIRING of the month's last day."""
    end = last_day(month)
    row = connection.execute(
        """SELECT count(*) FROM billing_statements
           WHERE month = %s AND contract_end_date BETWEEN %s AND %s""",
        [month, end, end + EXPIRING],
    ).fetchone()
    return 0 if row is None else int(row[0])


def companies_without_statement(connection: psycopg.Connection, month: date, before: date) -> list[str]:
    """The companies of a month that have no statement, and those that had one the month before and have none now."""
    rows = connection.execute(
        """SELECT account_number FROM companies WHERE month = %(month)s
           UNION SELECT account_number FROM billing_statements WHERE month = %(before)s
           EXCEPT SELECT account_number FROM billing_statements WHERE month = %(month)s ORDER BY 1""",
        {"month": month, "before": before},
    ).fetchall()
    return [account for (account,) in rows]


def unbilled_companies(
    connection: psycopg.Connection, month: date, before: date, accounts: Sequence[str]
) -> list[Unbilled]:
    """Of these companies those that have no statement although nobody says that they are inactive, and those that had
    one the month before and have none now, whatever the reason.
    """
    rows = connection.execute(
        """SELECT account_number, coalesce(c.name, t.company_name), e.error_message, t.total, t.currency,
                  c.account_number IS NULL,
                  lower(btrim(coalesce(o.billing_plan, c.billing_plan))) = 'inactive'
           FROM (SELECT account_number, name, billing_plan FROM companies
                 WHERE month = %(month)s AND account_number = ANY(%(accounts)s)) c
           FULL JOIN (SELECT account_number, company_name, total, currency FROM billing_statements
                      WHERE month = %(before)s AND account_number = ANY(%(accounts)s)) t USING (account_number)
           LEFT JOIN LATERAL (
               SELECT CASE WHEN billing_plan_enabled THEN nullif(btrim(billing_plan), '') END AS billing_plan
               FROM client_billing_overrides o
               WHERE o.account_number = c.account_number AND coalesce(from_month <= %(month)s, true)
               ORDER BY from_month DESC NULLS LAST LIMIT 1) o ON true
           LEFT JOIN integration_errors e ON e.integration_name = 'billing' AND e.operation_type = 'statements'
               AND e.entity_type = 'company'
               AND e.external_id = account_number AND NOT e.is_resolved AND %(month)s = ANY(e.months)
           WHERE NOT EXISTS (SELECT FROM billing_statements s
                             WHERE s.month = %(month)s
                               AND s.account_number = coalesce(c.account_number, t.account_number))
           ORDER BY 1""",
        {"month": month, "before": before, "accounts": list(accounts)},
    ).fetchall()
    found = []
    for account, name, message, total, currency, is_gone, is_inactive in rows:
        if is_gone:
            reason = "Codex has no such company in this month."
        elif is_inactive:
            if total is None:
                continue
            reason = "It is inactive since this month."
        else:
            reason = message or "It came, or was given a plan, after the month was run: run it again."
        found.append(Unbilled(account, name, reason, total, currency))
    return found


def incomplete_statements(connection: psycopg.Connection, month: date) -> int:
    """How many of a month's statements are of companies that could be read in part only."""
    row = connection.execute(
        "SELECT count(*) FROM billing_statements WHERE month = %s AND incomplete_parts IS NOT NULL", [month]
    ).fetchone()
    return 0 if row is None else int(row[0])
