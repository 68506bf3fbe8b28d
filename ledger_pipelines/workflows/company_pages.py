"""What stands beside a company's statement: its features, and the statements of a month as a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.writes import writes_of

_IN_FORCE = """SELECT DISTINCT ON (feature_type) feature_type, value, enabled FROM client_feature_overrides
WHERE account_number = %s AND coalesce(from_month <= %s, true) ORDER BY feature_type, from_month DESC NULLS LAST"""
_STATEMENTS = """SELECT s.account_number, s.company_name, s.billing_plan, s.support_level, s.contract_term,
    s.contract_end_date, s.total, s.workstations, s.servers, s.vms, s.regular_users, s.backup_bytes,
    s.hours_used + s.hours_earlier_in_year AS hours
FROM billing_statements s WHERE s.month = %s ORDER BY s.account_number"""
_VERSION = """SELECT (SELECT read_at FROM billing_runs WHERE month = %(month)s),
    -- Not the last id: a transaction that began earlier may end later.
    (SELECT count(*) FROM edits
     WHERE edited_at >= coalesce((SELECT read_at FROM billing_runs WHERE month = %(month)s), '-infinity')
     OR transaction_id >= (SELECT pg_snapshot_xmin(snapshot) FROM billing_runs WHERE month = %(month)s)),
    (SELECT status FROM ledger_periods WHERE month = %(month)s)"""
_PLANS = """SELECT NULL::bigint AS id, p.plan_name AS billing_plan, p.* FROM plans p
WHERE month = (SELECT max(month) FROM plans) ORDER BY plan_name, term_length"""


@dataclass(frozen=True, slots=True)
class StatementsVersion:
    """What changes with a month's statements (`written`), and with whether something was edited since (`edited`)."""

    written: tuple[Any, ...]
    edited: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Features:
    """What a company has of each feature in a month, which of them are its own in place of the plan's, and its
    compliance level.
    """

    values: Mapping[str, str]
    is_overridden: Mapping[str, bool]
    compliance_level: str | None


def features_of(database: Database, account: str, month: date, plan: str, term: str) -> Features:
    """The features of a company that is billed by this plan and term in the month."""
    with pooled_connection(database) as connection:
        rows = connection.execute(
            "SELECT term_length, features FROM plans WHERE month = %s AND btrim(plan_name) = %s ORDER BY 1",
            [month, plan],
        ).fetchall()
        overrides = connection.execute(_IN_FORCE, [account, month]).fetchall()
        company = connection.execute(
            "SELECT compliance_level FROM companies WHERE month = %s AND account_number = %s",
            [month, account],
        ).fetchone()
    of_plan = next((_features(text) for written, text in rows if normalise_term(written) == term), {})
    own = {name: value for name, value, enabled in overrides if enabled and value is not None}
    return Features({**of_plan, **own}, dict.fromkeys(own, True), None if company is None else company[0])


def feature_types(database: Database) -> set[str]:
    """The features that there are: those of plans, and of the options that people entered."""
    with pooled_connection(database) as connection:
        plans = connection.execute(
            "SELECT DISTINCT features FROM plans WHERE features IS NOT NULL"
        ).fetchall()
        options = connection.execute("SELECT feature_type FROM feature_options").fetchall()
    return {name for (text,) in plans for name in _features(text)} | {name for (name,) in options}


def statement_list(database: Database, month: date) -> list[dict[str, Any]]:
    """A month's statements as they are stored, by account."""
    with pooled_connection(database) as connection:
        return _rows(connection, _STATEMENTS, [month])


def statements_version(database: Database, month: date) -> StatementsVersion:
    """The version of a month's statements as they are now."""
    with pooled_connection(database) as connection:
        written = writes_of(connection, [month], ["billing_statements"])
        records = writes_of(connection, [month], ["companies", "assets", "contacts"])
        row = connection.execute(_VERSION, {"month": month}).fetchone()
    assert row is not None  # noqa: S101 - it asks for one row
    return StatementsVersion(written, (records, *row))


def codex_plans(database: Database) -> list[dict[str, Any]]:
    """Codex's plans as they were read last."""
    with pooled_connection(database) as connection:
        return _rows(connection, _PLANS, [])


def _rows(connection: psycopg.Connection, query: str, values: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


def _features(text: str | None) -> dict[str, str]:
    """A plan's features; none where they are no object."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
