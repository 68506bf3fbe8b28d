"""The demo's past: the snapshots that a ledger would have which read Codex in each month of the year."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import requests
from rich.console import Console

from ledger_pipelines.connections import source_client
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import add_months
from ledger_pipelines.settings import Settings
from ledger_pipelines.sources.codex.settings import CodexSettings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import replace_month
from ledger_pipelines.store.snapshots import read_times, record_snapshot

_TABLES = ("assets", "companies", "contacts", "plans")


def take_past_snapshots(
    database: Database, settings: Settings, sandbox: str, months: Sequence[date], console: Console
) -> None:
    """Reads each month's companies, devices and people from the sandbox as it was on the month's last day.

    Months that have their snapshot already keep it. Raises LedgerError when the sandbox does not answer.
    """
    with database.connect() as connection:
        taken = set.intersection(*(set(read_times(connection, table)) for table in _TABLES))
    missing = [month for month in months if month not in taken]
    for month in missing:
        last_day = add_months(month, 1) - timedelta(days=1)
        with console.status(f"Reading the sandbox as of {last_day}"), _as_of(sandbox, last_day):
            _take(database, settings, month, datetime.combine(last_day, time(12), UTC))


def _take(database: Database, settings: Settings, month: date, taken_at: datetime) -> None:
    with source_client(settings, settings.source(CodexSettings)) as client:
        snapshot = client.fetch(frozenset(_TABLES))
    with database.connect() as connection, connection.transaction():
        for table in _TABLES:
            rows: pa.Table = getattr(snapshot, table)
            of_month = rows.add_column(0, "month", pa.repeat(pa.scalar(month, pa.date32()), len(rows)))
            replace_month(connection, table, [month], of_month)
            record_snapshot(
                connection, table, [month], taken_at=taken_at, is_complete=table in snapshot.complete
            )


@contextmanager
def _as_of(sandbox: str, day: date) -> Iterator[None]:
    """While the body runs, the sandbox's Codex answers as of the day."""
    _set_sandbox_day(sandbox, {"day": day.isoformat()})
    try:
        yield
    finally:
        _set_sandbox_day(sandbox, {})


def _set_sandbox_day(sandbox: str, parameters: dict[str, str]) -> None:
    try:
        requests.post(f"{sandbox}/sandbox/as-of", params=parameters, timeout=10).raise_for_status()
    except requests.RequestException:
        raise LedgerError(
            f"The sandbox at {sandbox} does not answer: see the logs beside the database."
        ) from None
