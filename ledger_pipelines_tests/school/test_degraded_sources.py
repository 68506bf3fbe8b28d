"""Half a year of the sandbox's school, half of it closed, while every source answers in every way that reads as empty.

Nobody is taken for resigned, nothing is taken back, everything is named, and it heals.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.periods import close_months
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.defs.closing import use
from ledger_pipelines_tests.school.building import run_steps

SCHOOL = SandboxConfig(until=date(2024, 6, 30), companies=1, students=50, invoices=100, rate_limit=None)
CLOSED = [date(2024, month, 1) for month in range(1, 4)]
#: The first month that is open.
OPEN = "2024-04"
Key = tuple[str, str, str, int]

#: Ways of 4Geeks' and Notion's lists, and faults of Holded's.
WAYS = [
    *(("students", way) for way in ("empty", "short", "hole", "broken")),
    *(("memberships", way) for way in ("empty", "short", "hole", "broken", "endless")),
    *(("pages", way) for way in ("empty", "short", "capped_for_good", "broken")),
    *(("pages", way) for way in ("renamed_email", "email_as_number", "renamed_status", "status_as_relation")),
    *(("contacts", fault) for fault in ("empty", "broken")),
    *(("invoice", fault) for fault in ("empty", "short_page", "empty_page", "broken")),
    *(("creditnote", fault) for fault in ("empty", "broken")),
    ("saleschannels", "empty"),
]
#: Ways in which all is still there to be read.
HARMLESS = [("pages", "email_as_text"), ("pages", "email_as_formula"), ("pages", "status_as_status")]


class Ledger:
    """The ledger of that school, and what its months say."""

    def __init__(self, database: Database, sandbox: Sandbox) -> None:
        self._database, self._sandbox = database, sandbox

    def run(self, first: str = "2024-01") -> list[str]:
        """All months again, or from a month on; what failed."""
        return run_steps(first, "2024-06")

    def close(self) -> None:
        with self._database.connect() as connection:
            close_months(connection, CLOSED, person="Ada")

    def degrade(self, name: str, way: str) -> None:
        if name in ("students", "memberships", "pages"):
            self._sandbox.degrade(name, way)
        else:
            self._sandbox.holded_lists.faults[name] = way

    def heal(self) -> None:
        self._sandbox.heal()

    def accruals(self) -> dict[Key, dict[str, Any]]:
        """Every accrual by month and contract."""
        names = ("recognised", "recognised_to_date", "reason", "invoiced", "contract_amount")
        rows = self.rows(
            "SELECT to_char(month, 'YYYY-MM'), contact_id, service_id, contract_number, "
            f"{', '.join(names)} FROM monthly_accruals"
        )
        return {row[:4]: dict(zip(names, row[4:], strict=True)) for row in rows}

    def named_since(self, moment: Any) -> set[tuple[str, ...]]:
        """What was said to be wrong since then: operation, kind, id and message of each error."""
        rows = self.rows(
            "SELECT operation_type, entity_type, external_id, error_message FROM integration_errors "
            f"WHERE last_seen_at >= '{moment}'"
        )
        return set(map(tuple, rows))

    def now(self) -> Any:
        ((moment,),) = self.rows("SELECT clock_timestamp()")
        return moment

    def rows(self, query: str) -> list[Any]:
        with self._database.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def ledger(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """The first half of the months is closed, and all of them were run."""
    folder: Path = tmp_path_factory.mktemp("degraded")
    with (
        copied_database(server) as database,
        running_sandbox(SCHOOL) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(folder)
        use(patch, database, sandbox)
        found = Ledger(database, sandbox)
        assert found.run() == []
        found.close()
        assert found.run() == []
        yield found


@pytest.fixture(scope="module")
def sound(ledger: Ledger) -> dict[Key, dict[str, Any]]:
    """What the months say while every source is well."""
    return ledger.accruals()


@pytest.fixture(scope="module")
def said_anyway(ledger: Ledger) -> set[tuple[str, ...]]:
    """What is wrong with the records of a sound school."""
    begun = ledger.now()
    assert ledger.run() == []
    return ledger.named_since(begun)


def taken_back(found: dict[Key, dict[str, Any]], sound: dict[Key, dict[str, Any]]) -> dict[Key, Decimal]:
    """What a month takes back without its documents being less, where it did not while all was well."""
    return {
        key: row["recognised"]
        for key, row in found.items()
        if row["recognised"] < 0
        and row["recognised"] < sound.get(key, {"recognised": Decimal(0)})["recognised"]
    }


def resigned(found: dict[Key, dict[str, Any]]) -> set[tuple[str, str, int]]:
    """The contracts that were recognised whole because nobody was found."""
    return {key[1:] for key, row in found.items() if row["reason"] == "resigned"}


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_what_reads_as_empty_takes_nobody_and_nothing_away(
    way: tuple[str, str],
    ledger: Ledger,
    sound: dict[Key, dict[str, Any]],
    said_anyway: set[tuple[str, ...]],
) -> None:
    begun = ledger.now()
    ledger.degrade(*way)
    try:
        # Documents belong to months, closed ones among them; what 4Geeks and Notion show is of the present.
        failures = ledger.run(OPEN if way[0] in ("students", "memberships", "pages") else "2024-01")
        found, named = ledger.accruals(), ledger.named_since(begun)
    finally:
        ledger.heal()
    assert failures or named - said_anyway, "nothing was said"
    assert resigned(found) <= resigned(sound)
    assert taken_back(found, sound) == {}
    assert {key: row for key, row in found.items() if key[0] < OPEN} == {
        key: row for key, row in sound.items() if key[0] < OPEN
    }
    invoiced, was = (sum(row["invoiced"] for row in rows.values()) for rows in (found, sound))
    assert invoiced == was


@pytest.mark.parametrize("way", HARMLESS, ids=" ".join)
def test_what_is_written_otherwise_is_read_all_the_same(
    way: tuple[str, str], ledger: Ledger, sound: dict[Key, dict[str, Any]]
) -> None:
    ledger.degrade(*way)
    try:
        assert ledger.run(OPEN) == []
        assert ledger.accruals() == sound
    finally:
        ledger.heal()


def test_it_heals(ledger: Ledger, sound: dict[Key, dict[str, Any]]) -> None:
    assert ledger.run() == []
    assert ledger.accruals() == sound
