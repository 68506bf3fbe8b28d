"""The first close reads the whole history, so that it gives what closing month by month would have given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import psycopg
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.settings import read_settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.history import start_history
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.workflows.history import read_history, refuse_unread
from ledger_pipelines_tests.databases import copied_database
from ledger_pipelines_tests.defs.closing import run, use
from ledger_pipelines_tests.end_to_end.harness import fetch

UNTIL = date(2024, 8, 31)
MONTHS = [date(2024, number, 1) for number in range(1, 9)]
LAST = MONTHS[-1]
_FIGURES = ("monthly_accruals", "deferred_revenue", "accrual_notices")
_UNREAD = ("monthly_accruals", "earlier_months_were_read")


@pytest.fixture(scope="module")
def school() -> Iterator[Sandbox]:
    """A small school whose history began long before the ledger."""
    config = SandboxConfig(until=UNTIL, companies=2, students=60, invoices=200, rate_limit=None)
    with running_sandbox(config) as sandbox:
        yield sandbox


@pytest.fixture
def other(server: EmbeddedServer) -> Iterator[Database]:
    """A second ledger, to compare with."""
    with copied_database(server) as database:
        yield database


def figures(database: Database, table: str, month: date = LAST) -> list[tuple[Any, ...]]:
    return fetch(database, f"SELECT t::text FROM {table} t WHERE month = %s ORDER BY 1", month)


@pytest.mark.timeout(240)
def test_the_first_close_gives_the_figures_of_a_ledger_closed_month_by_month(
    database: Database, other: Database, school: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, other, school)
    for month in MONTHS:
        run(other, [month])
        with other.connect() as connection:
            close_months(connection, [month], person="Ada")

    use(monkeypatch, database, school)
    checks = run(database, [LAST])

    for table in _FIGURES:
        assert figures(database, table) == figures(other, table), table
    assert figures(database, "monthly_accruals")
    ((opening, recognised),) = fetch(
        database, "SELECT sum(opening), sum(recognised) FROM deferred_revenue WHERE month = %s", LAST
    )
    assert opening > 0 < recognised
    # The open months before have theirs, too.
    for table in ("invoices", "enrollments", "monthly_accruals", "deferred_revenue"):
        months = [month for (month,) in fetch(database, f"SELECT DISTINCT month FROM {table} ORDER BY 1")]
        assert months == MONTHS, table
    for month in MONTHS:
        assert figures(database, "deferred_revenue", month) == figures(other, "deferred_revenue", month)
    assert checks[_UNREAD].passed


@pytest.mark.timeout(120)
def test_a_sync_reads_what_is_asked_for_and_a_close_what_was_left_out_between(
    database: Database, school: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, database, school)
    run(database, MONTHS[2:4], job="import_steps")
    assert _months(database, "invoices") == MONTHS[2:4]

    checks = run(database, MONTHS[3:4], job="process_accruals")
    unread = checks[_UNREAD]
    assert (unread.passed, unread.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert unread.description.startswith(
        "2024-04: Months that were never read: 2024-01 to 2024-02 from Holded; 2024-01 to 2024-02 from 4Geeks. "
    )
    assert _finalising(database, MONTHS[3]) == (
        "2024-04 was not closed, for months were never read: 2024-01 to 2024-02 from Holded; "
        "2024-01 to 2024-02 from 4Geeks. `ledger close 2024-04` reads them; if there is nothing before 2024-04, say "
        "so: `ledger history --nothing-before 2024-04 --reason …`."
    )

    # A month that is closed is read, too: its news is the first open month's.
    with database.connect() as connection:
        close_months(connection, MONTHS[:1], person="Ada")
    checks = run(database, MONTHS[5:6])
    assert checks[_UNREAD].passed
    assert _months(database, "invoices") == MONTHS[1:6]
    ((late,),) = fetch(database, "SELECT count(*) FROM invoices WHERE month = %s AND date < month", MONTHS[1])
    assert late > 0
    assert _finalising(database, MONTHS[5]) is None
    assert "2024-07 from Holded" in (_finalising(database, MONTHS[6]) or "")


def test_a_person_says_that_there_is_nothing_before_and_is_contradicted_by_what_is_there(
    database: Database, connection: psycopg.Connection, school: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, database, school)
    with pytest.raises(LedgerError, match="takes a reason"):
        start_history(connection, MONTHS[6], person="Ada", reason=" ")
    start_history(connection, MONTHS[6], person="Ada", reason="We opened in July")
    past = read_history(database, UNTIL)
    assert past.start is not None
    assert (past.start.month, past.start.person, past.start.reason) == (MONTHS[6], "Ada", "We opened in July")
    assert past.unread["invoices"] == MONTHS[6:8]

    checks = run(database, [LAST])
    assert _months(database, "invoices") == MONTHS[6:]
    assert checks[_UNREAD].passed
    assert _finalising(database, LAST) is None
    with pytest.raises(LedgerError, match=r"There is something before 2024-08: .* of 2024-07"):
        start_history(connection, LAST, person="Ada", reason="A slip")
    with pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("DELETE FROM history_starts")


def test_a_ledger_without_a_school_closes_for_good_without_its_history(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", database.url)
    for name in ("HOLDED_API_KEY", "FOURGEEKS_TOKEN", "FOURGEEKS_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    assert _finalising(database, LAST) is None
    monkeypatch.setenv("HOLDED_API_KEY", "any")
    assert "2024-01 to 2024-08 from Holded" in (_finalising(database, LAST) or "")


def _finalising(database: Database, month: date) -> str | None:
    """Why the month is not closed for good, as far as its history goes."""
    try:
        refuse_unread(database, read_settings(), [month])
    except LedgerError as error:
        return str(error)
    return None


def _months(database: Database, table: str) -> list[date]:
    return [month for (month,) in fetch(database, f"SELECT DISTINCT month FROM {table} ORDER BY 1")]
