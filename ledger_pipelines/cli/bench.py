"""`ledger bench`: what runs cost beside moving the same bytes barely, as ratios measured in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ledger_pipelines.cli.context import console
from ledger_pipelines.errors import LedgerError

if TYPE_CHECKING:
    from benchmarks.accrual_run import Figures as AccrualFigures
    from benchmarks.cfo_run import Figures as CfoFigures
    from benchmarks.console_run import Figures as ConsoleFigures
    from benchmarks.document_run import Figures as DocumentFigures
    from benchmarks.posting_run import Figures as PostingFigures
    from benchmarks.saft_run import Figures as SaftFigures
    from benchmarks.statement_run import Figures

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
    months: Annotated[int, typer.Option(min=1, max=12, help="Length of the range that is compared.")] = 12,
) -> None:
    """Measures a SAF-T import, statements, their posting and documents, accruals, the CFO sync and the console."""
    try:
        from benchmarks import accrual_run, cfo_run, document_run, posting_run, saft_run, statement_run
    except ModuleNotFoundError:
        raise LedgerError("The benchmarks are part of a checkout: run `make bench` in one.") from None
    with console.status("Starting a database of its own") as status:
        # First, for the peak of memory is the process's.
        if saft_lines:
            console.print(_saft_table(saft_run.measure(saft_lines, status.update)))
        if companies:
            statements = statement_run.measure(companies, months, status.update)
            console.print(_seconds(statements), _ratios(statements))
            console.print(_posting_table(posting_run.measure(companies, status.update)))
            console.print(_document_table(document_run.measure(companies, status.update)))
        if contracts:
            accruals = accrual_run.measure(contracts, _ACCRUAL_MONTHS, status.update)
            console.print(_accrual_seconds(accruals), _accrual_ratios(accruals))
        if invoices:
            console.print(_cfo_table(cfo_run.measure(invoices, status.update)))
        if console_companies:
            from benchmarks import console_run

            of_console = console_run.measure(console_companies, status.update)
            console.print(_console_table(of_console), _readings_table(of_console))


def _accrual_seconds(figures: AccrualFigures) -> Table:
    title = f"Accruals of {_ACCRUAL_MONTHS} months: medians of three"
    table = Table("What", "Rows", "Seconds", title=title, title_justify="left")
    rows = [
        ("Bare COPY out of the inputs", figures.input_rows, figures.bare_copy_out),
        ("Bare COPY in of the outputs", figures.output_rows, figures.bare_copy_in),
        ("Accrual run of new months", figures.output_rows, figures.run),
        ("The same months run again", figures.output_rows, figures.run_again),
        ("The rules alone (contract-months)", figures.contract_months, figures.rules),
    ]
    for name, count, seconds in rows:
        table.add_row(name, f"{count:,}", f"{seconds:.3f}")
    return table


def _cfo_table(figures: CfoFigures) -> Table:
    title = f"CFO sync of {figures.invoices:,} invoices: medians of three"
    table = Table("What", "Measured", "Promised", title=title, title_justify="left")
    table.add_row("One bare INSERT, seconds", f"{figures.bare_insert:.3f}", "")
    table.add_row("Sync, seconds", f"{figures.sync:.3f}", "")
    table.add_row("Invoices a second", f"{figures.invoices / figures.sync:,.0f}", "")
    _add(table, "Sync / bare INSERT", figures.sync / figures.bare_insert, 10.0, "at most 10.00")
    return table


def _posting_table(figures: PostingFigures) -> Table:
    title = f"Posting of {figures.entries:,} statements: medians of five"
    table = Table("What", "Measured", "Promised", title=title, title_justify="left")
    table.add_row("Bare COPY in of the entries and lines, seconds", f"{figures.bare_copy_in:.3f}", "")
    table.add_row("Posting, seconds", f"{figures.post:.3f}", "")
    table.add_row("The same month again, seconds", f"{figures.post_again:.3f}", "")
    _add(table, "Posting / bare COPY", figures.post / figures.bare_copy_in, 4.0, "at most 4.00")
    return table


def _document_table(figures: DocumentFigures) -> Table:
    title = f"Documents of {figures.statements:,} statements"
    table = Table("What", "Measured", "Promised", title=title, title_justify="left")
    table.add_row("The first PDF of a process, seconds", f"{figures.first_pdf:.3f}", "")
    _add(table, "PDF, median, milliseconds", 1000 * figures.pdf, 300, "under 300")
    _add(table, "PDF, slowest, milliseconds", 1000 * figures.slowest_pdf, 300, "under 300")
    table.add_row(f"One PDF of {figures.in_book:,} statements, seconds", f"{figures.book:.3f}", "")
    for kind, archive in (("CSV", figures.csv_archive), ("PDF", figures.pdf_archive)):
        read = "" if archive.is_whole else " (not read to its end)"
        _add(table, f"ZIP of {kind}, first byte, seconds", archive.first_byte, 2, "under 2")
        table.add_row(f"ZIP of {kind}{read}, seconds", f"{archive.seconds:.1f}", "")
        table.add_row(f"ZIP of {kind}{read}, MB", f"{archive.megabytes:.1f}", "")
        _add(table, f"ZIP of {kind}, growth of memory, MB", archive.growth, 100, "under 100")
    return table


def _console_table(figures: ConsoleFigures) -> Table:
    title = f"Console on a book of {figures.companies:,} companies"
    table = Table("What", "Measured", "Promised", title=title, title_justify="left")
    _add(table, "From its start to its first answer, median, seconds", figures.start, 2, "under 2")
    table.add_row("  of these the processor's, seconds", f"{figures.start_cpu:.2f}", "")
    _add(table, "Memory at its first answer, MB", figures.start_megabytes, 250, "under 250")
    health = 1000 * max(figures.health.seconds)
    _add(table, "/health, Core and Dagster hanging, slowest, ms", health, 200, "under 200")
    _add(table, "Preview of twelve open months, median, ms", 1000 * figures.preview_year, 500, "under 500")
    _add(table, "Preview of all plans, median, seconds", figures.preview_plan, 5, "under 5")
    _add(table, "PDF, median, ms", 1000 * figures.pdf.median, 300, "under 300")
    _add(table, "PDF, p95, ms", 1000 * figures.pdf.p95, 300, "under 300")
    _add(table, "ZIP of CSV, first byte, seconds", figures.archive_first_byte, 2, "under 2")
    table.add_row("ZIP of CSV, seconds", f"{figures.archive_seconds:.1f}", "")
    _add(table, "ZIP of CSV, growth of memory, MB", figures.archive_growth, 100, "under 100")
    table.add_row("Memory at the end, MB", f"{figures.megabytes:.0f}", "")
    return table


def _readings_table(figures: ConsoleFigures) -> Table:
    from benchmarks.console_run import DASHBOARD, PAGE, READERS, STATEMENT

    closed = f"a month was billed and posted {figures.closed_meanwhile} times meanwhile"
    table = Table("What", "Measured", "Promised", title=f"{READERS} readers; {closed}", title_justify="left")
    limits = {PAGE: 1_000, DASHBOARD: 300, STATEMENT: 150}
    for name, times in figures.readings.items():
        limit = limits.get(name)
        table.add_row(f"{name}, requests", f"{len(times.seconds):,}", "")
        table.add_row(f"{name}, median, ms", f"{1000 * times.median:,.0f}", "")
        _add(table, f"{name}, p95, ms", 1000 * times.p95, limit, "" if limit is None else f"under {limit:,}")
        largest = (300, "under 300") if name == PAGE else (None, "")
        _add(table, f"{name}, largest, KB", times.largest / 1000, *largest)
    return table


def _saft_table(figures: SaftFigures) -> Table:
    title = f"SAF-T import of {figures.lines:,} lines, {figures.megabytes:,.0f} MB"
    table = Table("What", "Measured", "Promised", title=title, title_justify="left")
    table.add_row("Reading the XML barely, seconds", f"{figures.bare_read:.3f}", "")
    table.add_row("Bare COPY of the same rows, seconds", f"{figures.bare_copy_in:.3f}", "")
    table.add_row("Import, seconds", f"{figures.run:.3f}", "")
    table.add_row("The same file again, seconds", f"{figures.run_again:.3f}", "")
    _add(table, "Import / reading and COPY", figures.run / figures.bare, 3.0, "at most 3.00")
    _add(table, "Peak memory, MB", figures.peak_megabytes, 500, "under 500")
    return table


def _accrual_ratios(figures: AccrualFigures) -> Table:
    table = Table("Ratio", "Measured", "Promised", title="Ratios", title_justify="left")
    _add(table, "Accrual run / bare COPY", figures.run / figures.bare, 3.0, "at most 3.00")
    rate = figures.contract_months / figures.rules
    _add(table, "Contract-months a second in the rules", rate, None, "at least 100,000")
    return table


def _seconds(figures: Figures) -> Table:
    table = Table("What", "Rows", "Seconds", title="Statements: medians of three", title_justify="left")
    rows = [
        ("Bare COPY out of the inputs", figures.input_rows, figures.bare_copy_out),
        ("Bare COPY in of the outputs", figures.output_rows, figures.bare_copy_in),
        ("Statement run of a new month", figures.output_rows, figures.run),
        ("The same month run again", figures.output_rows, figures.run_again),
        ("The rules alone (lines)", figures.lines, figures.rules),
    ]
    for name, count, seconds in rows:
        table.add_row(name, f"{count:,}", f"{seconds:.3f}")
    return table


def _ratios(figures: Figures) -> Table:
    table = Table("Ratio", "Measured", "Promised", title="Ratios", title_justify="left")
    _add(table, "Statement run / bare COPY", figures.run / figures.bare, 1.5, "at most 1.50")
    _add(table, "Lines a second in the rules", figures.lines / figures.rules, None, "at least 800,000")
    if figures.months:
        name = f"{figures.months} months as one range / one month alone"
        limit = 10.0 if figures.months == 12 else None
        _add(table, name, figures.year / figures.single, limit, "at most 10.00 for 12")
    _add(table, "Peak memory, MB", figures.peak_megabytes, 2048, "under 2,048")
    return table


def _add(table: Table, name: str, value: float, limit: float | None, promised: str) -> None:
    text = f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    table.add_row(name, f"[red]{text}[/]" if limit is not None and value > limit else text, promised)
