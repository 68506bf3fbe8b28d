"""The main job on real input: a year of a real Codex's recorded responses."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.harness import (
    CODEX_TABLES,
    LEDGER_TABLES,
    Ledger,
    fetch,
    rows_and_places,
)

UNTIL = date(2025, 12, 31)
MONTHS = [date(2025, number, 1) for number in range(1, 13)]
#: What is closed once more.
AGAIN = ("2025-03", "2025-04", "2025-05")
WITHOUT_A_PLAN = {"844554": "Legacy Gold", "127556": "no billing plan"}
INACTIVE = "376509"


@pytest.mark.timeout(180)
def test_a_year_of_a_real_codex_is_billed_and_billing_it_again_changes_nothing(
    ledger: Ledger, database: Database, codex_recordings: Path
) -> None:
    recorded = json.loads((codex_recordings / "bulk_2025.json").read_text())
    with running_sandbox(SandboxConfig(replay=codex_recordings, until=UNTIL)) as sandbox:
        ledger.use(sandbox)
        first = ledger("close", "2025-01", "2026-01")
        assert first.code == 0, first.err

        _every_company_with_a_plan_has_a_statement_in_every_month(database, recorded)
        _each_company_without_one_is_one_integration_error(database)
        _every_record_of_the_companies_is_billed_once_a_month(database, recorded)
        _acme_dental_pays_for_march_what_a_person_works_out(database)
        assert first.statements() == {f"{month:%Y-%m}": ("draft", 37) for month in MONTHS}
        assert {table: change[1:] for table, change in first.changes().items()} == dict.fromkeys(
            (*CODEX_TABLES, *LEDGER_TABLES), (0, 0)
        )

        before = rows_and_places(database)
        again = ledger("close", AGAIN[0], "2025-06")
        assert again.code == 0, again.err

    # The months are older than the one that just ended: they keep the snapshot that they have.
    kept = {"companies", "assets", "contacts", "plans"}
    assert again.changes() == {
        table: (0, 0, _count(database, table)) for table in first.changes().keys() - kept
    }
    assert rows_and_places(database) == before
    assert again.statements() == dict.fromkeys(AGAIN, ("draft", 37))
    assert fetch(
        database, "SELECT count(*), count(*) FILTER (WHERE is_resolved) FROM integration_errors"
    ) == [(2, 0)]


def _count(database: Database, table: str) -> int:
    """The rows that closing March to May once more finds unchanged: tickets of the year so far, the ledger's of all."""
    months = MONTHS if table in LEDGER_TABLES else MONTHS[:5] if table == "tickets" else MONTHS[2:5]
    ((count,),) = fetch(database, f"SELECT count(*) FROM {table} WHERE month = ANY(%s)", months)
    return int(count)


def _every_company_with_a_plan_has_a_statement_in_every_month(database: Database, recorded: Any) -> None:
    accounts = {entry["company"]["account_number"] for entry in recorded}
    assert len(accounts) == 40
    billed = accounts - {INACTIVE, *WITHOUT_A_PLAN}
    statements = fetch(database, "SELECT month, account_number FROM billing_statements")
    assert Counter(statements) == Counter((month, account) for month in MONTHS for account in billed)


def _each_company_without_one_is_one_integration_error(database: Database) -> None:
    errors = fetch(
        database,
        "SELECT entity_type, external_id, error_message, months, is_resolved FROM integration_errors",
    )
    assert {(kind, account) for kind, account, *_ in errors} == {
        ("company", account) for account in WITHOUT_A_PLAN
    }
    assert len(errors) == 2
    for _, account, message, months, is_resolved in errors:
        assert account in message
        assert WITHOUT_A_PLAN[account] in message
        assert months == MONTHS
        assert not is_resolved


def _every_record_of_the_companies_is_billed_once_a_month(database: Database, recorded: Any) -> None:
    """Each device and each person of a billed company has one line in each month, and no ticket hour is lost."""
    billed = [
        entry for entry in recorded if entry["company"]["account_number"] not in {INACTIVE, *WITHOUT_A_PLAN}
    ]
    for kind, part in (("asset", "assets"), ("user", "contacts")):
        records = {
            (entry["company"]["account_number"], str(record["id"]))
            for entry in billed
            for record in entry[part]
        }
        lines = fetch(
            database,
            "SELECT month, account_number, source_id FROM billing_statement_lines WHERE kind = %s",
            kind,
        )
        assert Counter(lines) == Counter((month, *record) for month in MONTHS for record in records)
    # Every recorded timestamp is in UTC, so its text begins with its month.
    worked: dict[str, Decimal] = defaultdict(Decimal)
    for entry in recorded:
        for ticket in entry["tickets"]:
            worked[ticket["last_updated_at"][:7]] += Decimal(str(ticket["total_hours_spent"]))
    counted = fetch(
        database, "SELECT to_char(month, 'YYYY-MM'), sum(total_hours_spent) FROM tickets GROUP BY month"
    )
    assert {month: hours.quantize(Decimal("1e-9")) for month, hours in counted} == {
        month: hours.quantize(Decimal("1e-9")) for month, hours in worked.items()
    }


def _acme_dental_pays_for_march_what_a_person_works_out(database: Database) -> None:
    """Company 620547, month to month on Essential Care, worked out by hand from its recorded records.

    Nine of its ten people are active: 9 * 15. Of its 39 devices three are virtual servers, six servers (two
    of them ESXi hosts), one a switch and 29 workstations: 3 * 85 + 6 * 125 + 18.75 + 29 * 35.5. Six
    workstations and four servers are backed up: 6 * 12.5 + 4 * 49.95, and of their 15,876,947,905,082 bytes
    those over 10 TB cost 29.90 a TB. One ticket of March took 1.47 hours at 135.
    """
    overage = (Decimal(15_876_947_905_082 - 10 * 2**40) * Decimal("29.9") / 2**40).quantize(Decimal("0.01"))
    expected = (
        Decimal("135.00"),
        Decimal("2053.25"),
        Decimal("198.45"),
        Decimal("274.80") + overage,
        Decimal("0.00"),
        Decimal("2661.50") + overage,
    )
    (statement,) = fetch(
        database,
        """SELECT total_user_charges, total_asset_charges, ticket_charge, backup_charge, total_line_item_charges,
                  total
           FROM billing_statements WHERE month = '2025-03-01' AND account_number = '620547'""",
    )
    assert statement == expected
