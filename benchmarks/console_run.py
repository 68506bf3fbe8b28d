"""The console in front of a large book: its start, its pages and its API while a month is billed and posted."""

from __future__ import annotations

import multiprocessing
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from benchmarks import books, console_book
from benchmarks.console_server import Client, Server, hanging_address, running_console
from benchmarks.databases import filled_database
from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.server import running_sandbox
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Editor, set_row
from ledger_pipelines.store.edits.tables import OVERRIDES, PLANS
from ledger_pipelines.store.queries.documents import statement_accounts
from ledger_pipelines.workflows.preview import preview, preview_plans
from ledger_pipelines.workflows.proposals import SetRow

READERS = 20
#: Seconds for which each kind of request is asked for, and that a reader lets pass between answer and next request.
_SECONDS, _PAUSE = 15.0, 1.0
#: Seconds between two edits that a clerk saves meanwhile: each makes the lists that are kept old.
_EDIT_EVERY = 2.0
_STARTS, _ROUNDS, _HEALTH = 3, 5, 50
_MONTH_OF_PAGE = f"month={console_book.READ:%Y-%m}"
_MONTH_OF_API = f"year={console_book.READ.year}&month={console_book.READ.month}"
#: What readers ask for.
PAGE, CLIENT = "Page /", "Page /client/{account}"
DASHBOARD, STATEMENT = "/api/billing/dashboard", "/api/billing/{account}"


@dataclass(slots=True)
class Times:
    """Seconds of a kind of request, and the bytes of its largest answer."""

    seconds: list[float] = field(default_factory=list)
    largest: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """What 95 of 100 requests stay under."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * 0.95))]


@dataclass(slots=True)
class Figures:
    """What was measured: seconds and MB. `start` is the median of some starts, `start_cpu` the processor's part of it.

    `readings` are by kind of request; `closed_meanwhile` says how often the month was billed and posted as they ran.
    """

    companies: int
    start: float = 0
    start_cpu: float = 0
    start_megabytes: float = 0
    health: Times = field(default_factory=Times)
    readings: dict[str, Times] = field(default_factory=dict)
    closed_meanwhile: int = 0
    preview_year: float = 0
    preview_plan: float = 0
    pdf: Times = field(default_factory=Times)
    archive_first_byte: float = 0
    archive_seconds: float = 0
    archive_growth: float = 0
    megabytes: float = 0


def measure(companies: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    tell(
        f"Writing a year of {companies:,} companies, with statements of its last {console_book.WITH_STATEMENTS} months"
    )
    figures = Figures(companies)
    with filled_database(console_book.YEAR[0], console_book.fill, companies) as database:
        with database.connect() as connection:
            accounts = statement_accounts(connection, console_book.READ)
        tell("Starting the console, with Core and Dagster hanging")
        _measure_starts(database, figures)
        tell("Previews of edits")
        _measure_previews(database, accounts, figures)
        config = SandboxConfig(until=date(2026, 1, 31), companies=1, students=0, invoices=0)
        with running_sandbox(config) as sandbox:
            environment = {"CORE_URL": sandbox.core_url, "LEDGER_DAGSTER_WEBSERVER_URL": "http://127.0.0.1:1"}
            token = sandbox.signer.user_token("ada", "billing")
            with running_console(database, environment) as server:
                tell(f"{READERS} readers while a month is billed and posted")
                _measure_readers(database, server, token, accounts, figures)
                tell("Documents over HTTP")
                _measure_documents(server, token, accounts, figures)
                figures.megabytes = server.megabytes
    return figures


def _measure_starts(database: Database, figures: Figures) -> None:
    """Starts it with what it asks hanging, so that this costs it nothing either."""
    found, processor, memory = [], [], []
    with hanging_address() as core, hanging_address() as dagster:
        environment = {"CORE_URL": core, "LEDGER_DAGSTER_WEBSERVER_URL": dagster}
        for _ in range(_STARTS):
            with running_console(database, environment) as server:
                used = server.process.cpu_times()
                found.append(server.started_in)
                processor.append(used.user + used.system)
                memory.append(server.megabytes_at_start)
                client = Client(server.port)
                for _ in range(_HEALTH // _STARTS):
                    _note(figures.health, client, "/health")
                    # Since the first answer both are being asked, and hang.
                    time.sleep(0.1)
    figures.start, figures.start_cpu = statistics.median(found), statistics.median(processor)
    figures.start_megabytes = max(memory)


def _measure_previews(database: Database, accounts: Sequence[str], figures: Figures) -> None:
    settings = Settings()
    of_company = [
        SetRow(
            OVERRIDES["client"],
            {"account_number": accounts[-1]},
            {"per_user_cost": Decimal(17), "per_user_cost_enabled": True},
        )
    ]
    of_plan = [
        SetRow(PLANS, {"billing_plan": plan, "term_length": "1 Year"}, {"per_user_cost": Decimal(17)})
        for plan in books.PLANS
    ]
    # A server has been asked before: what it loads at the first request is not the request's.
    preview(database, settings, accounts[-1], console_book.YEAR, of_company)
    years, plans = [], []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        preview(database, settings, accounts[-1], console_book.YEAR, of_company)
        years.append(time.perf_counter() - began)
        began = time.perf_counter()
        found = preview_plans(database, settings, console_book.READ, books.PLANS, of_plan)
        plans.append(time.perf_counter() - began)
        if found.companies < len(accounts):
            raise RuntimeError(f"only {found.companies} companies were previewed")
    figures.preview_year, figures.preview_plan = statistics.median(years), statistics.median(plans)


def _measure_readers(
    database: Database, server: Server, token: str, accounts: Sequence[str], figures: Figures
) -> None:
    def one() -> str:
        return random.choice(accounts)  # noqa: S311

    kinds: dict[str, Callable[[], str]] = {
        PAGE: lambda: f"/?{_MONTH_OF_PAGE}",
        CLIENT: lambda: f"/client/{one()}?{_MONTH_OF_PAGE}",
        DASHBOARD: lambda: f"/api/billing/dashboard?{_MONTH_OF_API}",
        STATEMENT: lambda: f"/api/billing/{one()}?{_MONTH_OF_API}",
    }
    warm = Client(server.port, token)
    for path in kinds.values():
        warm.get(path())
    with _closing_meanwhile(database) as rounds, _editing_meanwhile(database, accounts[-1]):
        for name, path in kinds.items():
            figures.readings[name] = _read(server, token, path)
        figures.closed_meanwhile = rounds.value


def _read(server: Server, token: str, path: Callable[[], str]) -> Times:
    """What READERS readers, each with a pause after each answer, wait for in so many seconds."""
    times = Times()
    until = time.monotonic() + _SECONDS

    def read() -> None:
        client = Client(server.port, token)
        # They do not come in step.
        time.sleep(random.random() * _PAUSE)  # noqa: S311
        while time.monotonic() < until:
            _note(times, client, path())
            time.sleep(_PAUSE)
        client.close()

    with ThreadPoolExecutor(READERS) as pool:
        for reader in [pool.submit(read) for _ in range(READERS)]:
            reader.result()
    return times


def _measure_documents(server: Server, token: str, accounts: Sequence[str], figures: Figures) -> None:
    client = Client(server.port, token)
    client.get(f"/client/{accounts[0]}/statement.pdf?{_MONTH_OF_API}")
    for account in accounts[1 : 1 + _HEALTH]:
        _note(figures.pdf, client, f"/client/{account}/statement.pdf?{_MONTH_OF_API}")
    before = highest = server.megabytes
    began = time.perf_counter()
    for _ in client.parts(f"/invoices/bulk/download?{_MONTH_OF_API}"):
        figures.archive_first_byte = figures.archive_first_byte or time.perf_counter() - began
        highest = max(highest, server.megabytes)
    figures.archive_seconds, figures.archive_growth = time.perf_counter() - began, highest - before


def _note(times: Times, client: Client, path: str) -> None:
    answer = client.get(path)
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"{path} is answered with {answer.status}: {answer.body[:300]!r}")
    times.seconds.append(answer.seconds)
    times.largest = max(times.largest, len(answer.body))


@contextmanager
def _closing_meanwhile(database: Database) -> Iterator[Any]:
    """Another process bills and posts the book's last month again and again; gives how often it did."""
    context = multiprocessing.get_context("spawn")
    is_over, rounds = context.Event(), context.Value("i", 0)
    closing = context.Process(target=console_book.keep_closing, args=(database, is_over, rounds))
    closing.start()
    try:
        yield rounds
    finally:
        is_over.set()
        closing.join()
    if closing.exitcode:
        raise RuntimeError("the month could not be billed meanwhile")


@contextmanager
def _editing_meanwhile(database: Database, account: str) -> Iterator[None]:
    """Somebody saves an edit of this company every so often."""
    is_over = threading.Event()

    def edit() -> None:
        rate = Decimal(10)
        while not is_over.wait(_EDIT_EVERY):
            rate += 1
            set_row(
                database,
                OVERRIDES["client"],
                {"account_number": account},
                {"per_user_cost": rate, "per_user_cost_enabled": True},
                by=Editor("bench"),
            )

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        yield
    finally:
        is_over.set()
        editor.join()


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, print))
