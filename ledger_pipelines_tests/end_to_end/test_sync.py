"""The import steps and the accruals, from the sources to the books of a school."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import requests

from ledger_pipelines.months import month_range
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import Sandbox, running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import close_months
from ledger_pipelines_tests.end_to_end.harness import (
    ACCRUAL_TABLES,
    CODEX_TABLES,
    IMPORTED_TABLES,
    LEDGER_TABLES,
    Ledger,
    execute,
    fetch,
    free_ports,
    rows,
    rows_and_places,
)

SCHOOL = SandboxConfig(until=date(2025, 12, 31), companies=3, students=40, invoices=120, rate_limit=None)
STEPS = ["services", "invoices", "crm-clients", "service-periods", "notion-external-id"]
_EXECUTIONS = """SELECT step_name, status, metadata->'months', metadata->'result', metadata->>'dagster_run_id',
                        started_at <= completed_at, error_message
                 FROM sync_executions ORDER BY id"""
_OF_CLIENT = """SELECT to_char(a.month, 'YYYY-MM'), a.recognised, a.reason, a.contract_status
                FROM monthly_accruals a
                WHERE a.contact_id = (SELECT DISTINCT contact_id FROM clients WHERE email = %s)
                  AND a.recognised <> 0
                ORDER BY a.month"""


@pytest.fixture(scope="module")
def school() -> Iterator[Sandbox]:
    """A healthy school with somebody for every rule; the tests that use it change nothing in it."""
    with running_sandbox(SCHOOL) as sandbox:
        yield sandbox


@pytest.mark.timeout(180)
def test_from_a_step_on_over_a_range_and_the_accruals_alone(
    ledger: Ledger, database: Database, school: Sandbox
) -> None:
    ledger.use_all(school)
    span = ("--start-date", "2024-03-01", "--end-date", "2024-07-01")
    months = ["2024-03", "2024-04", "2024-05", "2024-06"]

    too_early = ledger("sync", "--from-step", "accruals", *span)
    assert too_early.code == 1
    assert too_early.err == (
        "Error: The clients were never read: run `ledger sync --from-step crm-clients` first.\n"
    )
    before = len(fetch(database, _EXECUTIONS))

    imported = ledger("sync", "--from-step", "invoices", *span)
    assert (imported.code, imported.err) == (0, "")
    accrued = ledger("sync", "--from-step", "accruals", *span)
    assert (accrued.code, accrued.err) == (0, "")

    executions = fetch(database, _EXECUTIONS)[before:]
    assert [execution[0] for execution in executions] == [*STEPS[1:], "accruals"]
    for name, status, of_months, result, _, ended, error in executions:
        assert (status, of_months, ended, error) == ("completed", months, True, None), name
        assert all(isinstance(count, int) for count in result.values()), name
    results = {execution[0]: execution[3] for execution in executions}
    documents = "SELECT count(*)::int FROM invoices WHERE month BETWEEN '2024-03-01' AND '2024-06-01'"
    assert fetch(database, documents) == [(results["invoices"]["invoices_processed"],)]
    assert results["invoices"]["invoices_processed"] > 0
    assert results["crm-clients"]["clients_created"] == results["crm-clients"]["clients_processed"] > 40
    assert len({execution[4] for execution in executions}) == 2

    read = [(date(2024, number, 1),) for number in (3, 4, 5, 6)]
    for table in ("services", "clients", "deferred_revenue"):
        assert fetch(database, f"SELECT DISTINCT month FROM {table} ORDER BY 1") == read, table


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--start-date", "2024-03-15", "--end-date", "2024-07-01"), "is not the first day of a month"),
        (("--start-date", "2024-07-01", "--end-date", "2024-03-01"), "its end is not included"),
        (
            ("--start-date", "2024-03-01"),
            "Say both the start date (included) and the end date (not included)",
        ),
        (("--year", "2019"), "2019 is outside the ledger: its months are 2024-01 to "),
        (("--from-step", "payments"), "'payments' is no step: choose services, invoices, crm-clients, "),
        (("--year", "2024", "--from-step", "services"), "HOLDED_API_KEY is not set"),
    ],
    ids=["not the first", "backwards", "no end", "another century", "no step", "no key"],
)
def test_wrong_dates_and_steps_are_refused_with_the_reason(
    ledger: Ledger, database: Database, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = ledger("sync", *arguments)

    assert refused.code == 1
    assert refused.err.startswith("Error: ")
    assert sentence in refused.err
    assert refused.err.count("\n") == 1
    assert fetch(database, _EXECUTIONS) == []


@pytest.mark.timeout(180)
def test_a_second_sync_writes_nothing_and_no_sync_asks_for_more_pages_than_there_are(
    ledger: Ledger, database: Database
) -> None:
    config = SandboxConfig(
        until=date(2025, 12, 31), companies=3, students=1010, invoices=1300, rate_limit=None
    )
    with running_sandbox(config) as sandbox:
        ledger.use_all(sandbox)
        assert ledger("sync", "--year", "2025").code == 0
        calls = _calls(sandbox)
        written = rows_and_places(database)
        assert all(written[table] for table in IMPORTED_TABLES)

        # Sets come in another order, and all is loaded anew.
        again = ledger("sync", "--year", "2025", PYTHONHASHSEED="11")
        assert again.code == 0, again.err
        assert rows_and_places(database) == written
        assert {change[:2] for change in again.changes().values()} == {(0, 0)}
        assert _calls(sandbox) == {route: 2 * count for route, count in calls.items()}

    counts = {
        "GET /4geeks/v1/auth/academy/student": (1010, 1000),
        "GET /4geeks/v1/admissions/academy/cohort/user": (1010, 1000),
    }
    for route, (records, page) in counts.items():
        assert calls[route] == -(-records // page), route
    ((invoices, credit_notes),) = fetch(
        database,
        """SELECT count(*) FILTER (WHERE document_type = 'invoice'), count(*) FILTER (WHERE document_type <> 'invoice')
           FROM invoices""",
    )
    # Two empty pages end each of Holded's lists. The documents before the year and after it are read for their payments.
    every = {kind: len(rows) for kind, rows in sandbox.school.documents.items()}
    lists = {
        "contacts": (_rows(database, "holded_contacts"),),
        "documents/invoice": (invoices, every["invoice"] - invoices, 0),
        "documents/creditnote": (credit_notes, every["creditnote"] - credit_notes, 0),
    }
    for path, parts in lists.items():
        pages = sum(-(-records // 500) + 2 for records in parts)
        assert calls[f"GET /holded/api/invoicing/v1/{path}"] == pages, path
    assert calls["POST /4geeks/v1/auth/login/"] == 1


@pytest.mark.timeout(240)
def test_news_about_closed_months_lands_in_the_first_open_one_and_changes_no_closed_row(
    ledger: Ledger, database: Database
) -> None:
    """January to September are closed when a drop, an invoice of 600 and a credit note of 150 of then become known."""
    october = date(2025, 10, 1)
    with running_sandbox(SCHOOL) as sandbox:
        ledger.use_all(sandbox)
        refused = ledger("close", "2025-08", "2025-10", "--finalise")
        assert "First reading the history since 2024-01: it was never read." in refused.out
        assert "over 300.00 EUR has no contact" in refused.err
        with database.connect() as connection:
            close_months(connection, month_range(date(2025, 1, 1), october), person="somebody")
        booked = {table: set(of_table) for table, of_table in rows_and_places(database).items()}

        assert requests.post(f"{sandbox.base_url}/sandbox/news", timeout=10).ok
        told = ledger("close", "2025-08", "2026-01")
        assert told.code == 0, told.err
        assert "the history" not in told.out
        now = {table: set(of_table) for table, of_table in rows_and_places(database).items()}
        for table in (*IMPORTED_TABLES, *ACCRUAL_TABLES):
            assert booked[table] <= now[table], f"a closed month of {table} was rewritten"
        for table in ("invoices", "enrollments", "monthly_accruals"):
            assert f"WARN {table} closed_month_unchanged" in told.out

        restated = fetch(database, "SELECT month, date FROM invoices WHERE month > date_trunc('month', date)")
        assert {month for month, _ in restated} == {october}
        assert max(day for _, day in restated) < october

        dropped = fetch(database, _OF_CLIENT, "dropped.back.dated@cases.example")
        assert dropped == [
            *((f"2025-{number:02}", Decimal("1300.00"), "portion", "ACTIVE") for number in (6, 7, 8, 9)),
            ("2025-10", Decimal("800.00"), "catch_up", "CANCELED"),
        ]
        late = "late.invoice@cases.example"
        assert _invoiced(database, late) == _invoiced(database, late, before=october) + 600 - 150
        assert "not_congruent_status" in _notices(database, "dropped.then.active@cases.example", october)
        assert fetch(database, _OF_CLIENT, "dropped.then.active@cases.example")[-1][0] < "2025-10"

        _ignore_what_stands_against_closing(database)
        settled = rows_and_places(database)
        alone = ledger("close", "2025-10", "--finalise")
        assert alone.code == 0, alone.err
        closed = rows_and_places(database)
        # Closing posts the journal's drafts.
        assert {table for table in closed if closed[table] != settled[table]} == {"journal_entries"}

        refused = ledger("reopen", "2025-09", "--reason", "a late invoice")
        assert refused.code == 1
        assert "reopen 2025-10 first" in refused.err
    _the_books_roll_forward(database)


@pytest.mark.timeout(240)
def test_a_fifth_of_the_answers_broken_and_malformed_records_are_errors_until_the_sources_are_well(
    ledger: Ledger, database: Database
) -> None:
    config = SandboxConfig(
        until=date(2025, 12, 31),
        companies=3,
        students=250,
        invoices=800,
        faults=0.2,
        stall_seconds=3,
        rate_limit=None,
    )
    with running_sandbox(config) as sandbox:
        ledger.use_all(sandbox)
        ledger.variables["LEDGER_HTTP_TIMEOUT"] = "1"
        faulty = ledger("sync", "--year", "2025", seconds=200)
        assert faulty.code == 0, faulty.err
        malformed = {
            (system, record["entity"], str(record["id"]))
            for system in ("holded", "4geeks", "notion")
            for record in requests.get(
                f"{sandbox.base_url}/sandbox/malformed", params={"system": system}, timeout=10
            ).json()
        }
        found = _errors(database, resolved=False)
        in_range = {error for error in malformed if error[1] not in ("invoice", "creditnote")}
        assert in_range <= found
        assert {error for error in malformed & found if error[1] == "invoice"}
        # Memberships without an end, and a client with the address of two students, are so without faults.
        own = {"invoice", "membership", "client"}
        assert {error for error in found - malformed if error[1] not in own} == set()
        fewer = {table: len(of_table) for table, of_table in rows(database).items()}

        assert requests.post(f"{sandbox.base_url}/sandbox/heal", timeout=10).ok
        healed = ledger("sync", "--year", "2025")
        assert healed.code == 0, healed.err

    assert not malformed & _errors(database, resolved=False)
    assert in_range <= _errors(database, resolved=True)
    whole = {table: len(of_table) for table, of_table in rows(database).items()}
    for table in ("services", "invoices", "enrollments", "external_ids"):
        assert whole[table] >= fewer[table], table
    assert whole["invoices"] > fewer["invoices"]


@pytest.mark.timeout(180)
def test_one_source_down_fails_its_step_and_what_depends_on_it_and_nothing_else(
    ledger: Ledger, database: Database, school: Sandbox
) -> None:
    (nobody_listens,) = free_ports(1)
    ledger.use_all(school)
    down = ledger("close", "2025-03", FOURGEEKS_URL=f"http://127.0.0.1:{nobody_listens}/v1")

    assert down.code == 1
    assert down.err.count("\n") == 1
    assert "4Geeks cannot be reached" in down.err
    assert "check FOURGEEKS_URL" in down.err
    assert "Traceback" not in down.out
    states = {name: status for name, status, *_ in fetch(database, _EXECUTIONS)}
    assert states == {
        "codex": "completed",
        "billing": "completed",
        "services": "completed",
        "invoices": "completed",
        "crm-clients": "failed",
        "cfo-sync": "completed",
    }
    half = rows(database)
    assert half["invoices"]
    assert half["billing_statements"]
    assert not any(half[table] for table in ("clients", "enrollments", "external_ids", *ACCRUAL_TABLES))

    retried = ledger(
        "sync", "--from-step", "crm-clients", "--start-date", "2025-03-01", "--end-date", "2025-04-01"
    )
    assert retried.code == 0, retried.err
    whole = rows(database)
    assert all(whole[table] for table in ("clients", "enrollments", "external_ids"))
    assert whole["invoices"] == half["invoices"]


@pytest.mark.timeout(180)
def test_a_ledger_may_do_without_some_of_the_systems(
    ledger: Ledger, database: Database, other_ledger: Ledger, other_database: Database, school: Sandbox
) -> None:
    """A provider has Codex alone, a shop Holded alone: each closes with what it has, and accrues nothing blindly."""
    ledger.use(school)
    provider = ledger("close", "2025-03")
    assert (provider.code, provider.err) == (0, "")
    assert set(provider.changes()) == {*CODEX_TABLES, *LEDGER_TABLES}

    other_ledger.use_all(school)
    other_ledger.variables = {
        name: value for name, value in other_ledger.variables.items() if name.startswith("HOLDED_")
    }
    shop = other_ledger("close", "2025-03")
    assert (shop.code, shop.err) == (0, "")
    written = rows(other_database)
    assert written["invoices"]
    assert written["contracts"]
    assert not any(written[table] for table in ("clients", "enrollments", "external_ids", *ACCRUAL_TABLES))
    synced = other_ledger("sync", "--start-date", "2025-03-01", "--end-date", "2025-04-01")
    assert synced.code == 0, synced.err
    assert "FOURGEEKS_TOKEN is not set" in synced.out
    refused = other_ledger("sync", "--from-step", "crm-clients", "--year", "2025")
    assert (refused.code, refused.err) == (
        1,
        "Error: FOURGEEKS_TOKEN is not set: without it 4Geeks cannot be read.\n",
    )


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"HOLDED_API_KEY": "wrong-key"}, "Holded refused us"),
        ({"HOLDED_API_KEY": "holded-blocked-key"}, "Unpaid"),
        ({"HOLDED_URL": "{base}/nothing-here"}, "check HOLDED_URL"),
    ],
    ids=["bad key", "blocked account", "wrong address"],
)
def test_a_refusal_is_one_sentence_without_the_secret(
    ledger: Ledger, school: Sandbox, variables: dict[str, str], sentence: str
) -> None:
    ledger.use_all(school)
    given = {name: value.format(base=school.base_url) for name, value in variables.items()}
    refused = ledger("sync", "--year", "2025", **given)

    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert sentence in refused.err
    assert "wrong-key" not in refused.err + refused.out


def _calls(sandbox: Sandbox) -> dict[str, int]:
    """Requests by route, but for the pages of Notion, which are counted by their number of records."""
    answer: dict[str, Any] = requests.get(f"{sandbox.base_url}/sandbox/requests", timeout=10).json()
    return {route: count for route, count in answer["routes"].items() if "/sandbox/" not in route}


def _rows(database: Database, table: str) -> int:
    ((count,),) = fetch(database, f"SELECT count(*) FROM {table} WHERE month = '2025-12-01'")
    return int(count)


def _errors(database: Database, *, resolved: bool) -> set[tuple[str, str, str]]:
    return {
        (integration, entity, external_id)
        for integration, entity, external_id in fetch(
            database,
            "SELECT integration_name, entity_type, external_id FROM integration_errors WHERE is_resolved = %s",
            resolved,
        )
    }


def _ignore_what_stands_against_closing(database: Database) -> None:
    """The school's cases have records that a person has to decide about: here one says that they may stay so."""
    execute(
        database,
        "UPDATE integration_errors SET is_ignored = true, ignored_at = now(), ignore_notes = 'a case' "
        "WHERE NOT is_resolved AND NOT is_ignored",
    )


def _invoiced(database: Database, email: str, *, before: date = date(9999, 1, 1)) -> Decimal:
    """What a client's contract has come to before this month."""
    ((amount,),) = fetch(
        database,
        """SELECT sum(amount) FROM contracts
           WHERE contact_id = (SELECT DISTINCT contact_id FROM clients WHERE email = %s) AND month < %s""",
        email,
        before,
    )
    return Decimal(amount)


def _notices(database: Database, email: str, month: date) -> set[str]:
    found = fetch(
        database,
        """SELECT kind FROM accrual_notices
           WHERE contact_id = (SELECT DISTINCT contact_id FROM clients WHERE email = %s) AND month = %s""",
        email,
        month,
    )
    return {kind for (kind,) in found}


def _the_books_roll_forward(database: Database) -> None:
    """Every month opens with what the one before closed with, and the contracts come to the same."""
    broken = fetch(
        database,
        """SELECT d.month, d.currency FROM deferred_revenue d
           LEFT JOIN deferred_revenue before ON before.currency = d.currency
                AND before.month = d.month - interval '1 month'
           WHERE d.opening <> coalesce(before.closing, 0) OR d.opening + d.invoiced - d.recognised <> d.closing""",
    )
    assert broken == []
    sums = fetch(
        database,
        """SELECT d.currency, d.closing, (SELECT sum(c.amount) FROM contracts c WHERE c.currency = d.currency),
                  (SELECT sum(a.recognised) FROM monthly_accruals a WHERE a.currency = d.currency)
           FROM deferred_revenue d WHERE d.month = '2025-12-01'""",
    )
    assert sums
    for currency, closing, contracts, recognised in sums:
        assert closing == contracts - recognised, currency
