"""A month billed from mutated answers of Codex, through the assets themselves: all others are billed to the cent.

How many is an eighth of LEDGER_MUTATIONS (0 is all of them), which is LEDGER_MUTATION_SEED; both are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from ledger_pipelines.definitions import definitions
from ledger_pipelines.orchestration.resources import environment_resources
from ledger_pipelines.store.database import Database
from ledger_pipelines_tests.conftest import FIRST_MONTH
from ledger_pipelines_tests.sources.mutated_codex import CODEX, CODEX_RECORDS, TreeServer, codex_answer
from ledger_pipelines_tests.sources.mutations import Mutated, mutations, seed, share
from ledger_pipelines_tests.sources.school_servers import running
from ledger_pipelines_tests.unrecorded import unrecorded

MONTH = date(2025, 3, 1)
#: The account whose records, and whose plan, are mutated.
MUTATED = CODEX["entries"][1]["company"]["account_number"]

Statements = dict[str, tuple[Any, ...]]
Bill = Callable[[Mutated], tuple[Statements, list[str]]]


@pytest.fixture
def bill(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bill]:
    """Reads and bills the month anew: each account's statement with its lines, and the errors that are open."""
    with running(TreeServer(lambda mutated, seen: codex_answer(mutated, seen, has_bulk=True))) as server:
        variables = {"CORE_URL": server.url, "CODEX_URL": server.url, "LEDGER_DATABASE_URL": database.url}
        for name, value in (variables | {"LEDGER_FIRST_MONTH": f"{FIRST_MONTH:%Y-%m}"}).items():
            monkeypatch.setenv(name, value)
        assets = [asset for asset in definitions().assets or () if isinstance(asset, dg.AssetsDefinition)]
        chosen = [asset for asset in assets if asset.op.name in {"codex", "billing"}]

        def read_and_bill(mutated: Mutated) -> tuple[Statements, list[str]]:
            server.mutated = mutated
            with unrecorded() as instance:
                done = dg.materialize(
                    chosen,
                    partition_key=f"{MONTH:%Y-%m}",
                    resources=environment_resources(),
                    run_config={"ops": {"codex": {"config": {"refresh_snapshots": True}}}},
                    instance=instance,
                )
            assert done.success
            return _statements(database), _errors(database)

        yield read_and_bill


def _statements(database: Database) -> Statements:
    with database.connect() as connection:
        rows = connection.execute(
            """SELECT account_number, s.total,
                      array_agg((l.source_type, l.source_id, l.amount)::text ORDER BY l.source_type, l.source_id)
               FROM billing_statements s JOIN billing_statement_lines l USING (month, account_number)
               WHERE month = %s GROUP BY 1, 2""",
            [MONTH],
        ).fetchall()
    return {account: (total, tuple(lines)) for account, total, lines in rows}


def _errors(database: Database) -> list[str]:
    with database.connect() as connection:
        query = "SELECT error_message FROM integration_errors WHERE NOT is_resolved ORDER BY id"
        return [message for (message,) in connection.execute(query).fetchall()]


@pytest.mark.timeout(900)
def test_all_others_are_billed_to_the_cent_and_what_is_lost_is_named(bill: Bill) -> None:
    whole, errors = bill(Mutated(CODEX, ""))
    assert errors == []
    assert len(whole) == len(CODEX["entries"])
    chosen = share(mutations(CODEX, CODEX_RECORDS), of=8, count=96)
    print(f"{len(chosen):,} mutated months, LEDGER_MUTATION_SEED={seed()}")
    others = {account: bill for account, bill in whole.items() if account != MUTATED}
    faults = []
    for mutation in chosen:
        statements, errors = bill(mutation.apply(CODEX))
        if {account: statements.get(account) for account in others} != others:
            faults.append(f"{mutation}: another company's statement changed")
        if MUTATED not in statements and not errors:
            faults.append(f"{mutation}: the statement was lost without a word")
    assert faults == []
