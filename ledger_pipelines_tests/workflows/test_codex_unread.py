"""What Codex did not send, or sent far too little of: the months keep what they had of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.sources.codex.client import CodexSnapshot
from ledger_pipelines.sources.codex.companies import MissedPart
from ledger_pipelines.sources.codex.models import SCHEMAS
from ledger_pipelines.store.integration_errors import ignore_error, record_problems
from ledger_pipelines.store.months import ensure_months, replace_month
from ledger_pipelines.store.snapshots import read_gaps, record_gaps, record_snapshot
from ledger_pipelines.workflows.imports.codex_unread import Unread, find_unread, keep_unread

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)
TAKEN = datetime(2025, 4, 1, tzinfo=UTC)
_FILLED: Mapping[str, Mapping[str, Any]] = {
    "companies": {"name": "Acme"},
    "assets": {"backup_data_bytes": 0},
    "contacts": {"active": True},
    "plans": {"term_length": "1 Year"},
}


def _frame(table: str, month: date, records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Records of a table with their month."""
    schema = pa.schema([pa.field("month", pa.date32()), *SCHEMAS[table]])
    rows = [{"month": month, **_FILLED[table], **record} for record in records]
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in schema.names} for row in rows], schema=schema
    )


def _devices(month: date, **counts: int) -> pa.Table:
    """So many devices of each company."""
    ids = iter(range(1, 1000))
    return _frame(
        "assets",
        month,
        [
            {"account_number": account, "id": next(ids), "hostname": f"{month:%B}"}
            for account, count in counts.items()
            for _ in range(count)
        ],
    )


def _store(connection: psycopg.Connection, table: str, month: date, frame: pa.Table) -> None:
    ensure_months(connection, [table], [month])
    replace_month(connection, table, [month], frame)
    record_snapshot(connection, table, [month], taken_at=TAKEN, is_complete=True)


def _snapshot(accounts: Sequence[str], *missed: MissedPart) -> CodexSnapshot:
    empty = {name: schema.empty_table() for name, schema in SCHEMAS.items()}
    return CodexSnapshot(
        **empty,
        problems=[],
        complete=frozenset(SCHEMAS),
        accounts=frozenset(accounts),
        missed=frozenset(missed),
    )


def _run(
    connection: psycopg.Connection,
    snapshot: CodexSnapshot,
    frames: Mapping[str, pa.Table],
    months: list[date],
) -> tuple[Unread, dict[str, tuple[pa.Table, set[tuple[date, str]]]]]:
    due = dict.fromkeys(frames, months)
    unread = find_unread(connection, snapshot, frames, due)
    kept = {table: keep_unread(connection, table, frame, months, unread) for table, frame in frames.items()}
    return unread, kept


def _counts(frame: pa.Table) -> dict[tuple[str, str], int]:
    """How many devices each company has, by the month in which they were read."""
    found: dict[tuple[str, str], int] = {}
    for row in frame.to_pylist():
        key = row["account_number"], row["hostname"]
        found[key] = found.get(key, 0) + 1
    return found


def test_a_part_that_could_not_be_read_leaves_the_month_s_rows_as_they_were(
    connection: psycopg.Connection,
) -> None:
    _store(connection, "assets", MARCH, _devices(MARCH, A=3, B=2))
    missed = MissedPart("assets", "B")
    unread, kept = _run(
        connection,
        _snapshot(["A", "B"], missed),
        {"assets": _devices(APRIL, A=4).set_column(0, "month", pa.array([MARCH] * 4, pa.date32()))},
        [MARCH],
    )
    frame, gaps = kept["assets"]
    assert _counts(frame) == {("A", "April"): 4, ("B", "March"): 2}
    assert gaps == {(MARCH, "B")}
    assert unread.problems == []


def test_a_month_without_rows_takes_those_of_the_newest_snapshot(connection: psycopg.Connection) -> None:
    _store(connection, "assets", MARCH, _devices(MARCH, A=3, B=2))
    _, kept = _run(
        connection,
        _snapshot(["A", "B"], MissedPart("assets", "B")),
        {"assets": _devices(APRIL, A=4)},
        [APRIL],
    )
    frame, gaps = kept["assets"]
    assert set(frame["month"].to_pylist()) == {APRIL}
    assert _counts(frame) == {("A", "April"): 4, ("B", "March"): 2}
    assert gaps == {(APRIL, "B")}


def test_a_part_that_was_never_read_is_a_gap_without_rows(connection: psycopg.Connection) -> None:
    missed = MissedPart("assets", "B")
    _, kept = _run(connection, _snapshot(["A", "B"], missed), {"assets": _devices(MARCH, A=1)}, [MARCH])
    frame, gaps = kept["assets"]
    assert (_counts(frame), gaps) == ({("A", "March"): 1}, {(MARCH, "B")})


@pytest.mark.parametrize("now", [0, 9], ids=["nothing", "less than half"])
def test_a_company_s_list_that_shrank_is_doubted_until_a_person_confirms_it(
    connection: psycopg.Connection, now: int
) -> None:
    _store(connection, "assets", MARCH, _devices(MARCH, A=20, B=30))
    fresh = {"assets": _devices(APRIL, A=now, B=30)}
    snapshot = _snapshot(["A", "B"])

    unread, kept = _run(connection, snapshot, fresh, [APRIL])
    (problem,) = unread.problems
    assert problem.is_blocking
    assert problem.message.startswith(
        f"Codex shows {now} assets of company A where it showed 20, so what was read"
    )
    assert _counts(kept["assets"][0]) == {("A", "March"): 20, ("B", "April"): 30}
    assert kept["assets"][1] == {(APRIL, "A")}

    record_problems(connection, "codex", "assets", unread.problems)
    ((number,),) = connection.execute("SELECT id FROM integration_errors").fetchall()
    ignore_error(connection, number, "they sold most of it")
    unread, kept = _run(connection, snapshot, fresh, [APRIL])
    assert unread.problems == []
    assert kept["assets"] == (fresh["assets"], set())


def test_a_few_devices_less_and_a_small_company_without_any_are_believed(
    connection: psycopg.Connection,
) -> None:
    _store(connection, "assets", MARCH, _devices(MARCH, A=20, B=3))
    fresh = {"assets": _devices(APRIL, A=14)}
    unread, kept = _run(connection, _snapshot(["A", "B"]), fresh, [APRIL])
    assert (unread.problems, kept["assets"]) == ([], (fresh["assets"], set()))


def test_a_company_that_left_takes_its_devices_along(connection: psycopg.Connection) -> None:
    companies = [{"account_number": account} for account in "ABC"]
    _store(connection, "companies", MARCH, _frame("companies", MARCH, companies))
    _store(connection, "assets", MARCH, _devices(MARCH, A=20, B=20, C=20))
    fresh = {"companies": _frame("companies", APRIL, companies[:2]), "assets": _devices(APRIL, A=20, B=20)}
    unread, kept = _run(connection, _snapshot(["A", "B"]), fresh, [APRIL])
    assert unread.problems == []
    assert _counts(kept["assets"][0]) == {("A", "April"): 20, ("B", "April"): 20}


def test_no_company_any_more_is_not_believed_and_all_keep_what_they_had(
    connection: psycopg.Connection,
) -> None:
    companies = [{"account_number": account} for account in "AB"]
    _store(connection, "companies", MARCH, _frame("companies", MARCH, companies))
    _store(connection, "assets", MARCH, _devices(MARCH, A=1, B=2))
    plans = _frame("plans", MARCH, [{"plan_name": "Gold"}])
    _store(connection, "plans", MARCH, plans)
    fresh = {table: _frame(table, APRIL, []) for table in ("companies", "assets", "plans")}
    unread, kept = _run(connection, _snapshot([]), fresh, [APRIL])
    assert sorted(problem.external_id for problem in unread.problems) == [
        "assets of 3",
        "companies of 2",
        "plans of 1",
    ]
    assert kept["companies"][0]["account_number"].to_pylist() == ["A", "B"]
    assert kept["plans"][0]["plan_name"].to_pylist() == ["Gold"]
    assert _counts(kept["assets"][0]) == {("A", "March"): 1, ("B", "March"): 2}


def test_half_of_the_companies_keep_their_devices_though_nobody_was_asked_for_them(
    connection: psycopg.Connection,
) -> None:
    accounts = [f"{number:02}" for number in range(12)]
    companies = [{"account_number": account} for account in accounts]
    _store(connection, "companies", MARCH, _frame("companies", MARCH, companies))
    _store(connection, "assets", MARCH, _devices(MARCH, **dict.fromkeys(accounts, 1), more=20))
    fresh = {
        "companies": _frame("companies", APRIL, companies[:5]),
        "assets": _devices(APRIL, **dict.fromkeys(accounts[:5], 4)),
    }
    _, kept = _run(connection, _snapshot(accounts[:5]), fresh, [APRIL])
    assert kept["companies"][0].num_rows == 12
    expected = {(account, "April"): 4 for account in accounts[:5]} | {
        (account, "March"): 1 for account in accounts[5:]
    }
    assert _counts(kept["assets"][0]) == expected | {("more", "March"): 20}
    assert {account for _, account in kept["assets"][1]} == {*accounts[5:], "more"}


def test_gaps_are_those_of_the_last_reading(connection: psycopg.Connection) -> None:
    ensure_months(connection, ["assets"], [MARCH, APRIL])
    record_gaps(connection, "assets", [MARCH, APRIL], {(MARCH, "A"), (APRIL, "B")})
    record_gaps(connection, "tickets", [MARCH], {(MARCH, "A")})
    record_gaps(connection, "assets", [APRIL], set())
    rows = read_gaps(connection, [MARCH, APRIL]).to_pylist()
    assert [(row["month"], row["table_name"], row["account_number"]) for row in rows] == [
        (MARCH, "assets", "A"),
        (MARCH, "tickets", "A"),
    ]
