"""`ledger cohorts unpaid`: the cohorts that nobody pays for."""

from __future__ import annotations

from ledger_pipelines.store.database import Database
from ledger_pipelines.store.memberships import list_unpaid_cohorts
from ledger_pipelines_tests.end_to_end.harness import Ledger


def test_a_person_says_which_cohorts_are_unpaid(ledger: Ledger, database: Database) -> None:
    adding = ledger("cohorts", "unpaid", "add", "*-PT-general", "--note", "The [general] channel.")
    assert (adding.code, "Nobody pays for *-pt-general." in adding.out) == (0, True)
    assert "*-pt-general" in ledger("cohorts", "unpaid", "list").out
    with database.connect() as connection:
        (cohort,) = list_unpaid_cohorts(connection)
    assert (cohort.pattern, cohort.note) == ("*-pt-general", "The [general] channel.")
    refused = ledger("cohorts", "unpaid", "remove", "other")
    assert (refused.code, "is not among the unpaid cohorts" in refused.err) == (1, True)
    assert ledger("cohorts", "unpaid", "remove", "*-pt-general").code == 0
    assert ledger("cohorts", "unpaid", "list").out.strip() == "Every cohort is paid for."
