"""A small billed book in a real database: companies and what is billed of them in three months, the first one closed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import engine_of
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.store.periods import close_months, closed_months
from ledger_pipelines.tables.rates import RATES
from ledger_pipelines.workflows.billing import run_statements
from ledger_pipelines_tests.databases import copied_database

MONTHS = (date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1))
OPEN = MONTHS[1:]
ACCOUNTS = ("620500", "620521", "6205 ÅØ", "no-plan", "off")
_PLANS = {"620500": "Gold", "620521": "Silver", "6205 ÅØ": "Gold", "no-plan": "Lead", "off": "Inactive"}
_HARDWARE = ("Desktop", "Server", "Network switch", None)


@contextmanager
def copied(server: EmbeddedServer, template: Database) -> Iterator[Database]:
    """A database like this one, to which nobody may be connected."""
    engine_of(template).dispose()
    with copied_database(server, template) as database:
        yield database


def fill(database: Database, seed: int = 7) -> None:
    """Writes the book and bills it; the first month is closed afterwards and its later hours are news."""
    draw = random.Random(seed)
    with database.connect() as connection:
        for month in MONTHS:
            for table in ("companies", "assets", "contacts", "tickets", "plans"):
                connection.execute("SELECT ensure_month(%s, %s)", [table, month])
            _snapshot(connection, month, draw)
        for table, row in _edits(draw):
            insert(connection, table, row)
        bill_months(database, MONTHS)
        close_months(connection, MONTHS[:1], person="Ada")
        # A ticket of the closed month that came late, and one that moved to another company.
        late = {
            **_ticket(MONTHS[1], "620500", "L1", draw),
            "last_updated_at": datetime(2025, 1, 9, tzinfo=UTC),
        }
        moved = {**_ticket(MONTHS[1], "620521", "T620500-1", draw), "moved_from": "620500"}
        for ticket in (late, moved):
            insert(connection, "tickets", {**ticket, "total_hours_spent": 9})
    bill_months(database, OPEN)


def bill_months(database: Database, months: Sequence[date]) -> None:
    """What the asset `billing` does with these months."""
    with database.connect() as connection:

        def write(frames: Mapping[str, Any], part: Sequence[date]) -> Any:
            return {table: replace_month(connection, table, part, frame) for table, frame in frames.items()}

        closed = closed_months(connection)
        for _ in run_statements(database, months, closed=closed, currency="USD", write=write):
            pass


def insert(connection: psycopg.Connection, table: str, row: Mapping[str, Any]) -> None:
    """A row of a table."""
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    places = sql.SQL(", ").join(sql.Placeholder() for _ in row)
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, places)
    connection.execute(query, list(row.values()))


def _snapshot(connection: psycopg.Connection, month: date, draw: random.Random) -> None:
    for plan in ("Gold", "Silver"):
        rates = {name: Decimal(draw.randrange(2_000_000)) / 10_000 for name in RATES}
        insert(connection, "plans", {"month": month, "plan_name": plan, "term_length": "1 Year", **rates})
    for place, account in enumerate(ACCOUNTS, start=1):
        of_it = {"month": month, "account_number": account}
        terms = {"billing_plan": _PLANS[account], "contract_term_length": "1-Year"}
        insert(connection, "companies", {**of_it, "name": f"Company {place}", **terms})
        for number in range(4):
            backup = draw.choice([0, 0, 2**40 + 1, 3 * 2**41])
            device = {"hostname": f"PC{number}", "hardware_type": draw.choice(_HARDWARE)}
            insert(
                connection,
                "assets",
                {**of_it, "id": 10 * place + number, **device, "backup_data_bytes": backup},
            )
            person = {"id": 10 * place + number, "name": f"Person {number}", "active": number != 3}
            insert(connection, "contacts", {**of_it, **person})
        for number in (1, 2):
            insert(connection, "tickets", _ticket(month, account, f"T{account}-{number}", draw))


def _ticket(month: date, account: str, number: str, draw: random.Random) -> dict[str, Any]:
    updated = datetime(month.year, month.month, 20, tzinfo=UTC)
    hours = Decimal(draw.randrange(40)) / 4
    ticket = {"month": month, "account_number": account, "ticket_number": number, "last_updated_at": updated}
    return {**ticket, "total_hours_spent": hours, "is_gone": False}


def _edits(draw: random.Random) -> list[tuple[str, dict[str, Any]]]:
    prepaid = {"prepaid_hours_yearly": draw.choice([0, 5]), "prepaid_hours_yearly_enabled": True}
    free = {"per_user_cost": 0, "per_user_cost_enabled": True}
    return [
        ("client_billing_overrides", {"account_number": "620500", **free, **prepaid}),
        ("asset_billing_overrides", {"asset_id": 10, "billing_type": "Custom", "custom_cost": Decimal("12.3451")}),
        ("user_billing_overrides", {"user_id": 21, "payment_type": "Free", "from_month": OPEN[1]}),
        ("custom_line_items", {"account_number": "620521", "name": "Hosting", "monthly_fee": 49}),
        ("manual_assets", {"account_number": "620500", "hostname": "SW", "billing_type": "Switch", "notes": "x"}),
        ("billing_plans", {"billing_plan": "Silver", "term_length": "1 year", "per_user_cost": 3, "from_month": OPEN[1]}),
    ]  # fmt: skip
