"""A month that is closed for good."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from decimal import Decimal

import dagster as dg
import psycopg
import pytest

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.end_to_end.dagster_history import (
    evaluations,
    last_shown,
    materialization_metadata,
)
from ledger_pipelines_tests.end_to_end.harness import Done, Ledger, execute, fetch, rows_and_places

CODEX = SandboxConfig(until=date(2025, 12, 31), companies=10)
NEW_RATE = Decimal("99.99")


@pytest.mark.timeout(180)
def test_a_new_rate_shows_as_a_difference_of_the_closed_month_and_is_written_once_it_is_reopened(
    ledger: Ledger, database: Database
) -> None:
    with running_sandbox(CODEX) as sandbox:
        ledger.use(sandbox)
        closing = ledger("close", "2025-03", "--finalise")
        assert closing.code == 0, closing.err
        assert "Closed 2025-03." in closing.out
        shown = last_shown(database, "ledger_periods")
        assert re.search(r"^\| 2025-03 \| closed \| \d+ \| [\d,.]+ USD \| ", shown["months"], re.MULTILINE)
        booked = rows_and_places(database)
        account, users, old_rate = _somebody_with_users(database)
        more = users * (NEW_RATE - old_rate)
        total = _total(database, account)

        execute(
            database,
            "INSERT INTO client_billing_overrides (account_number, per_user_cost, per_user_cost_enabled) "
            "VALUES (%s, %s, true)",
            account,
            NEW_RATE,
        )
        compared = ledger("close", "2025-03", "--refresh-snapshots")
        assert compared.code == 0, compared.err
        assert rows_and_places(database) == booked
        assert compared.statements() == {"2025-03": ("final", len(booked["billing_statements"]))}
        told = " ".join(compared.out.split())
        assert (
            f"2025-03 is closed; computed anew its billing_statements would differ by {more:+,.2f} in all: "
            in told
        )
        assert f"({account}), changed, booked {total:,.2f}, computed {total + more:,.2f}, by " in told
        assert _wrote_nothing(compared)
        _the_check_warns_and_names_the_difference(database, account, more)
        _the_database_itself_refuses(database)

        assert ledger("reopen", "2025-03").code == 2
        unreasoned = ledger("reopen", "2025-03", "--reason", "  ")
        assert unreasoned.code == 1
        assert "say why" in unreasoned.err
        assert rows_and_places(database) == booked

        reopened = ledger("reopen", "2025-03", "--reason", f"New rate for {account}")
        assert reopened.code == 0, reopened.err
        assert last_shown(database, "ledger_periods")["closed"] == 0
        applied = ledger("close", "2025-03")
        assert applied.code == 0, applied.err

    assert applied.statements() == {"2025-03": ("draft", len(booked["billing_statements"]))}
    assert applied.changes()["billing_statements"][:2] == (1, 1)
    assert applied.changes()["billing_statement_lines"][:2] == (users, users)
    assert _total(database, account) == total + more
    assert _latest(database, "billing_statements").passed
    events = fetch(
        database, "SELECT month, action, reason, person <> '' FROM ledger_period_events ORDER BY id"
    )
    assert events == [
        (date(2025, 3, 1), "closed", None, True),
        (date(2025, 3, 1), "reopened", f"New rate for {account}", True),
    ]


@pytest.mark.timeout(120)
def test_finalising_a_range_closes_its_open_months_and_leaves_the_closed_one_in_peace(
    ledger: Ledger, database: Database
) -> None:
    """Warnings (late snapshots, contracts that end) keep no month from being closed."""
    with running_sandbox(CODEX) as sandbox:
        ledger.use(sandbox)
        assert ledger("close", "2025-03", "--finalise").code == 0
        booked = fetch(
            database, "SELECT ctid, xmin::text, * FROM billing_statements WHERE month = '2025-03-01'"
        )
        execute(
            database,
            "INSERT INTO manual_users (account_number, full_name, payment_type) SELECT "
            "account_number, 'Somebody new', 'Paid' FROM billing_statements LIMIT 1",
        )
        around = ledger("close", "2025-02", "2025-05", "--finalise")

        months = ledger("months").out

    assert around.code == 0, around.err
    told = re.findall(
        r"^ +(2025-\d\d) +(open|closed) +(\d+) +([\d,.]+ USD) +(\d+) passed, (\d+) warn +(.*?) *$",
        months,
        re.M,
    )
    ((total,),) = fetch(database, "SELECT sum(total) FROM billing_statements WHERE month = '2025-03-01'")
    assert [(month, status) for month, status, *_ in told] == [
        (f"2025-0{number}", "closed") for number in (2, 3, 4)
    ]
    assert told[1][3] == f"{total:,.2f} USD"
    assert all(by for *_, by in told)
    assert len(re.findall(r"^ +\d{4}-\d\d-\d\d \d\d:\d\d *$", months, re.M)) == 3
    assert "WARN companies snapshot_in_time" in around.out
    assert "WARN billing_statements closed_month_unchanged" in around.out
    assert "Closed 2025-02, 2025-04. 1 of the months were closed before." in around.out
    assert fetch(
        database, "SELECT month, status FROM ledger_periods WHERE status = 'closed' ORDER BY month"
    ) == [(date(2025, number, 1), "closed") for number in (2, 3, 4)]
    assert (
        fetch(database, "SELECT ctid, xmin::text, * FROM billing_statements WHERE month = '2025-03-01'")
        == booked
    )
    people = dict(
        fetch(
            database,
            "SELECT month, count(*) FROM billing_statement_lines WHERE source_type = 'manual_user' GROUP BY month",
        )
    )
    assert people == {date(2025, 2, 1): 1, date(2025, 4, 1): 1}
    passed = Counter(
        (evaluation.partition, evaluation.passed)
        for evaluation in evaluations(database, "billing_statements", "closed_month_unchanged")
        if evaluation.partition is not None
    )
    # March passed when it was closed alone, and says otherwise now.
    assert passed == {
        ("2025-02", True): 1,
        ("2025-03", True): 1,
        ("2025-03", False): 1,
        ("2025-04", True): 1,
    }


@pytest.mark.timeout(180)
def test_a_company_without_a_plan_keeps_its_month_open_until_it_is_ignored_with_a_note(
    ledger: Ledger, database: Database
) -> None:
    """An override names a plan that does not exist; the CFO's database, which is away, keeps nothing open."""
    with running_sandbox(CODEX) as sandbox:
        ledger.use(sandbox)
        assert ledger("close", "2025-03").code == 0
        execute(
            database,
            "INSERT INTO client_billing_overrides (account_number, billing_plan, billing_plan_enabled) "
            "SELECT min(account_number), 'Nowhere', true FROM billing_statements",
        )
        ((account,),) = fetch(database, "SELECT account_number FROM client_billing_overrides")
        refused = ledger("close", "2025-03", "--finalise")
        ((number,),) = fetch(database, "SELECT id FROM integration_errors WHERE external_id = %s", account)

        assert refused.code == 1
        assert refused.err.startswith(
            f"Error: 2025-03 was not closed, one thing stands against it: Company {account} is on the plan 'Nowhere'"
        )
        assert refused.err.count("\n") == 1
        printed = " ".join(refused.out.split())
        assert f"Stands against closing: billing statements: company {account} (error {number})" in printed

        assert ledger("errors", "ignore", str(number), "--note", "they leave").code == 0
        closed = ledger(
            "close", "2025-03", "--finalise", CFO_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"
        )
    assert (closed.code, closed.err) == (0, "")
    assert "Closed 2025-03." in closed.out


def _somebody_with_users(database: Database) -> tuple[str, int, Decimal]:
    """An account, its people who are paid for, and the rate of each."""
    ((account, users, rate),) = fetch(
        database,
        """SELECT account_number, regular_users, per_user_cost FROM billing_statements
           WHERE regular_users > 1 ORDER BY account_number LIMIT 1""",
    )
    return account, users, rate


def _wrote_nothing(done: Done) -> bool:
    changes = done.changes()
    return {"ticket_hours", "billing_statement_lines", "billing_statements"} <= changes.keys() and all(
        added == removed == 0 for added, removed, _ in changes.values()
    )


def _the_check_warns_and_names_the_difference(database: Database, account: str, more: Decimal) -> None:
    found = _latest(database, "billing_statements")
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["difference_amount"].value == f"{more:.2f}"
    shown = str(found.metadata["difference"].value)
    assert account in shown
    assert "per_user_cost" in shown
    assert not _latest(database, "billing_statement_lines").passed
    shown_at_the_month = materialization_metadata(database, "billing_statements", "2025-03")
    assert (shown_at_the_month["closed"], shown_at_the_month["rows_that_differ"]) == (True, 2)
    ((total,),) = fetch(database, "SELECT sum(total) FROM billing_statements")
    assert [shown_at_the_month[name] for name in ("total", "total_would_be", "difference")] == [
        f"{amount:,.2f} USD" for amount in (total, total + more, more)
    ]
    assert _latest(database, "ticket_hours").passed


def _the_database_itself_refuses(database: Database) -> None:
    for statement in ("UPDATE billing_statements SET total = 0", "DELETE FROM tickets", "TRUNCATE companies"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="is closed"):
            execute(database, statement)


def _latest(database: Database, asset: str) -> dg.AssetCheckEvaluation:
    return evaluations(database, asset, "closed_month_unchanged")[0]


def _total(database: Database, account: str) -> Decimal:
    ((total,),) = fetch(database, "SELECT total FROM billing_statements WHERE account_number = %s", account)
    assert isinstance(total, Decimal)
    return total
