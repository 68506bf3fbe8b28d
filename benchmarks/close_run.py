"""The whole close of a month by the `ledger` command, from HTTP to checks, on a new ledger.

Codex answers at once: its bulk answer was written beforehand, and the little else is the sandbox's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psutil

from benchmarks.codex_server import MONTH, answering
from benchmarks.databases import filled_database
from ledger_pipelines.store.database import Database

#: The size that a promise was made for.
PROMISED_COMPANIES = 10_000
_STEPS = """SELECT step_name, extract(epoch FROM completed_at - started_at)::float FROM sync_executions
            WHERE completed_at IS NOT NULL ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of the command and of its steps, the processor's seconds of it, and its peak memory in MB."""

    companies: int
    seconds: float
    cpu: float
    peak_megabytes: float
    steps: dict[str, float] = field(default_factory=dict)


def measure(companies: int, tell: Callable[[str], None]) -> Figures:
    """Closes the month once, in a database of its own. Raises RuntimeError where the command fails."""
    tell(f"Writing what Codex says of {companies:,} companies")
    with (
        tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder,
        answering(companies, Path(folder) / "bulk.json") as url,
        filled_database(date(MONTH.year, 1, 1), _nothing) as database,
    ):
        tell(f"Closing a month of {companies:,} companies")
        return _closed(companies, url, database, Path(folder))


def _closed(companies: int, url: str, database: Database, folder: Path) -> Figures:
    variables = {
        "LEDGER_DATABASE_URL": database.url,
        "LEDGER_HOME": str(folder / "home"),
        "CODEX_URL": url,
        "CODEX_API_KEY": "benchmark",
    }
    ours = ("LEDGER_", "CORE_", "CODEX_", "HOLDED_", "FOURGEEKS_", "NOTION_", "CFO_", "DAGSTER_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with (folder / "close.log").open("wb") as log:
        began = time.perf_counter()
        process = psutil.Popen(
            [sys.executable, "-m", "ledger_pipelines", "close", f"{MONTH:%Y-%m}"],
            env=inherited | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"the close failed: {(folder / 'close.log').read_text()[-2000:]}")
    with database.connect() as connection:
        steps = {str(name): float(took) for name, took in connection.execute(_STEPS).fetchall()}
    return Figures(companies, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, steps)


def _nothing(_: Database) -> None:
    """The ledger is new."""
