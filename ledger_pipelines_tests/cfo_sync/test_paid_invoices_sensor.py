"""The `paid_invoices` sensor: never asks twice for the same state, never stops asking while something is ready."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from ledger_pipelines.definitions import definitions
from ledger_pipelines.defs.cfo.sensors import paid_invoices
from ledger_pipelines.orchestration.resources import LedgerResource
from ledger_pipelines_tests.cfo_sync.building import Books
from ledger_pipelines_tests.cfo_sync.servers import CfoServer

OCTOBER = datetime(2025, 10, 22, 12, tzinfo=UTC)
NOVEMBER = datetime(2025, 11, 3, tzinfo=UTC)


class Sensing:
    """The sensor as Dagster's daemon calls it: with the cursor of the time before, and run keys remembered."""

    def __init__(self, books: Books, instance: dg.DagsterInstance) -> None:
        self.books = books
        self.instance = instance
        self.cursor: str | None = None
        self.run_keys: list[str] = []

    def look(self) -> dg.RunRequest | None:
        """The run that is asked for, if any."""
        requests = self.look_for_all()
        assert len(requests) <= 1
        return requests[0] if requests else None

    def look_for_all(self) -> list[dg.RunRequest]:
        """The runs that are asked for."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=definitions(),
            resources={"ledger": LedgerResource()},
        )
        tick = paid_invoices.evaluate_tick(context)
        self.cursor = tick.cursor
        if not tick.run_requests:
            assert tick.skip_message
        for request in tick.run_requests:
            assert request.run_key
            assert request.run_key not in self.run_keys, "Dagster starts nothing for a run key that it knows"
            self.run_keys.append(request.run_key)
        return list(tick.run_requests)

    def pass_time(self, seconds: float) -> None:
        """As if the sensor had asked this much earlier."""
        assert self.cursor is not None
        state = json.loads(self.cursor)
        self.cursor = json.dumps(state | {"at": state["at"] - seconds})

    def sync(self, **how: object) -> None:
        """What the run does that was asked for, now."""
        self.books.watch.now = datetime.now(UTC)
        self.books.sync(**how)


@pytest.fixture
def sensing(environment: Books) -> Iterator[Sensing]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Sensing(environment, instance)


def test_nothing_ready_asks_for_nothing(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", status="sent", paid_at=None)
    assert sensing.look() is None


def test_a_paid_invoice_asks_for_its_month_once(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)

    asked = sensing.look()

    assert asked is not None
    assert asked.partition_key == "2025-10"
    assert sensing.look() is None
    sensing.sync()
    assert sensing.look() is None


def test_months_in_a_row_are_one_range(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=NOVEMBER)
    sensing.books.paid("DPY-2", paid_at=OCTOBER)

    asked = sensing.look()

    assert asked is not None
    assert asked.partition_key is None
    assert asked.tags["dagster/asset_partition_range_start"] == "2025-10"
    assert asked.tags["dagster/asset_partition_range_end"] == "2025-11"


def test_a_month_between_in_which_nothing_was_paid_is_not_asked_for(sensing: Sensing) -> None:
    for number, paid_at in enumerate(
        (datetime(2019, 5, 1, tzinfo=UTC), OCTOBER, OCTOBER + timedelta(days=90))
    ):
        sensing.books.paid(f"DPY-{number}", paid_at=paid_at)
    asked = [request.partition_key for request in sensing.look_for_all()]
    assert asked == ["2024-01", "2025-10", "2026-01"]
    assert sensing.look_for_all() == []


def test_another_invoice_is_another_state(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    assert sensing.look()
    sensing.books.paid("DPY-2", paid_at=OCTOBER)
    assert sensing.look()
    assert sensing.look() is None


def test_an_unchanged_state_is_asked_for_again_after_two_minutes_each_time(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    assert sensing.look()
    for _ in range(3):
        sensing.pass_time(110)
        assert sensing.look() is None
        sensing.pass_time(10)
        assert sensing.look()
        assert sensing.look() is None


def test_a_retry_is_asked_for_when_it_is_due_and_not_before(sensing: Sensing, cfo_server: CfoServer) -> None:
    invoice = sensing.books.paid("DPY-1", paid_at=OCTOBER)
    assert sensing.look()
    cfo_server.stop()
    sensing.sync()
    assert sensing.books.state(invoice)["sync_status"] == "retry"
    assert sensing.look() is None

    sensing.books.ours("UPDATE crypto_invoice_cfo_sync SET next_attempt_at = now()")
    assert sensing.look()
    assert sensing.look() is None


def test_a_claim_is_asked_for_when_it_has_expired(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    assert sensing.look()
    sensing.books.ours(
        """INSERT INTO crypto_invoice_cfo_sync (invoice_id, sync_status, claim, claimed_at)
           SELECT id, 'pending', gen_random_uuid(), now() FROM crypto_invoices"""
    )
    assert sensing.look() is None
    sensing.books.ours("UPDATE crypto_invoice_cfo_sync SET claimed_at = now() - interval '6 minutes'")
    assert sensing.look()


def test_a_state_that_comes_back_is_asked_for_under_another_key(sensing: Sensing) -> None:
    """The second invoice is synced by hand; the first, whose run died before it claimed anything, is as before."""
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    assert sensing.look()
    second = sensing.books.paid("DPY-2", paid_at=OCTOBER)
    assert sensing.look()
    sensing.sync(invoice_ids=[second])

    sensing.look()  # fails when it asks with the key of the first time
    sensing.pass_time(121)
    assert sensing.look()


def test_beside_a_run_that_has_not_begun_none_is_asked_for(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    run = dg.DagsterRun(job_name="cfo_sync", status=dg.DagsterRunStatus.NOT_STARTED)
    sensing.instance.add_run(run)
    assert sensing.look() is None

    sensing.instance.delete_run(run.run_id)
    assert sensing.look()


def test_a_paid_holded_invoice_asks_for_the_month_of_its_payment(sensing: Sensing) -> None:
    sensing.books.paid_in_holded(
        date(2025, 10, 1), {"id": "h1", "document_number": "F1", "last_payment_on": date(2025, 11, 3)}
    )
    asked = sensing.look()
    assert asked is not None
    assert asked.partition_key == "2025-11"


def test_a_payment_before_the_ledgers_first_month_does_not_keep_the_others_from_being_asked_for(
    sensing: Sensing,
) -> None:
    """A run for a range that begins before the first partition fails as a whole."""
    sensing.books.paid("DPY-0", paid_at=datetime(2023, 12, 31, tzinfo=UTC))
    sensing.books.paid("DPY-1", paid_at=OCTOBER)

    asked = [request.partition_key for request in sensing.look_for_all()]
    assert asked == ["2024-01", "2025-10"]


def test_a_payment_in_the_future_is_no_error(sensing: Sensing) -> None:
    """Holded tells the day that a person wrote, in Madrid: its month may not have begun in UTC."""
    future = datetime.now(UTC).date() + timedelta(days=40)
    sensing.books.paid_in_holded(
        date(2025, 10, 1), {"id": "h1", "document_number": "F1", "last_payment_on": future}
    )
    asked = sensing.look()
    assert asked is not None
    assert asked.partition_key == f"{datetime.now(UTC):%Y-%m}"


def test_a_run_that_never_begins_does_not_keep_the_sensor_from_asking_for_ever(
    sensing: Sensing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    run = dg.DagsterRun(job_name="cfo_sync", status=dg.DagsterRunStatus.NOT_STARTED)
    sensing.instance.add_run(run)
    assert sensing.look() is None
    monkeypatch.setattr("ledger_pipelines.defs.cfo.sensors._GIVEN_UP", timedelta(0))
    assert sensing.look()


def test_what_the_sensor_asks_for_corrects_no_entities(sensing: Sensing) -> None:
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    asked = sensing.look()
    assert asked is not None
    assert asked.run_config["ops"]["cfo_transactions"]["config"] == {"correct": False}


def test_with_nothing_ready_what_was_handed_over_is_looked_for_once_an_hour(sensing: Sensing) -> None:
    assert sensing.look() is None
    sensing.books.paid("DPY-1", paid_at=OCTOBER)
    assert sensing.look() is not None
    sensing.sync()
    for _ in range(2):
        assert sensing.look() is None
        assert sensing.cursor is not None
        state = json.loads(sensing.cursor)
        sensing.cursor = json.dumps(state | {"looked": state["looked"] - 3600})
        request = sensing.look()
        assert request is not None
        assert request.partition_key == f"{datetime.now(UTC):%Y-%m}"
