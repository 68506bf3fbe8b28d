"""The `codex` step against the least that it can cost: parsing the same bytes, and copying the same rows in barely.

The bulk answer is the sandbox's, made beforehand by another process and sent by it as fast as it is taken.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import dagster as dg
import orjson

from benchmarks import bare
from benchmarks.codex_server import MONTH, answering
from benchmarks.databases import filled_database
from ledger_pipelines.definitions import build_defs
from ledger_pipelines.months import years_so_far
from ledger_pipelines.orchestration.resources import environment_resources
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.database import Database

_TABLES = ("companies", "assets", "contacts", "tickets")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, in seconds; the baseline is `parse` and `bare_copy_in`.

    The `cpu` figures are this machine's own work in Python's process, which others on it do not lengthen.
    """

    megabytes: float
    rows: int
    parse: float
    bare_copy_in: float
    step: float
    parse_cpu: float
    step_cpu: float
    peak_megabytes: float

    @property
    def ratio(self) -> float:
        """What the step costs beside the baseline."""
        return self.step / (self.parse + self.bare_copy_in)


def measure(companies: int, rounds: int = 3) -> list[Figures]:
    """One set of figures a round, each with its own baseline."""
    with (
        tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder,
        answering(companies, Path(folder) / "bulk.json") as url,
        filled_database(date(MONTH.year, 1, 1), _nothing) as database,
    ):
        return [_round(url, Path(folder) / "bulk.json", database) for _ in range(rounds)]


def _round(url: str, body: Path, database: Database) -> Figures:
    variables = {"CODEX_URL": url, "CODEX_API_KEY": "benchmark", "LEDGER_DATABASE_URL": database.url}
    os.environ.update(variables | {"LEDGER_FIRST_MONTH": f"{MONTH:%Y-01}"})
    (codex,) = [
        asset
        for asset in build_defs().assets or ()
        if isinstance(asset, dg.AssetsDefinition) and asset.op.name == "codex"
    ]
    began = time.process_time()
    done = dg.materialize(
        [codex],
        partition_key=f"{MONTH:%Y-%m}",
        resources=environment_resources(),
        selection=list(_TABLES),
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
    )
    step_cpu = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (success,) = [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_SUCCESS]
    with database.connect() as connection:
        months = years_so_far([MONTH])
        frames = {table: read_months(connection, table, months) for table in _TABLES}
        copied = bare.copy_in(connection, bare.ready(frames))
        bare.empty(connection, [*_TABLES, "month_snapshots", "snapshot_gaps"])
    parse, parse_cpu = _parsed(body)
    return Figures(
        megabytes=body.stat().st_size / 1e6,
        rows=sum(frame.num_rows for frame in frames.values()),
        parse=parse,
        bare_copy_in=copied,
        step=success.step_success_data.duration_ms / 1000,
        parse_cpu=parse_cpu,
        step_cpu=step_cpu,
        peak_megabytes=peak,
    )


def _parsed(body: Path) -> tuple[float, float]:
    """The seconds of parsing the whole answer, and the CPU's, in a process of its own: it needs some gigabytes."""
    receiver, sender = multiprocessing.get_context("spawn").Pipe(duplex=False)
    parsing = multiprocessing.get_context("spawn").Process(target=_parse, args=(body, sender))
    parsing.start()
    seconds: tuple[float, float] = receiver.recv()
    parsing.join()
    return seconds


def _parse(body: Path, sender: Connection) -> None:
    content = body.read_bytes()
    began, began_cpu = time.perf_counter(), time.process_time()
    orjson.loads(content)
    sender.send((time.perf_counter() - began, time.process_time() - began_cpu))


def _nothing(_: Database) -> None:
    """The month is read into an empty ledger."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for figures in measure(given.companies, given.rounds):
        print(
            f"{figures.megabytes:,.0f} MB, {figures.rows:,} rows: parse {figures.parse:.2f} s, "
            f"bare COPY in {figures.bare_copy_in:.2f} s; step {figures.step:.2f} s, {figures.ratio:.2f} times; "
            f"CPU: parse {figures.parse_cpu:.2f} s, step {figures.step_cpu:.2f} s; "
            f"peak {figures.peak_megabytes:,.0f} MB"
        )


if __name__ == "__main__":
    main()
