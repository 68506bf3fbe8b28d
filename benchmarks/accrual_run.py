"""An accrual run of all months against bare COPY, measured in one process and one database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg

from benchmarks import bare, school
from benchmarks.databases import filled_database
from ledger_pipelines.accruals.inputs import SCHEMAS
from ledger_pipelines.accruals.recognition import accrue
from ledger_pipelines.invoicing.service_periods import ROW_COLUMNS
from ledger_pipelines.months import add_months, month_range
from ledger_pipelines.store.months import ensure_months, replace_month
from ledger_pipelines.workflows.accruals import OUTPUT_TABLES, contract_count, frames_of, read_inputs

FIRST = date(2024, 1, 1)
ROUNDS = 3


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds: medians. `contract_months` are contracts times months."""

    contract_months: int = 0
    input_rows: int = 0
    output_rows: int = 0
    bare_copy_out: float = 0
    bare_copy_in: float = 0
    run: float = 0
    run_again: float = 0
    rules: float = 0

    @property
    def bare(self) -> float:
        return self.bare_copy_out + self.bare_copy_in


def measure(contracts: int, months: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    span = month_range(FIRST, add_months(FIRST, months))
    tell(f"Writing {months} months of {contracts:,} contracts")
    with filled_database(FIRST, school.fill, span, contracts) as database, database.connect() as connection:
        tell("Accruals against bare COPY")
        return _measure(connection, span)


def _measure(connection: psycopg.Connection, months: Sequence[date]) -> Figures:
    figures = Figures()
    inputs = read_inputs(connection, months, frozenset())
    rules = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = accrue(inputs, months)
        rules.append(time.perf_counter() - began)
    figures.rules = statistics.median(rules)
    figures.contract_months = contract_count(inputs.contracts) * len(months)
    frames = frames_of(result)
    figures.output_rows = sum(frame.num_rows for frame in frames.values())
    bodies = bare.ready(frames)
    ensure_months(connection, OUTPUT_TABLES, months)
    outs, ins, runs = [], [], []
    for _ in range(ROUNDS):
        seconds, figures.input_rows = bare.copy_out(connection, _reads(months))
        outs.append(seconds)
        ins.append(bare.copy_in(connection, bodies))
        bare.empty(connection, OUTPUT_TABLES)
        runs.append(_run(connection, months))
    figures.bare_copy_out, figures.bare_copy_in, figures.run = map(statistics.median, (outs, ins, runs))
    figures.run_again = statistics.median(_run(connection, months) for _ in range(ROUNDS))
    return figures


def _run(connection: psycopg.Connection, months: Sequence[date]) -> float:
    """Accrues the months as the asset does, and returns the seconds that it took."""
    began = time.perf_counter()
    result = accrue(read_inputs(connection, months, frozenset()), months)
    ensure_months(connection, OUTPUT_TABLES, months)
    with connection.transaction():
        for table, frame in frames_of(result).items():
            replace_month(connection, table, months, frame)
    return time.perf_counter() - began


def _reads(months: Sequence[date]) -> bare.Reads:
    """What the run reads: the columns of each table, and the months."""
    newest = [months[-1]]
    periods = dict.fromkeys([*ROW_COLUMNS, *SCHEMAS["periods"].names])
    return {
        "contracts": (SCHEMAS["contracts"].names, months),
        "enrollments": (list(periods), months),
        "services": (("id", "name", "account_number"), newest),
        "clients": (("contact_id", "name", "email", "student_id", "user_id"), newest),
        "external_ids": (SCHEMAS["pages"].names, newest),
    }
