"""Which companies are on which plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg


@dataclass(frozen=True, slots=True)
class CompanyOnPlan:
    """A company of the newest snapshot and a plan that it is on, by Codex or by an override; the term as Codex has it."""

    account_number: str
    name: str | None
    plan: str
    term: str | None
    is_override: bool


def newest_plans(connection: psycopg.Connection) -> date | None:
    """The latest month that has plans of Codex; None where none has."""
    row = connection.execute("SELECT max(month) FROM plans").fetchone()
    return None if row is None else row[0]


def companies_on_plans(connection: psycopg.Connection) -> list[CompanyOnPlan]:
    """The companies of the newest snapshot with their plans, by account number.

    A company is on its override's plan where one holds in that month; one that an override puts on a plan later is on
    that, too.
    """
    rows = connection.execute(
        """WITH newest AS (SELECT max(month) AS month FROM companies),
           held AS (
               SELECT DISTINCT ON (o.account_number) o.account_number,
                      CASE WHEN o.billing_plan_enabled THEN nullif(btrim(o.billing_plan), '') END AS plan
               FROM client_billing_overrides o, newest WHERE o.from_month IS NULL OR o.from_month <= newest.month
               ORDER BY o.account_number, o.from_month DESC NULLS LAST),
           later AS (
               SELECT DISTINCT o.account_number, btrim(o.billing_plan) AS plan
               FROM client_billing_overrides o, newest
               WHERE o.from_month > newest.month AND o.billing_plan_enabled AND btrim(o.billing_plan) <> '')
           SELECT c.account_number, c.name, p.plan, c.contract_term_length, p.is_override
           FROM companies c JOIN newest USING (month) LEFT JOIN held h USING (account_number)
           CROSS JOIN LATERAL (
               SELECT coalesce(h.plan, btrim(c.billing_plan)) AS plan, h.plan IS NOT NULL AS is_override
               UNION SELECT l.plan, true FROM later l WHERE l.account_number = c.account_number) AS p
           WHERE p.plan <> '' ORDER BY 1, 3"""
    ).fetchall()
    return [CompanyOnPlan(*row) for row in rows]


def newest_features(connection: psycopg.Connection) -> list[tuple[str, str | None]]:
    """Each plan of the newest snapshot by name, with its features as Codex has them."""
    return connection.execute(
        """SELECT DISTINCT btrim(plan_name), features FROM plans
           WHERE month = (SELECT max(month) FROM plans) ORDER BY 1"""
    ).fetchall()
