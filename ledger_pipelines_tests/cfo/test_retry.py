"""Which failures of a hand-over pass by themselves, and which do not."""

from __future__ import annotations

import psycopg
import pytest

from ledger_pipelines.cfo.retry import is_transient


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
