"""What is kept of memberships, users and cohorts."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pyarrow as pa
import pytest

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.memberships import (
    add_unpaid_cohort,
    keep_client_users,
    list_unpaid_cohorts,
    read_client_users,
    remove_unpaid_cohort,
)


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
