"""From paid to the CFO's transactions with everything running: how long it takes, and where the time goes.

    .venv/bin/python -m benchmarks.cfo_latency --minutes 5 --rate 100

starts `ledger up` in a home of its own, pays invoices at the rate, and looks at each until it has its transaction.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from ledger_pipelines.store.database import Database

_PAY = """INSERT INTO crypto_invoices (invoice_number, client_id, billing_period, amount_usd, crypto_currency,
                                       crypto_amount, status, paid_at)
          SELECT 'L-' || %s, id, to_char(now(), 'YYYY-MM') || ' hosting', 100, 'USDT', 100, 'paid', now()
          FROM crypto_clients WHERE name = 'Alps Blockchain'"""
_TIMES = """SELECT t.id, i.paid_at, s.claimed_at
            FROM crypto_invoices i JOIN crypto_invoice_cfo_sync s ON s.invoice_id = i.id
            JOIN cfo.transactions t ON t.id = s.cfo_transaction_id"""
_RUNS = """SELECT extract(epoch FROM to_timestamp(start_time) - create_timestamp AT TIME ZONE 'UTC')::float8,
                  end_time - start_time FROM dagster.runs
           WHERE pipeline_name = 'cfo_sync' AND status = 'SUCCESS'"""


def main() -> None:
    """Reads the options, measures, prints."""
    parser = argparse.ArgumentParser(description="From paid to a row in the CFO's transactions.")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=int, default=100, help="paid invoices a minute")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lat-") as folder:
        home = Path(folder)
        environment = {**os.environ, "LEDGER_HOME": str(home)}
        command = [sys.executable, "-m", "ledger_pipelines", "up", "--dagster-port", "3999"]
        with (home / "up.log").open("wb") as log:
            up = subprocess.Popen(  # noqa: S603 - our own command, no shell
                command, env=environment, cwd=home, stdout=log, stderr=log, start_new_session=True
            )
        try:
            console.print("Starting …", style="dim")
            _wait_for("Up.", home / "up.log", up)
            database = Database(f"postgresql://postgres@/ledger?host={home}/postgres")
            with database.connect() as connection:
                with _seen_by_the_cfo(database) as seen:
                    _pay(connection, options.minutes, options.rate, console)
                    _wait_until_synced(connection)
                _print(connection, seen, console)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(up.pid, signal.SIGINT)
            up.wait(60)


def _wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    while text not in log.read_text():
        if process.poll() is not None:
            raise SystemExit(f"ledger up ended: {log.read_text()}")
        time.sleep(0.2)


def _pay(connection: psycopg.Connection, minutes: float, rate: int, console: Console) -> None:
    connection.execute("INSERT INTO crypto_clients (name) VALUES ('Alps Blockchain')")
    count = int(minutes * rate)
    began = time.monotonic()
    with console.status(f"Paying {count} invoices, {rate} a minute"):
        for number in range(count):
            time.sleep(max(0.0, began + number * 60 / rate - time.monotonic()))
            connection.execute(_PAY, [number])


def _wait_until_synced(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + 300
    while connection.execute("SELECT FROM v_crypto_invoices_pending_sync LIMIT 1").fetchall():
        if time.monotonic() > deadline:
            raise SystemExit("not everything was synced within five minutes of the last payment")
        time.sleep(0.5)


@contextmanager
def _seen_by_the_cfo(database: Database) -> Iterator[dict[int, datetime]]:
    """When each transaction could first be read by somebody else, to a tenth of a second, by its id."""
    seen: dict[int, datetime] = {}
    is_over = threading.Event()

    def look() -> None:
        with database.connect() as connection:
            while not is_over.is_set():
                if connection.execute("SELECT to_regclass('cfo.transactions')").fetchone() != (None,):
                    rows = connection.execute("SELECT id, clock_timestamp() FROM cfo.transactions").fetchall()
                    seen.update((number, at) for number, at in rows if number not in seen)
                is_over.wait(0.1)

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    is_over.set()
    thread.join()


def _print(connection: psycopg.Connection, seen: dict[int, datetime], console: Console) -> None:
    times = [(paid, claimed, seen[number]) for number, paid, claimed in connection.execute(_TIMES).fetchall()]
    waits = sorted((claimed - paid).total_seconds() for paid, claimed, _ in times)
    hand_overs = sorted((there - claimed).total_seconds() for _, claimed, there in times)
    totals = sorted((there - paid).total_seconds() for paid, _, there in times)
    launches, durations = map(sorted, zip(*connection.execute(_RUNS).fetchall(), strict=True))
    table = Table("Seconds", title=f"{len(totals)} invoices, {len(durations)} runs", title_justify="left")
    for name in ("median", "95 %", "most"):
        table.add_column(name, justify="right")
    for name, values in (
        ("From paid to the CFO's transactions", totals),
        ("  of these until claimed", waits),
        ("  of these handing over", hand_overs),
        ("A run from being asked for to its start", launches),
        ("A run from start to end", durations),
    ):
        cut = values[min(len(values) - 1, int(len(values) * 0.95))]
        table.add_row(name, f"{statistics.median(values):.2f}", f"{cut:.2f}", f"{values[-1]:.2f}")
    console.print(table)
    within = sum(value <= 30 for value in totals) / len(totals)
    console.print(f"Within 30 s: {within:.1%} (promised: 95 %).", highlight=False)


if __name__ == "__main__":
    main()
