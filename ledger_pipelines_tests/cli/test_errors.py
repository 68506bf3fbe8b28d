"""`ledger errors`: what could not be used, and what a person decides about it."""

from __future__ import annotations

from ledger_pipelines.errors import Problem
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import list_errors, record_problems
from ledger_pipelines_tests.end_to_end.harness import Ledger


def test_an_error_is_listed_ignored_and_heeded_again(ledger: Ledger, database: Database) -> None:
    problem = Problem("codex", "assets", "asset", "17", "The asset [/17] has no type: give it one.")
    with database.connect() as connection:
        record_problems(connection, "codex", "assets", [problem])
        error = str(list_errors(connection)[0].error_id)

    assert "[/17]" in ledger("errors", "list").out
    ignoring = ledger("errors", "ignore", error, "--note", "Sold [last] year.")
    assert (ignoring.code, "[/17]" in ignoring.out) == (0, True)
    assert ledger("errors", "list").out.strip() == "No integration error is open."
    assert "Sold [last] year." in " ".join(ledger("errors", "list", "--all").out.split())
    assert ledger("errors", "heed", error).code == 0
    assert ledger("errors", "resolve", error, "--note", "Given a type.").code == 0

    with database.connect() as connection:
        (listed,) = list_errors(connection)
    assert (listed.status, listed.resolution_notes) == ("resolved", "Given a type.")
