"""The asset `cfo_transactions`: what a run of a month does and what its checks find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from ledger_pipelines.defs.cfo.assets import cfo_transactions
from ledger_pipelines.destinations.cfo.lookup import doubled_identifiers
from ledger_pipelines.orchestration.partitions import first_partition
from ledger_pipelines.orchestration.resources import CfoResource, LedgerResource
from ledger_pipelines.store.periods import close_months, reopen_month
from ledger_pipelines.workflows.cfo.sync import SyncCounts
from ledger_pipelines_tests.cfo_sync.building import DELTA, Books
from ledger_pipelines_tests.unrecorded import unrecorded

pytestmark = pytest.mark.usefixtures("environment")

#: In the ledger's months, and before them.
OCTOBER, BEFORE = datetime(2025, 10, 22, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC)
RIGHT = "Delta Energía S.A."


def run(instance: dg.DagsterInstance, *months: str) -> dg.ExecuteInProcessResult:
    """A run of this month, or of the span from the first to the last."""
    ends = {"start": months[0], "end": months[-1]}
    return dg.materialize(
        [cfo_transactions],
        tags={f"dagster/asset_partition_range_{end}": month for end, month in ends.items()},
        resources={"ledger": LedgerResource(), "cfo": CfoResource()},
        raise_on_error=False,
        instance=instance,
    )


def told(*months: str) -> tuple[dict[Any, dict[str, Any]], dict[Any, dict[str, Any]]]:
    """The metadata of the materialisations of a run's months, and of their observations."""
    materialised, observed = {}, {}
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = run(instance, *months).run_id
        for record in instance.get_records_for_run(run_id).records:
            entry = record.event_log_entry
            for one, kept in (
                (entry.asset_materialization, materialised),
                (entry.asset_observation, observed),
            ):
                if one is not None:
                    kept[one.partition] = {name: value.value for name, value in one.metadata.items()}
    return materialised, observed


def materialise(month: str = "2025-10") -> tuple[bool, dict[str, bool]]:
    """Whether the run succeeded, and whether each of its checks passed."""
    with unrecorded() as instance:
        result = run(instance, month)
    found = {
        one.check_name: one.passed for one in result.get_asset_check_evaluations() if one.partition is None
    }
    return result.success, found


def entities(books: Books) -> list[str]:
    return [row["classified_entity"] for row in books.transactions()]


def test_a_month_hands_over_what_was_paid_in_it_and_all_checks_pass(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    books.paid("DPY-2", paid_at=OCTOBER + timedelta(days=30))
    assert materialise() == (
        True,
        {
            "same_amounts": True,
            "every_paid_invoice_accounted_for": True,
            "identifiers_are_unique": True,
            "nothing_has_failed": True,
            "still_paid": True,
            "entities_follow_the_mappings": True,
            "cfo_database_is_ready": True,
        },
    )
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1"]


def test_a_corrected_mapping_reaches_the_month_that_is_run_again_and_no_other(books: Books) -> None:
    for number, paid_at in (("DPY-1", OCTOBER), ("DPY-2", OCTOBER - timedelta(days=60))):
        books.paid(number, paid_at=paid_at)
    books.sync()
    books.ours("UPDATE cfo_entity_mappings SET entity = %s", RIGHT)
    assert materialise()[0]
    assert entities(books) == [RIGHT, DELTA]


def test_payments_before_the_ledger_belong_to_its_first_month(books: Books) -> None:
    books.paid("DPY-1", paid_at=BEFORE)
    first = f"{first_partition():%Y-%m}"
    assert materialise(first)[0]
    assert entities(books) == [DELTA]
    books.ours("UPDATE cfo_entity_mappings SET entity = %s", RIGHT)
    assert materialise(first)[0]
    assert entities(books) == [RIGHT]


def test_a_transaction_of_another_amount_is_an_error(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    assert materialise()[1]["same_amounts"]
    books.theirs("UPDATE transactions SET amount = amount + 0.01")
    assert not materialise()[1]["same_amounts"]


def test_a_transaction_that_is_gone_is_handed_over_again(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    materialise()
    books.theirs("DELETE FROM transactions")
    assert all(materialise()[1].values())
    assert books.count() == 1


def test_an_invoice_that_has_failed_warns(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER, crypto_currency=" ")
    succeeded, checks = materialise()
    assert succeeded
    assert not checks["nothing_has_failed"]
    assert checks["every_paid_invoice_accounted_for"]


def test_a_cfo_that_does_not_answer_warns_and_holds_nothing_back(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = books.paid("DPY-1", paid_at=OCTOBER)
    monkeypatch.setenv("CFO_DATABASE_URL", "postgresql://127.0.0.1:1/cfo")
    succeeded, checks = materialise()
    assert succeeded
    assert {name for name, passed in checks.items() if not passed} == {
        "cfo_database_is_ready",
        "same_amounts",
        "identifiers_are_unique",
        "still_paid",
    }
    assert books.state(invoice)["sync_status"] == "retry"


def severities(month: str = "2025-10") -> set[dg.AssetCheckSeverity]:
    """The severities of the checks that do not pass."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance, month)
    return {one.severity for one in result.get_asset_check_evaluations() if not one.passed}


def test_nothing_to_hand_over_to_a_table_of_another_form_warns_and_holds_nothing_back(books: Books) -> None:
    books.theirs("ALTER TABLE transactions DROP COLUMN business_unit, DROP COLUMN transaction_type")
    succeeded, checks = materialise()
    assert succeeded
    assert not checks["cfo_database_is_ready"]
    assert checks["every_paid_invoice_accounted_for"]
    assert severities() == {dg.AssetCheckSeverity.WARN}
    metadata, _ = told("2025-10")
    trouble = metadata["2025-10"]["trouble"]
    assert trouble.count("it lacks business_unit, transaction_type") == 1


def test_each_month_says_how_it_stands_and_what_failed_and_why(books: Books) -> None:
    for number, paid_at in (("DPY-1", OCTOBER), ("DPY-2", OCTOBER + timedelta(days=30))):
        books.paid(number, paid_at=paid_at)
    books.paid("DPY-3", paid_at=OCTOBER, crypto_currency=" ")
    metadata, _ = told("2025-10", "2025-12")
    october, november, december = (metadata[f"2025-{month}"] for month in (10, 11, 12))
    assert [october[name] for name in ("paid", "synced", "pending", "failed")] == [2, 1, 0, 1]
    assert october["success_rate_percent"] == 50
    assert "| DPY-3 | Alps Blockchain | 100.00" in october["waiting_or_failed"]
    assert "it has no currency" in october["waiting_or_failed"]
    assert "DPY-1" not in october["waiting_or_failed"]
    lag = (datetime.now(UTC) - OCTOBER - timedelta(days=30)).total_seconds()
    assert november["lag_seconds"] == pytest.approx(lag, abs=600)
    assert (november["waiting_or_failed"], november["success_rate_percent"]) == ("none", 100)
    assert (december["paid"], december["waiting_or_failed"]) == (0, "none")
    assert not {"lag_seconds", "success_rate_percent"} & december.keys()


def test_a_run_without_the_cfo_says_of_each_month_what_waits_and_why(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    monkeypatch.setenv("CFO_DATABASE_URL", "postgresql://127.0.0.1:1/cfo")
    materialised, _ = told("2025-10", "2025-11")
    october, november = materialised["2025-10"], materialised["2025-11"]
    assert (october["pending"], november["pending"]) == (1, 0)
    assert "| DPY-1 | Alps Blockchain | 100.00 USD (100 USDT) | retry | 1 |" in october["waiting_or_failed"]
    assert "127.0.0.1:1" in october["waiting_or_failed"]
    assert "nobody listens there" in november["trouble"]


@pytest.mark.parametrize("paid_at", [datetime(1970, 1, 1, tzinfo=UTC), BEFORE])
def test_a_payment_long_before_the_ledger_is_handed_over_with_its_first_month(
    books: Books, paid_at: datetime
) -> None:
    books.paid("DPY-1", paid_at=paid_at)
    books.paid("DPY-2", paid_at=paid_at, crypto_currency=" ")
    first = f"{first_partition():%Y-%m}"
    metadata, _ = told(first)
    assert [row["identifier"] for row in books.transactions()] == ["DPY-1"]
    assert (metadata[first]["paid"], metadata[first]["synced"]) == (2, 1)
    assert "DPY-2" in metadata[first]["waiting_or_failed"]
    assert not materialise(first)[1]["nothing_has_failed"]


def test_a_payment_in_the_far_future_is_handed_over_with_the_current_month(books: Books) -> None:
    books.paid("DPY-1", paid_at=datetime.now(UTC) + timedelta(days=365 * 30))
    this_month = f"{datetime.now(UTC):%Y-%m}"
    metadata, _ = told(this_month)
    assert books.count() == 1
    assert metadata[this_month]["synced"] == 1


def test_what_a_sync_leaves_over_is_an_error(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    monkeypatch.setattr("ledger_pipelines.defs.cfo.assets.sync_invoices", lambda *_, **__: SyncCounts())
    assert not materialise()[1]["every_paid_invoice_accounted_for"]


def test_what_is_told_of_while_a_sync_runs_is_left_to_the_next(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its payment is dated before the sync began, and was committed after it looked."""

    def meanwhile(*_: object, **__: object) -> SyncCounts:
        books.paid("DPY-1", paid_at=OCTOBER)
        return SyncCounts()

    monkeypatch.setattr("ledger_pipelines.defs.cfo.assets.sync_invoices", meanwhile)
    assert materialise()[1]["every_paid_invoice_accounted_for"]


def test_a_withdrawn_invoice_that_was_paid_before_the_ledger_warns_in_its_first_month(books: Books) -> None:
    books.paid("DPY-1", paid_at=BEFORE)
    first = f"{first_partition():%Y-%m}"
    assert materialise(first)[1]["still_paid"]
    books.ours("UPDATE crypto_invoices SET status = 'cancelled'")
    assert not materialise(first)[1]["still_paid"]


@pytest.mark.parametrize(
    "state",
    [
        "'pending', NULL, now() + interval '1 day', NULL, gen_random_uuid()",
        "'retry', 'no', NULL, now() + interval '1 day', NULL",
    ],
)
def test_what_is_scheduled_for_a_time_that_no_sync_gives_is_an_error(books: Books, state: str) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    books.ours(
        f"""INSERT INTO crypto_invoice_cfo_sync
                (invoice_id, sync_status, sync_error, claimed_at, next_attempt_at, claim)
            SELECT id, {state} FROM crypto_invoices"""
    )
    assert not materialise()[1]["every_paid_invoice_accounted_for"]


def test_an_invoice_that_came_complete_from_elsewhere_is_an_error_until_it_is_set_to_paid(
    books: Books,
) -> None:
    books.paid("DPY-1", paid_at=OCTOBER, status="complete")
    assert not materialise()[1]["every_paid_invoice_accounted_for"]
    books.ours("UPDATE crypto_invoices SET status = 'paid'")
    assert materialise()[1]["every_paid_invoice_accounted_for"]
    assert books.count() == 1


def test_two_invoices_never_keep_one_transaction(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    books.paid("DPY-2", paid_at=OCTOBER)
    assert materialise()[1]["same_amounts"]
    books.ours(
        "UPDATE crypto_invoice_cfo_sync SET cfo_transaction_id = (SELECT min(cfo_transaction_id) "
        "FROM crypto_invoice_cfo_sync)"
    )
    assert all(materialise()[1].values())
    assert (
        len({row["cfo_transaction_id"] for row in books.ours("SELECT * FROM crypto_invoice_cfo_sync")}) == 2
    )


def test_another_row_with_the_identifier_of_an_invoice_is_an_error_and_what_banks_share_is_none(
    books: Books,
) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    insert = """INSERT INTO transactions (date, description, amount, identifier)
                SELECT now(), 'by hand', 1, %s FROM generate_series(1, 2)"""
    books.theirs(insert, "nan")
    assert materialise()[1]["identifiers_are_unique"]
    books.theirs(insert, "DPY-1")
    assert materialise() == (True, materialise()[1] | {"identifiers_are_unique": False})
    with books.cfo.connect() as theirs:
        assert doubled_identifiers(theirs) == ["DPY-1"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE crypto_invoices SET status = 'cancelled'",
        "UPDATE crypto_invoices SET invoice_number = 'DPY-9'",
    ],
)
def test_an_invoice_that_changes_after_its_sync_warns(books: Books, change: str) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    assert materialise()[1]["still_paid"]
    books.ours(change)
    assert not materialise()[1]["still_paid"]
    assert materialise("2025-09")[1]["still_paid"]


def test_a_holded_invoice_that_is_no_longer_paid_warns(books: Books) -> None:
    books.paid_in_holded(OCTOBER.date().replace(day=1), {"id": "h1", "document_number": "F1"})
    books.sync(invoice_ids=[])
    assert materialise()[1]["still_paid"]
    books.paid_in_holded(
        OCTOBER.date().replace(day=1), {"id": "h1", "document_number": "F1", "is_paid": False}
    )
    assert not materialise()[1]["still_paid"]


def test_the_entities_of_a_closed_month_stay_and_warn(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    assert materialise()[1]["entities_follow_the_mappings"]
    books.ours("UPDATE cfo_entity_mappings SET entity = %s", RIGHT)
    with books.ledger.connect() as connection:
        close_months(connection, [OCTOBER.date().replace(day=1)], person="an accountant")
    assert not materialise()[1]["entities_follow_the_mappings"]
    assert entities(books) == [DELTA]
    with books.ledger.connect() as connection:
        reopen_month(
            connection, OCTOBER.date().replace(day=1), person="an accountant", reason="a wrong entity"
        )
    assert materialise()[1]["entities_follow_the_mappings"]
    assert entities(books) == [RIGHT]


def test_a_late_payment_of_a_closed_month_is_handed_over(books: Books) -> None:
    with books.ledger.connect() as connection:
        close_months(connection, [OCTOBER.date().replace(day=1)], person="an accountant")
    books.paid("DPY-1", paid_at=OCTOBER)
    assert materialise()[0]
    assert books.count() == 1


def test_what_a_killed_sync_handed_over_before_a_mapping_changed_is_corrected(books: Books) -> None:
    books.paid("DPY-1", paid_at=OCTOBER)
    books.sync()
    books.ours("DELETE FROM crypto_invoice_cfo_sync")
    books.ours("UPDATE crypto_invoices SET status = 'paid'")
    books.ours("UPDATE cfo_entity_mappings SET entity = %s", RIGHT)
    assert materialise()[1]["entities_follow_the_mappings"]
    assert entities(books) == [RIGHT]


def test_a_transaction_that_the_cfo_entered_keeps_its_entity(books: Books) -> None:
    books.theirs(
        """INSERT INTO transactions (date, description, amount, identifier, classified_entity)
           VALUES (%s, 'by hand', 100, 'DPY-1', 'Another Entity')""",
        OCTOBER,
    )
    books.paid("DPY-1", paid_at=OCTOBER)
    assert materialise()[0]
    assert materialise()[0]
    assert entities(books) == ["Another Entity"]
