"""`ledger bench`: what runs cost beside moving the same bytes barely, as ratios measured in one run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger_pipelines.cli.context import console
from ledger_pipelines.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.report import Section

_ACCRUAL_MONTHS = 24


def bench(
    companies: Annotated[
        int, typer.Option(min=0, help="With 25 assets, 20 contacts and 30 tickets each; 0 leaves them out.")
    ] = 10_000,
    contracts: Annotated[
        int, typer.Option(min=0, help="With two years of accruals; 0 leaves them out.")
    ] = 20_000,
    invoices: Annotated[
        int, typer.Option(min=0, help="Paid invoices for the CFO; 0 leaves them out.")
    ] = 50_000,
    saft_lines: Annotated[
        int, typer.Option(min=0, help="Of a SAF-T file that is imported; 0 leaves it out.")
    ] = 300_000,
    console_companies: Annotated[
        int, typer.Option(min=0, help="Of the book that the console is asked about; 0 leaves it out.")
    ] = 10_000,
    close_companies: Annotated[
        int,
        typer.Option(min=0, help="Of the month that is closed whole, from HTTP to checks; 0 leaves it out."),
    ] = 10_000,
    months: Annotated[int, typer.Option(min=1, max=12, help="Length of the range that is compared.")] = 12,
    growth: Annotated[
        bool, typer.Option(help="How each grows from a hundredth and a tenth of its data to all, instead.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the results are kept, as JSON.")
    ] = None,
) -> None:
    """Measures imports, statements, posting, documents, accruals, the CFO sync, a whole close and the console."""
    try:
        from benchmarks import report
    except ModuleNotFoundError:
        raise LedgerError("The benchmarks are part of a checkout: run `make bench` in one.") from None
    taken_at = datetime.now(UTC)
    path = output or Path("benchmarks", "results", f"{taken_at:%Y-%m-%dT%H-%M-%S}.json")
    sections: list[Section] = []
    with console.status("Starting a database of its own") as status:
        found = (
            _growth(companies, contracts, saft_lines, invoices, status.update)
            if growth
            else _sections(
                companies,
                contracts,
                invoices,
                saft_lines,
                console_companies,
                close_companies,
                months,
                status.update,
            )
        )
        for section in found:
            console.print(section.table())
            sections.append(section)
            # After each: a long measurement that is broken off has not been for nothing.
            report.write_json(path, sections, taken_at=taken_at)
    broken = [one for section in sections for one in section.measures if not one.is_kept]
    console.print(f"Kept in {path}.", highlight=False, soft_wrap=True)
    if broken:
        console.print(f"[red]{len(broken)} promises were not kept.[/]")


def _growth(
    companies: int, contracts: int, saft_lines: int, invoices: int, tell: Callable[[str], None]
) -> Iterator[Section]:
    from benchmarks.growth import Sizes, measure

    return measure(Sizes(companies, contracts, saft_lines, invoices), tell)


def _sections(
    companies: int,
    contracts: int,
    invoices: int,
    saft_lines: int,
    console_companies: int,
    close_companies: int,
    months: int,
    tell: Callable[[str], None],
) -> Iterator[Section]:
    from benchmarks import accrual_run, cfo_run, document_run, posting_run, saft_run, sections, statement_run

    # First, for the peak of memory is the process's.
    if saft_lines:
        yield sections.of_saft(saft_run.measure(saft_lines, tell))
    if companies:
        yield sections.of_statements(statement_run.measure(companies, months, tell))
        yield sections.of_posting(posting_run.measure(companies, tell))
        yield sections.of_documents(document_run.measure(companies, tell))
    if contracts:
        yield sections.of_accruals(accrual_run.measure(contracts, _ACCRUAL_MONTHS, tell), _ACCRUAL_MONTHS)
    if invoices:
        yield sections.of_cfo(cfo_run.measure(invoices, tell))
    if close_companies:
        from benchmarks import close_run

        yield sections.of_close(close_run.measure(close_companies, tell))
    if console_companies:
        from benchmarks import console_run

        figures = console_run.measure(console_companies, tell)
        yield sections.of_console(figures)
        yield sections.of_readers(figures)
