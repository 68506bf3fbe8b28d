"""When a failed hand-over is tried again, and what is not tried again."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from ledger_pipelines.cfo.retry import (
    BACKOFF,
    CLAIM_LIFETIME,
    MAX_RETRIES,
    Next,
    after_failure,
    is_transient,
)
from ledger_pipelines_tests.cfo.building import NOON


def test_a_transient_failure_is_tried_again_after_1_5_and_15_minutes_and_then_left() -> None:
    """The hand-over at noon fails, and so does each retry as soon as it is due."""
    at, count, waited = NOON, 0, []
    while (following := after_failure(count, transient=True, at=at)).status == "retry":
        assert following.next_attempt_at is not None
        assert following.retryable
        assert following.retry_count == count + 1
        waited.append(following.next_attempt_at - at)
        at, count = following.next_attempt_at, following.retry_count
    assert waited == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)]
    assert following == Next("failed", 3, None, retryable=True)
    assert at == NOON + timedelta(minutes=21)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_permanent_failure_is_final_at_once(count: int) -> None:
    assert after_failure(count, transient=False, at=NOON) == Next("failed", count, None, retryable=False)


def test_the_numbers_of_the_rule() -> None:
    assert MAX_RETRIES == len(BACKOFF) == 3
    assert CLAIM_LIFETIME.total_seconds() == 300


@pytest.mark.parametrize(
    "sqlstate",
    [
        None,
        psycopg.errors.ConnectionFailure.sqlstate,
        psycopg.errors.SqlclientUnableToEstablishSqlconnection.sqlstate,
        psycopg.errors.SerializationFailure.sqlstate,
        psycopg.errors.DeadlockDetected.sqlstate,
        psycopg.errors.TooManyConnections.sqlstate,
        psycopg.errors.DiskFull.sqlstate,
        psycopg.errors.AdminShutdown.sqlstate,
        psycopg.errors.CrashShutdown.sqlstate,
        psycopg.errors.CannotConnectNow.sqlstate,
        psycopg.errors.LockNotAvailable.sqlstate,
        psycopg.errors.QueryCanceled.sqlstate,
    ],
)
def test_what_passes_by_itself(sqlstate: str | None) -> None:
    assert is_transient(sqlstate)


@pytest.mark.parametrize(
    "sqlstate",
    [
        psycopg.errors.UniqueViolation.sqlstate,
        psycopg.errors.NotNullViolation.sqlstate,
        psycopg.errors.CheckViolation.sqlstate,
        psycopg.errors.StringDataRightTruncation.sqlstate,
        psycopg.errors.NumericValueOutOfRange.sqlstate,
        psycopg.errors.UndefinedTable.sqlstate,
        psycopg.errors.UndefinedColumn.sqlstate,
        psycopg.errors.DatatypeMismatch.sqlstate,
        psycopg.errors.InsufficientPrivilege.sqlstate,
        psycopg.errors.ObjectInUse.sqlstate,
        psycopg.errors.InternalError_.sqlstate,
        "",
    ],
)
def test_what_does_not(sqlstate: str) -> None:
    assert not is_transient(sqlstate)
