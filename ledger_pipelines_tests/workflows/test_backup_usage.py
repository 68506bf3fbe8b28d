"""Datto RMM's backed-up bytes to the statement, in place of Codex's: the steps themselves, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.datto.access import DATTO_API_KEY, DATTO_API_SECRET
from ledger_pipelines.sandbox.datto.records import Fleet
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ignore_error, open_errors
from ledger_pipelines_tests.defs.codex_server import CodexLedger, codex_ledger
from ledger_pipelines_tests.end_to_end.harness import CODEX_TABLES

MARCH = date(2025, 3, 1)
ACCOUNT = "620547"
TERABYTE = 2**40


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    config = SandboxConfig(until=date(2025, 4, 30), companies=1, students=1, invoices=1, rate_limit=None)
    with running_sandbox(config) as running:
        yield running


@pytest.fixture
def fleet(sandbox: Sandbox) -> Fleet:
    sandbox.fleet.clear()
    return sandbox.fleet


@pytest.fixture
def ledger(
    database: Database, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[CodexLedger]:
    """A ledger on a Codex with one company, and on Datto RMM."""
    with codex_ledger(
        database,
        tmp_path,
        monkeypatch,
        ("backup_usage", *CODEX_TABLES),
        DATTO_URL=sandbox.datto_url,
        DATTO_API_KEY=DATTO_API_KEY,
        DATTO_API_SECRET=DATTO_API_SECRET,
    ) as ledger:
        ledger.tickets[ACCOUNT] = []
        yield ledger


def device(number: int, hostname: str | None, kind: str, terabytes: str | None = None) -> dict[str, Any]:
    """A device as Codex sends it."""
    stored = 0 if terabytes is None else int(float(terabytes) * TERABYTE)
    return {
        "id": number,
        "hostname": hostname,
        "hardware_type": kind,
        "backup_usage_tb": terabytes,
        "backup_data_bytes": stored,
    }


def backups(ledger: CodexLedger) -> list[Any]:
    return ledger.fetch(
        "SELECT source_id, quantity, amount FROM billing_statement_lines "
        "WHERE kind = 'backup' AND month = %s ORDER BY 1",
        MARCH,
    )


def test_bytes_are_datto_s_exactly_whatever_codex_says(ledger: CodexLedger, fleet: Fleet) -> None:
    # The rule's worked example: workstation 0.2 TB and server 1.9 TB, a pool of 2 TB, 0.1 TB over.
    ledger.server.assets[ACCOUNT] = [
        device(1, "WS01", "Desktop"),
        device(2, "SRV01", "Server", "9.00"),
        device(3, "WS02", "Laptop"),
    ]
    by_name, by_number = fleet.add_site(f"COMPANY {ACCOUNT}"), fleet.add_site("Main Site", ACCOUNT)
    fleet.add_device(by_name, "ws01 ", str(TERABYTE // 5))
    fleet.add_device(by_number, "SRV01", f" {2 * TERABYTE - TERABYTE // 10} ")
    fleet.add_device(by_name, "WS02", "")
    fleet.add_device(by_name, "OLD", str(TERABYTE), deleted=True)
    assert ledger.run(MARCH) == {}
    assert backups(ledger) == [
        ("base_server", Decimal(1), Decimal("20.00")),
        ("base_workstation", Decimal(1), Decimal("5.00")),
        ("overage", Decimal("0.1"), Decimal("1.00")),
    ]
    assert ledger.errors() == []
    kept = ledger.fetch("SELECT backup_data_bytes, backup_usage_tb FROM assets WHERE hostname = 'WS01'")
    assert kept == [(TERABYTE // 5, None)]


def test_bytes_that_nobody_is_billed_for_and_fields_that_are_no_number_are_named(
    ledger: CodexLedger, fleet: Fleet
) -> None:
    ledger.server.assets[ACCOUNT] = [
        device(1, "SRV01", "Server", "1.00"),
        device(2, "SRV02", "Server", "1.00"),
    ]
    ours, theirs = fleet.add_site(f"Company {ACCOUNT}"), fleet.add_site("Somebody else")
    broken = fleet.add_device(ours, "SRV01", "1.5 TB")
    fleet.add_device(ours, "NEW", "1000")
    fleet.add_device(theirs, "THEIRS", "2000")
    found = ledger.run(MARCH)
    assert "read_completely" in found
    said = [message for _, message in ledger.errors()]
    assert [one.partition(", ")[0] for one in said] == [
        "Device SRV01 of site Company 620547 has the udf '1.5 TB'",
        "Device NEW of company 620547 has 1,000 bytes backed up in 2025-03",
        "Device SRV01 of company 620547 has 1,099,511,627,776 bytes backed up by Codex",
        "Device SRV02 of company 620547 has 1,099,511,627,776 bytes backed up by Codex",
        "Device THEIRS of the site 'Somebody else' has 2,000 bytes backed up in 2025-03",
    ]
    assert "is no number of bytes" in said[0]
    assert backups(ledger) == []

    # What was unreadable is billed once it is mended, though the month keeps its snapshot of all else.
    broken["udf"]["udf6"] = str(3 * TERABYTE)
    fleet.devices[1]["udf"]["udf6"] = "5000"
    ledger.run(MARCH)
    assert backups(ledger) == [
        ("base_server", Decimal(1), Decimal("20.00")),
        ("overage", Decimal(2), Decimal("20.00")),
    ]
    still = [message.partition(", ")[0] for _, message in ledger.errors()]
    assert still == [said[1].partition(", ")[0], *(one.partition(", ")[0] for one in said[3:])]

    # All of it mended, and the month taken anew.
    broken["udf"]["udf6"] = str(TERABYTE)
    fleet.devices[1]["hostname"] = "SRV02"
    fleet.variables[theirs["uid"]] = [{"id": 1, "name": "account_number", "value": ACCOUNT, "masked": False}]
    ledger.server.assets[ACCOUNT].append(device(3, "THEIRS", "Server"))
    assert ledger.run(MARCH, refresh_snapshots=True) == {}
    assert ledger.errors() == []
    assert backups(ledger) == [("base_server", Decimal(3), Decimal("60.00"))]


def test_who_ignores_a_field_that_is_no_number_ignores_no_other_value(
    ledger: CodexLedger, fleet: Fleet
) -> None:
    # 0.1 TB are nobody's money; the 89 TB over of 90 TB are 890.00 a month.
    ledger.server.assets[ACCOUNT] = [device(1, "SRV01", "Server")]
    found = fleet.add_device(fleet.add_site(f"Company {ACCOUNT}"), "SRV01", "0.1 TB")
    ledger.run(MARCH)
    with ledger.database.connect() as connection:
        ((number, *_),) = open_errors(connection)
        assert "the udf '0.1 TB'" in ignore_error(connection, number, "Too little to bill.")
    ledger.run(MARCH, refresh_snapshots=True)
    assert ledger.errors() == []
    found["udf"]["udf6"] = "90 TB"
    ledger.run(MARCH, refresh_snapshots=True)
    ((_, message),) = ledger.errors()
    assert "the udf '90 TB'" in message


def test_what_datto_showed_before_it_was_switched_off_is_not_billed_when_it_is_on_again(
    ledger: CodexLedger, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An older open month: 1 TB by Datto RMM is 20.00, 9 TB by Codex are 20.00 + 80.00.
    ledger.server.assets[ACCOUNT] = [device(1, "SRV01", "Server", "9.00")]
    fleet.add_device(fleet.add_site(f"Company {ACCOUNT}"), "SRV01", str(TERABYTE))
    base = ("base_server", Decimal(1), Decimal("20.00"))
    ledger.run(MARCH)
    assert backups(ledger) == [base]
    with monkeypatch.context() as off:
        for name in ("DATTO_URL", "DATTO_API_KEY", "DATTO_API_SECRET"):
            off.delenv(name)
        ledger.run(MARCH, refresh_snapshots=True)
        by_codex = [base, ("overage", Decimal(8), Decimal("80.00"))]
        assert backups(ledger) == by_codex
    # On again, a month that is run keeps the snapshot of its devices, and so Codex's bytes, until it is taken anew.
    for _ in range(2):
        ledger.run(MARCH)
        assert backups(ledger) == by_codex
    ledger.run(MARCH, refresh_snapshots=True)
    assert backups(ledger) == [base]
