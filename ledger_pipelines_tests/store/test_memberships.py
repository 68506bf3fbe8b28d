"""What is kept of memberships, users and cohorts, and what an older ledger's months are taken for."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.memberships import (
    add_unpaid_cohort,
    keep_client_users,
    list_unpaid_cohorts,
    read_client_users,
    read_sightings,
    remove_unpaid_cohort,
)
from ledger_pipelines.store.migrations import migrate, read_migrations, sql_directory

FIRST = date(2024, 1, 1)


def test_cohorts_are_said_to_be_unpaid_and_paid_again(connection: psycopg.Connection) -> None:
    assert list_unpaid_cohorts(connection) == []
    add_unpaid_cohort(connection, " YoMeQuedoEnCasa", note=" Free of charge. ", person="ana")
    add_unpaid_cohort(connection, "*-pt-general", note=None, person="ana")
    add_unpaid_cohort(connection, "yomequedoencasa", note="Free.", person="eva")
    found = [(one.pattern, one.note, one.added_by) for one in list_unpaid_cohorts(connection)]
    assert found == [("*-pt-general", None, "ana"), ("yomequedoencasa", "Free.", "eva")]
    remove_unpaid_cohort(connection, "YOMEQUEDOENCASA ")
    assert [one.pattern for one in list_unpaid_cohorts(connection)] == ["*-pt-general"]
    with pytest.raises(LedgerError, match="see `ledger cohorts unpaid list`"):
        remove_unpaid_cohort(connection, "yomequedoencasa")


@pytest.mark.parametrize("pattern", ["", " ", "*", "**"])
def test_not_every_cohort_can_be_unpaid(pattern: str, connection: psycopg.Connection) -> None:
    with pytest.raises(LedgerError, match="would mean every cohort"):
        add_unpaid_cohort(connection, pattern, note=None, person="ana")


def test_a_client_is_remembered_as_the_user_that_it_was_first(connection: psycopg.Connection) -> None:
    for user in (7, 8):
        matched = pa.table({"contact_id": ["c1"], "user_id": pa.array([user], pa.int64())})
        keep_client_users(connection, matched, at=datetime(2024, 1, 1, tzinfo=UTC))
    assert read_client_users(connection).to_pylist() == [{"contact_id": "c1", "user_id": 7}]


def test_an_older_ledger_s_months_are_what_was_seen_then(empty_database: Database, tmp_path: Path) -> None:
    for migration in read_migrations():
        if migration.name == "crm_facts":
            break
        name = f"{migration.version:04}_{migration.name}.sql"
        shutil.copy(sql_directory() / name, tmp_path / name)
    migrate(empty_database, first_month=FIRST, directory=tmp_path)
    rows = [
        # Attendance moved `updated_at`, and with it the date that each month was given.
        ("2024-01-01", 1, "ACTIVE", "ACTIVE", None, "2024-01-05"),
        ("2024-02-01", 1, "DROPPED", "SUSPENDED", "2024-02-10", "2024-02-10"),
        ("2024-03-01", 1, "DROPPED", "SUSPENDED", "2024-03-20", "2024-03-20"),
        ("2024-01-01", 2, "ACTIVE", None, None, "2024-01-06"),
        ("2024-02-01", 2, "ACTIVE", None, None, "2024-01-06"),
    ]
    with empty_database.connect() as connection:
        for month, number, status, educational, changed, updated in rows:
            connection.execute("SELECT ensure_month('enrollments', %s)", [month])
            connection.execute(
                """INSERT INTO enrollments (month, id, user_id, start_date, end_date, status, status_change_date,
                                            educational_status, updated_at, is_removed)
                   VALUES (%s, %s, 7, '2024-01-01', '2024-05-19', %s, %s, %s, %s, false)""",
                [month, number, status, changed, educational, f"{updated} 09:00+00"],
            )
        for month, user in (("2024-01-01", 7), ("2024-02-01", 8)):
            connection.execute("SELECT ensure_month('clients', %s)", [month])
            connection.execute(
                "INSERT INTO clients VALUES (%s, 'c1', 'Ana', 'a@x.test', 1, %s)", [month, user]
            )
            connection.execute("SELECT freeze_month(%s)", [month])
    migrate(empty_database, first_month=FIRST)
    with empty_database.connect() as connection:
        sightings = read_sightings(connection).to_pylist()
        assert read_client_users(connection).to_pylist() == [{"contact_id": "c1", "user_id": 7}]
        flags = connection.execute("SELECT DISTINCT is_period FROM enrollments").fetchall()
    assert flags == [(True,)]
    assert [(row["membership_id"], row["educational_status"], row["status_date"]) for row in sightings] == [
        (1, "ACTIVE", date(2024, 1, 5)),
        (1, "SUSPENDED", date(2024, 2, 10)),
        (2, None, date(2024, 1, 6)),
    ]
