"""Looking again at what was handed over (rules/cfo_sync.md, A table that is not ours): a database may be restored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

import psycopg

from ledger_pipelines.destinations.cfo.lookup import lost_transactions
from ledger_pipelines.store.alerts import DueAlert, raise_alert
from ledger_pipelines.store.cfo.deliveries import (
    Released,
    SyncedInvoice,
    latest_synced,
    release,
    release_shared,
    shared_transactions,
    synced_in_months,
)
from ledger_pipelines.store.cfo.troubles import LOST
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cfo.connections import CfoConnection

Clock = Callable[[], datetime]
#: How much is looked up at once: one round trip each way.
BATCH = 12_500
#: How many invoices an alert names.
_NAMED = 10


def look_again(
    ours: psycopg.Connection, theirs: CfoConnection, *, clock: Clock, months: Sequence[date] | None
) -> list[Released]:
    """Makes ready again what was handed over and is gone, or is another invoice's, with an alert; what that was.

    Looked at is what was paid in these months (all for None), and of everything else what was handed over last: a
    restored database has lost all that came after its backup, so that where a whole batch is there, what is older is.

    Raises UnfitTableError, DatabaseUnavailableError and psycopg.Error when the CFO's database does not let us look.
    """
    released = _look(ours, theirs, synced_in_months(ours, months), clock)
    before = None
    while months is not None:
        latest, before = latest_synced(ours, before, BATCH)
        found = _look(ours, theirs, latest, clock)
        released += found
        if not found:
            break
    if shared_transactions(ours):
        released += release_shared(ours, at=clock())
    if released:
        raise_alert(ours, DueAlert(LOST, _message(released)), clock())
    return released


def _look(
    ours: psycopg.Connection, theirs: CfoConnection, synced: Sequence[SyncedInvoice], clock: Clock
) -> list[Released]:
    released = []
    for place in range(0, len(synced), BATCH):
        lost = lost_transactions(theirs.connection(), synced[place : place + BATCH])
        if lost:
            released += release(ours, lost, at=clock())
    return released


def _message(released: Sequence[Released]) -> str:
    named = ", ".join(
        f"{one.number} ({'paid no longer' if one.amount is None else f'{one.amount:,.2f} {one.currency}'})"
        for one in released[:_NAMED]
    )
    more = f" and {len(released) - _NAMED:,} more" if released[_NAMED:] else ""
    return (
        f"The CFO's transactions of {counted(len(released), 'handed-over invoice')} are gone or are others' now: "
        f"{named}{more}. "
        "They are handed over again; see whether the CFO's database was restored from a backup."
    )
