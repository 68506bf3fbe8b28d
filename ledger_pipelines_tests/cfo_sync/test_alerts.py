"""Metrics and alerts (rules/cfo_sync.md, Sensors, alerts, metrics): raised once, cleared once, told the webhook."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from ledger_pipelines.defs.cfo.sensors import cfo_alerts
from ledger_pipelines.orchestration.resources import CfoResource, LedgerResource
from ledger_pipelines.store.cfo.metrics import month_figures, sync_metrics
from ledger_pipelines_tests.cfo_sync.building import NOON, Books
from ledger_pipelines_tests.sources.conftest import Reply, ScriptedServer

TAKEN, REFUSED = Reply(204, b"", None), Reply(500)
KINDS = ["failed", "lag", "pending", "success_rate"]


def keep(books: Books, number: str, paid_at: datetime, **state: Any) -> int:
    """A paid invoice and the row of its sync; synced unless told otherwise."""
    invoice = books.paid(number, paid_at=paid_at)
    row: dict[str, Any] = {"invoice_id": invoice, "sync_status": "synced", "created_at": paid_at, **state}
    if row["sync_status"] == "synced":
        row = {"cfo_transaction_id": invoice, "sync_timestamp": paid_at, **row}
    else:
        row.setdefault("sync_error", "no")
    places = ", ".join(["%s"] * len(row))
    books.ours(f"INSERT INTO crypto_invoice_cfo_sync ({', '.join(row)}) VALUES ({places})", *row.values())
    return invoice


def metrics(books: Books) -> tuple[Any, ...]:
    with books.ledger.connect() as connection:
        return sync_metrics(connection, NOON)


def test_nothing_has_no_metrics(books: Books) -> None:
    assert metrics(books) == (None, None, 0, 0, 0)


def test_lag_is_the_mean_of_what_was_synced_in_the_last_24_hours(books: Books) -> None:
    for number, seconds in (("DPY-1", 60), ("DPY-2", 121)):
        paid_at = NOON - timedelta(hours=1)
        keep(books, number, paid_at, sync_timestamp=paid_at + timedelta(seconds=seconds))
    keep(books, "DPY-3", NOON - timedelta(hours=48), sync_timestamp=NOON - timedelta(hours=24))
    assert metrics(books)[0] == Decimal("90.500")


def test_success_rate_is_the_share_of_the_last_seven_days(books: Books) -> None:
    keep(books, "DPY-1", NOON)
    keep(books, "DPY-2", NOON)
    keep(books, "DPY-3", NOON - timedelta(days=6, hours=23), sync_status="failed", retry_count=2)
    keep(books, "DPY-4", NOON - timedelta(days=7), sync_status="failed")
    assert metrics(books)[1] == Decimal("66.67")


def test_what_is_being_handed_over_has_neither_succeeded_nor_failed(books: Books) -> None:
    claim = {"sync_status": "pending", "sync_error": None, "claim": "00000000-0000-0000-0000-000000000001"}
    keep(books, "DPY-1", NOON, **claim, claimed_at=NOON - timedelta(minutes=4))
    assert metrics(books)[1] is None
    keep(books, "DPY-2", NOON, **claim, claimed_at=NOON - timedelta(minutes=6))
    keep(books, "DPY-3", NOON)
    assert metrics(books)[1] == 50
    # One that has failed before is not forgotten while it is tried again.
    keep(books, "DPY-4", NOON, **claim | {"sync_error": "no"}, claimed_at=NOON - timedelta(minutes=1))
    assert metrics(books)[1] == Decimal("33.33")


def test_pending_counts_all_that_wait_and_exhausted_those_that_failed_thrice(books: Books) -> None:
    books.paid("DPY-1")
    keep(books, "DPY-2", NOON, sync_status="failed", retry_count=2)
    keep(books, "DPY-3", NOON, sync_status="failed", retry_count=3)
    keep(books, "DPY-4", NOON, sync_status="retry", retry_count=3, next_attempt_at=NOON)
    keep(books, "DPY-5", NOON)
    books.paid("DPY-6", status="sent", paid_at=None)
    assert metrics(books)[2:] == (4, 1, 0)


def test_a_months_figures(books: Books) -> None:
    keep(books, "DPY-1", NOON, sync_timestamp=NOON + timedelta(seconds=30))
    keep(books, "DPY-2", NOON, sync_timestamp=NOON + timedelta(seconds=31))
    books.paid("DPY-3")
    keep(books, "DPY-4", NOON, sync_status="failed", retry_count=3)
    months = [date(2025, 10, 1), date(2025, 11, 1)]
    with books.ledger.connect() as connection:
        october, november = month_figures(connection, {month: [month] for month in months})
    assert (october.paid, october.synced, october.pending, october.failed) == (4, 2, 1, 1)
    assert (october.lag_seconds, october.success_rate) == (Decimal("30.5"), Decimal("50.00"))
    assert (november.paid, november.lag_seconds, november.success_rate) == (0, None, None)


class Alerting:
    """The `cfo_alerts` sensor as Dagster calls it, and what its webhook has heard."""

    def __init__(self, books: Books, webhook: ScriptedServer) -> None:
        self.books = books
        self.webhook = webhook

    def look(self) -> str:
        """One evaluation; what it says."""
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance, resources={"ledger": LedgerResource(), "cfo": CfoResource()}
            )
            tick = cfo_alerts.evaluate_tick(context)
        assert not tick.run_requests
        return tick.skip_message or ""

    def heard(self) -> list[tuple[str, str]]:
        """Event and kind of all posts so far, in their order."""
        return [(body["event"], body["kind"]) for body in map(_body, self.webhook.seen)]

    def rows(self) -> list[dict[str, Any]]:
        return self.books.ours("SELECT * FROM alerts ORDER BY kind, id")

    def fail(self, count: int) -> None:
        """As many invoices whose retries are spent, paid three minutes ago."""
        now = datetime.now(UTC) - timedelta(minutes=3)
        for number in range(count):
            keep(self.books, f"DPY-{number}", now, sync_status="failed", retry_count=3)

    def mend(self) -> None:
        """All of them are handed over within the second."""
        self.books.ours(
            """UPDATE crypto_invoice_cfo_sync s SET sync_status = 'synced', cfo_transaction_id = s.invoice_id,
                      sync_timestamp = i.paid_at FROM crypto_invoices i WHERE i.id = s.invoice_id"""
        )


def _body(seen: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(seen.body)
    return body


@pytest.fixture
def alerting(environment: Books, webhook: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Alerting:
    monkeypatch.setenv("LEDGER_ALERT_WEBHOOK", f"{webhook.url}/alerts")
    return Alerting(environment, webhook)


def test_each_alert_is_raised_once_and_cleared_once_and_the_webhook_hears_of_both(alerting: Alerting) -> None:
    now = datetime.now(UTC)
    keep(alerting.books, "slow", now - timedelta(hours=1), sync_timestamp=now - timedelta(minutes=40))
    alerting.fail(6)

    for _ in range(3):
        alerting.look()
        assert sorted(alerting.heard()) == [("raised", kind) for kind in KINDS]
    assert [(row["kind"], row["cleared_at"]) for row in alerting.rows()] == [(kind, None) for kind in KINDS]

    alerting.mend()
    for _ in range(3):
        assert alerting.look() == "All is well."
        assert sorted(alerting.heard()[4:]) == [("cleared", kind) for kind in KINDS]
    assert all(row["cleared_at"] for row in alerting.rows())
    assert len(alerting.rows()) == 4


def test_all_is_well_raises_nothing(alerting: Alerting) -> None:
    keep(alerting.books, "DPY-1", datetime.now(UTC))
    assert alerting.look() == "All is well."
    assert (alerting.rows(), alerting.heard()) == ([], [])


def test_an_alert_that_comes_back_is_another_one(alerting: Alerting) -> None:
    for _ in range(2):
        alerting.books.ours("TRUNCATE crypto_invoice_cfo_sync, crypto_invoices CASCADE")
        alerting.fail(1)
        alerting.look()
        alerting.mend()
        alerting.look()
    of_failed = [event for event, kind in alerting.heard() if kind == "failed"]
    assert of_failed == ["raised", "cleared", "raised", "cleared"]
    assert [row["kind"] for row in alerting.rows()] == ["failed", "failed", "success_rate", "success_rate"]


def test_a_post_says_what_it_is_about(alerting: Alerting) -> None:
    keep(alerting.books, "DPY-0", datetime.now(UTC), sync_status="failed", retry_count=3)
    message = alerting.look().split("; ")[0]

    failed = next(seen for seen in alerting.webhook.seen if _body(seen)["kind"] == "failed")
    (row, *_) = alerting.rows()
    assert (failed.method, failed.headers["Content-Type"]) == ("POST", "application/json")
    assert _body(failed) == {
        "alert_id": row["id"],
        "event": "raised",
        "kind": "failed",
        "message": row["message"],
        "at": row["raised_at"].isoformat(),
    }
    assert message == row["message"]
    assert "1 invoice could not be handed to the CFO" in message


def test_what_the_webhook_did_not_take_is_posted_again_and_nothing_else(alerting: Alerting) -> None:
    alerting.webhook.script("/alerts", REFUSED, TAKEN)
    alerting.fail(1)

    alerting.look()
    assert len(alerting.heard()) == 2
    alerting.look()
    alerting.look()

    assert len(alerting.heard()) == 3
    refused, _, again = alerting.webhook.seen
    assert refused.body == again.body
    assert refused.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert len({seen.headers["Idempotency-Key"] for seen in alerting.webhook.seen}) == 2
    assert len(alerting.rows()) == 2


def test_a_redirect_is_not_taken_for_heard(alerting: Alerting) -> None:
    alerting.webhook.script("/alerts", Reply(302, b"", None), TAKEN)
    alerting.fail(1)
    alerting.look()
    alerting.look()
    assert len(alerting.heard()) == 3
    assert alerting.webhook.seen[0].body == alerting.webhook.seen[2].body


def test_what_is_still_going_on_is_told_however_long_ago_it_began(
    alerting: Alerting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.delenv("LEDGER_ALERT_WEBHOOK")
        alerting.fail(1)
        alerting.look()
    alerting.books.ours("UPDATE alerts SET raised_at = raised_at - interval '3 days'")
    alerting.look()
    alerting.mend()
    alerting.look()
    assert sorted(alerting.heard()[:2]) == [("raised", "failed"), ("raised", "success_rate")]
    assert sorted(alerting.heard()[2:]) == [("cleared", "failed"), ("cleared", "success_rate")]


def test_what_was_over_days_ago_is_not_told_any_more(
    alerting: Alerting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.delenv("LEDGER_ALERT_WEBHOOK")
        alerting.fail(1)
        alerting.look()
        alerting.mend()
        alerting.look()
    alerting.books.ours(
        "UPDATE alerts SET raised_at = raised_at - interval '3 days', cleared_at = cleared_at - interval '3 days'"
    )
    alerting.look()
    assert alerting.heard() == []


def test_a_failed_invoice_that_nobody_owes_any_more_alerts_no_longer(books: Books) -> None:
    invoice = keep(books, "DPY-1", NOON, sync_status="failed", retry_count=3)
    assert metrics(books)[3] == 1
    books.ours("UPDATE crypto_invoices SET status = 'cancelled' WHERE id = %s", invoice)
    assert metrics(books)[2:] == (0, 0, 0)


def test_the_webhook_never_hears_of_the_end_of_an_alert_before_its_beginning(alerting: Alerting) -> None:
    alerting.webhook.script("/alerts", REFUSED, REFUSED, REFUSED, TAKEN)
    alerting.fail(1)
    alerting.look()  # both of the alerts are refused
    alerting.mend()
    alerting.look()  # and the first of them once more
    alerting.look()

    taken = [_body(seen) for seen in alerting.webhook.seen[3:]]
    for kind in ("failed", "success_rate"):
        assert [body["event"] for body in taken if body["kind"] == kind] == ["raised", "cleared"]


def test_a_webhook_that_is_down_changes_nothing_but_what_it_hears(
    alerting: Alerting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as closed:
        nobody = closed.url
    with monkeypatch.context() as down:
        down.setenv("LEDGER_ALERT_WEBHOOK", f"{nobody}/secret")
        alerting.fail(1)
        alerting.look()
    assert [row["raise_posted_at"] for row in alerting.rows()] == [None, None]
    alerting.look()
    assert [event for event, _ in alerting.heard()] == ["raised", "raised"]


@pytest.mark.parametrize("with_webhook", [True, False])
def test_alerts_are_in_the_log_and_once(
    alerting: Alerting, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, with_webhook: bool
) -> None:
    if not with_webhook:
        monkeypatch.delenv("LEDGER_ALERT_WEBHOOK")
    alerting.fail(1)
    alerting.look()
    alerting.look()

    logged = capfd.readouterr().err
    assert len(alerting.rows()) == 2
    for row in alerting.rows():
        assert logged.count(row["message"]) == 1


def test_eight_invoices_at_once_every_37_seconds_alert_nobody(alerting: Alerting) -> None:
    """shared/data/school/CFOh.json: six times eight, none of which waits longer than 31 seconds."""
    began = datetime.now(UTC)
    for look in range(0, 6 * 37, 30):
        paid = [37 * batch for batch in range(6) if 37 * batch <= look < 37 * batch + 31]
        alerting.books.ours("TRUNCATE crypto_invoices CASCADE")
        for batch in paid:
            for number in range(8):
                alerting.books.paid(f"H-{batch}-{number}", paid_at=began + timedelta(seconds=batch - look))
        assert alerting.look() == "All is well."
    assert alerting.rows() == []


def test_six_that_wait_for_longer_than_two_minutes_alert(alerting: Alerting) -> None:
    now = datetime.now(UTC)
    for number in range(5):
        alerting.books.paid(f"H-{number}", paid_at=now - timedelta(minutes=3))
    alerting.books.paid("H-5", paid_at=now - timedelta(seconds=60))
    assert alerting.look() == "All is well."
    alerting.books.paid("H-6", paid_at=now - timedelta(seconds=130))
    assert alerting.look().startswith("6 invoices have been paid for more than 2 minutes")


def test_each_invoice_that_failed_for_good_alerts_once_until_it_is_mended(alerting: Alerting) -> None:
    books = alerting.books
    now = datetime.now(UTC)
    for number in range(3):
        books.paid(f"DPY-{number}", paid_at=now, crypto_currency=" ")
    books.sync()
    for _ in range(2):
        alerting.look()
    books.paid("DPY-3", paid_at=now, crypto_currency=" ")
    books.watch.now = now
    books.sync()
    said = alerting.look()
    assert (
        "Invoice DPY-3 of Alps Blockchain, 100.00 USD, could not be handed to the CFO and is not tried again"
        in said
    )
    heard = [event for event, kind in alerting.heard() if kind == "failed_for_good"]
    assert heard == ["raised"] * 4
    books.ours("UPDATE crypto_invoices SET crypto_currency = 'USDT'")
    books.sync(force=True)
    alerting.look()
    heard = [event for event, kind in alerting.heard() if kind == "failed_for_good"]
    assert heard == ["raised"] * 4 + ["cleared"] * 4


def test_very_many_that_failed_are_not_told_one_by_one(alerting: Alerting) -> None:
    alerting.books.many_paid(60, "DPY-")
    alerting.books.ours("UPDATE crypto_invoices SET crypto_currency = ' '")
    alerting.books.sync()
    alerting.look()
    rows = [row for row in alerting.rows() if row["kind"] == "failed_for_good"]
    assert len(rows) == 51
    assert "More than 50 alerts" in {row["subject"]: row["message"] for row in rows}["more"]


def test_what_was_lost_is_told_and_over_when_all_of_it_is_handed_over_again(alerting: Alerting) -> None:
    books = alerting.books
    books.paid("DPY-1")
    books.sync()
    books.theirs("DELETE FROM transactions")
    books.sync()
    alerting.look()
    alerting.look()
    assert [event for event, kind in alerting.heard() if kind == "lost"] == ["raised", "cleared"]
