"""A month's statement run against bare COPY, measured in one process and one database."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
import pyarrow as pa

from benchmarks import bare, books
from benchmarks.databases import filled_database
from ledger_pipelines.billing.inputs import COLUMNS
from ledger_pipelines.billing.statements import bill
from ledger_pipelines.months import month_range, years_so_far
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import Change, ensure_months, replace_month
from ledger_pipelines.workflows.billing import (
    OUTPUT_TABLES,
    SNAPSHOT_TABLES,
    frames_of,
    read_hours,
    read_inputs,
    run_statements,
)

YEAR = 2025
ROUNDS = 3


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds: medians; `single` and `year` are means, of one month alone and of all as a range."""

    input_rows: int = 0
    output_rows: int = 0
    lines: int = 0
    bare_copy_out: float = 0
    bare_copy_in: float = 0
    run: float = 0
    run_again: float = 0
    rules: float = 0
    months: int = 0
    single: float = 0
    year: float = 0
    peak_megabytes: float = 0

    @property
    def bare(self) -> float:
        return self.bare_copy_out + self.bare_copy_in


def measure(companies: int, months: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    year = month_range(date(YEAR, 1, 1), date(YEAR + 1, 1, 1))[:months]
    tell(f"Writing {months} months of {companies:,} companies")
    with filled_database(year[0], books.fill, year, companies) as database, database.connect() as connection:
        return _measure(connection, database, year, tell)


def _measure(
    connection: psycopg.Connection, database: Database, year: Sequence[date], tell: Callable[[str], None]
) -> Figures:
    figures = Figures()
    month = [year[-1]]
    bodies = _measure_rules(connection, month, figures)
    tell("One month against bare COPY")
    ensure_months(connection, OUTPUT_TABLES, year)
    outs, ins, runs = [], [], []
    for _ in range(ROUNDS):
        seconds, figures.input_rows = bare.copy_out(connection, _reads(month))
        outs.append(seconds)
        ins.append(bare.copy_in(connection, bodies))
        bare.empty(connection, OUTPUT_TABLES)
        runs.append(_run(database, connection, month))
    figures.bare_copy_out, figures.bare_copy_in, figures.run = map(statistics.median, (outs, ins, runs))
    figures.run_again = statistics.median(_run(database, connection, month) for _ in range(ROUNDS))
    if len(year) > 1:
        ranges, singles = [], []
        for round_number in range(1, ROUNDS + 1):
            tell(f"{len(year)} months one by one, then as one range ({round_number} of {ROUNDS})")
            bare.empty(connection, OUTPUT_TABLES)
            singles += [_run(database, connection, [month]) for month in year]
            bare.empty(connection, OUTPUT_TABLES)
            ranges.append(_run(database, connection, year))
        figures.months, figures.single, figures.year = (
            len(year),
            statistics.mean(singles),
            statistics.mean(ranges),
        )
    figures.peak_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def _measure_rules(connection: psycopg.Connection, month: list[date], figures: Figures) -> dict[str, bytes]:
    """Times the rules alone, and returns their output as bytes that COPY can take."""
    inputs = read_inputs(connection, month, frozenset(), read_hours(connection, month, frozenset()))
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = bill(inputs, month, currency="USD")
        taken.append(time.perf_counter() - began)
    figures.rules = statistics.median(taken)
    figures.lines = result.lines.num_rows
    # In the order in which a run writes them, or the baseline would pay for an index that grows everywhere.
    outputs = frames_of(result)
    figures.output_rows = sum(frame.num_rows for frame in outputs.values())
    return bare.ready(outputs)


def _reads(months: Sequence[date]) -> bare.Reads:
    """What a run reads of the months' inputs: the columns of each table, and the months."""
    return {
        table: (COLUMNS[table], years_so_far(months) if table == "tickets" else months)
        for table in (*SNAPSHOT_TABLES, "tickets")
    }


def _run(database: Database, connection: psycopg.Connection, months: Sequence[date]) -> float:
    """Runs the statements of these months and returns the seconds that it took."""

    def write(frames: Mapping[str, pa.Table], months: Sequence[date]) -> dict[str, dict[date, Change]]:
        ensure_months(connection, list(frames), months)
        with connection.transaction():
            return {table: replace_month(connection, table, months, frame) for table, frame in frames.items()}

    began = time.perf_counter()
    for _ in run_statements(database, months, closed=frozenset(), currency="USD", write=write):
        pass
    return time.perf_counter() - began
