"""What stands beside a company's statement: its features, and the statements of a month as a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger_pipelines.billing.contract_terms import normalise_term
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.queries import statement_lists
from ledger_pipelines.store.queries.client import Row, read_company
from ledger_pipelines.store.queries.client_records import codex_features
from ledger_pipelines.store.queries.features import known_features, own_features
from ledger_pipelines.store.queries.statement_lists import edits_version, listed_statements
from ledger_pipelines.store.writes import writes_of
from ledger_pipelines.workflows.client_settings import texts_by_name


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
    """The features of a company that is billed by this plan and term in the month; of a closed one as it was closed."""
    with pooled_connection(database) as connection:
        terms = codex_features(connection, month, plan)
        own = own_features(connection, account, month)
        company = read_company(connection, account, month)
    of_plan = next((_features(text) for written, text, _ in terms if normalise_term(written) == term), {})
    return Features(
        {**of_plan, **own}, dict.fromkeys(own, True), None if company is None else company["compliance_level"]
    )


def feature_values(database: Database) -> dict[str, set[str]]:
    """The features that there are, by type, and what each may be: plans', and the options that people entered."""
    with pooled_connection(database) as connection:
        plans, options = known_features(connection)
    # Also those that no plan has: their value is null.
    found: dict[str, set[str]] = {name: set() for text in plans for name in _features(text)}
    for name, value in (*options, *(one for text in plans for one in texts_by_name(text).items())):
        found.setdefault(name, set()).add(value)
    return found


def statement_list(database: Database, month: date) -> list[Row]:
    """A month's statements as they are stored, by account."""
    with pooled_connection(database) as connection:
        return listed_statements(connection, month)


def statements_version(database: Database, month: date) -> StatementsVersion:
    """The version of a month's statements as they are now."""
    with pooled_connection(database) as connection:
        written = writes_of(connection, [month], ["billing_statements"])
        records = writes_of(connection, [month], ["companies", "assets", "contacts"])
        return StatementsVersion(written, (records, *edits_version(connection, month)))


def codex_plans(database: Database) -> list[Row]:
    """Codex's plans as they were read last."""
    with pooled_connection(database) as connection:
        return statement_lists.codex_plans(connection)


def _features(text: str | None) -> dict[str, str]:
    """A plan's features; none where they are no object."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
