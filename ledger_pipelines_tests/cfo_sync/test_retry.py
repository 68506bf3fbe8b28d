"""The retry rule of the database (rules/cfo_sync.md, States): when a failed hand-over is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.cfo_sync.building import NOON


def after_attempt(database: Database, count: int, *, transient: bool | None, at: datetime) -> tuple[Any, ...]:
    """The status, retries, next attempt and whether it is retryable, after an attempt that failed (None: did not)."""
    error = None if transient is None else "it failed"
    with database.connect() as connection:
        (row,) = connection.execute(
            "SELECT * FROM after_sync_attempt(%s, %s, %s, %s)", [error, transient, count, at]
        ).fetchall()
    return row


def test_a_transient_failure_is_tried_again_after_1_5_and_15_minutes_and_then_left(
    database: Database,
) -> None:
    """The hand-over at noon fails, and so does each retry as soon as it is due."""
    at, count, waited = NOON, 0, []
    while (following := after_attempt(database, count, transient=True, at=at))[0] == "retry":
        _, retries, due_at, is_retryable = following
        assert is_retryable
        assert retries == count + 1
        waited.append(due_at - at)
        at, count = due_at, retries
    assert waited == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)]
    assert following == ("failed", 3, None, True)
    assert at == NOON + timedelta(minutes=21)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_permanent_failure_is_final_at_once(database: Database, count: int) -> None:
    assert after_attempt(database, count, transient=False, at=NOON) == ("failed", count, None, False)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_success_keeps_its_count(database: Database, count: int) -> None:
    assert after_attempt(database, count, transient=None, at=NOON) == ("synced", count, None, True)
