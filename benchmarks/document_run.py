"""Documents of a month's statements: one as PDF, and all in a ZIP, measured in one process and one database."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psutil
import pyarrow as pa

from benchmarks import books
from benchmarks.databases import filled_database
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.months import Change, ensure_months, replace_month
from ledger_pipelines.store.queries.documents import statement_accounts
from ledger_pipelines.workflows.billing import run_statements
from ledger_pipelines.workflows.documents import (
    PART,
    Format,
    statement_archive,
    statement_book,
    statement_document,
)

MONTH = date(2025, 1, 1)
_SINGLES = 50
#: Seconds after which a ZIP is not read further: by then it shows whether memory grows.
_LONG_ENOUGH = 90


@dataclass(slots=True)
class Archive:
    """A ZIP of a month: seconds to its first byte, and until it was read, its size, and by how much memory grew, in MB.

    One that takes too long is read in part only.
    """

    first_byte: float = 0
    seconds: float = 0
    megabytes: float = 0
    growth: float = 0
    is_whole: bool = True


@dataclass(slots=True)
class Figures:
    """What was measured: seconds; `first_pdf` is the process's first, `pdf` and `slowest_pdf` are of those after it."""

    statements: int
    first_pdf: float
    pdf: float
    slowest_pdf: float
    book: float
    in_book: int
    csv_archive: Archive
    pdf_archive: Archive


def measure(companies: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    tell(f"Writing the statements of {companies:,} companies")
    with filled_database(MONTH, fill, companies) as database:
        with database.connect() as connection:
            accounts = statement_accounts(connection, MONTH)
        tell("One statement after another as PDF")
        first, *others = [_seconds_of(database, account) for account in accounts[: _SINGLES + 1]]
        began = time.perf_counter()
        statement_book(database, MONTH)
        book = time.perf_counter() - began
        archives = []
        kinds: tuple[Format, ...] = ("csv", "pdf")
        for kind in kinds:
            tell(f"A ZIP of {len(accounts):,} statements as {kind.upper()}")
            archives.append(_archive(database, kind))
        return Figures(
            len(accounts),
            first,
            statistics.median(others or [first]),
            max(others or [first]),
            book,
            min(PART, len(accounts)),
            *archives,
        )


def fill(database: Database, companies: int) -> None:
    """A month's inputs, and the statements that a run makes of them."""
    books.fill(database, [MONTH], companies)
    with database.connect() as connection:

        def write(frames: Mapping[str, pa.Table], months: Sequence[date]) -> dict[str, dict[date, Change]]:
            ensure_months(connection, list(frames), months)
            with connection.transaction():
                return {
                    table: replace_month(connection, table, months, frame) for table, frame in frames.items()
                }

        for _ in run_statements(database, [MONTH], closed=frozenset(), currency="USD", write=write):
            pass


def _seconds_of(database: Database, account: str) -> float:
    began = time.perf_counter()
    statement_document(database, account, MONTH, "pdf")
    return time.perf_counter() - began


def _archive(database: Database, kind: Format) -> Archive:
    """Reads the ZIP as a server sends it, and keeps nothing of it."""
    process = psutil.Process()
    before = highest = process.memory_info().rss
    figures, began = Archive(), time.perf_counter()
    size = 0
    for part in statement_archive(database, MONTH, kind).content:
        if not size:
            figures.first_byte = time.perf_counter() - began
        size += len(part)
        highest = max(highest, process.memory_info().rss)
        if time.perf_counter() - began > _LONG_ENOUGH:
            figures.is_whole = False
            break
    figures.seconds = time.perf_counter() - began
    figures.megabytes, figures.growth = size / 1e6, (highest - before) / 2**20
    return figures


if __name__ == "__main__":
    print(measure(10_000, print))
