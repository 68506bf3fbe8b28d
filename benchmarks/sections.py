"""What each benchmark's figures say, and what was promised of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import Measure, Section

if TYPE_CHECKING:
    from benchmarks import (
        accrual_run,
        cfo_run,
        close_run,
        console_run,
        document_run,
        posting_run,
        saft_run,
        statement_run,
    )


def of_saft(figures: saft_run.Figures) -> Section:
    """A SAF-T import beside reading the XML and copying its rows."""
    return Section(
        f"SAF-T import of {figures.lines:,} lines, {figures.megabytes:,.0f} MB",
        [
            Measure("Reading the XML barely", figures.bare_read),
            Measure("Bare COPY of the same rows", figures.bare_copy_in),
            Measure("Import", figures.run),
            Measure("The same file again", figures.run_again),
            Measure("Import / reading and COPY", figures.run / figures.bare, "ratio", 3),
            Measure("Peak memory", figures.peak_megabytes, "MB", 500),
        ],
    )


def of_statements(figures: statement_run.Figures) -> Section:
    """A month's statements beside copying their inputs out and their rows in."""
    rate = figures.lines / figures.rules
    measures = [
        Measure("Rows of the inputs", figures.input_rows, "rows"),
        Measure("Rows of the outputs", figures.output_rows, "rows"),
        Measure("Bare COPY out of the inputs", figures.bare_copy_out),
        Measure("Bare COPY in of the outputs", figures.bare_copy_in),
        Measure("Statement run of a new month", figures.run),
        Measure("The same month run again", figures.run_again),
        Measure("Statement run / bare COPY", figures.run / figures.bare, "ratio", 1.5),
        Measure("The rules alone", figures.rules),
        Measure("Lines in the rules", rate, "a second", 800_000, is_least=True),
    ]
    if figures.months:
        name = f"{figures.months} months as one range / one month alone"
        limit = 10 if figures.months == 12 else None
        measures.append(Measure(name, figures.year / figures.single, "ratio", limit))
    measures.append(Measure("Peak memory", figures.peak_megabytes, "MB", 2048))
    return Section("Statements", measures)


def of_posting(figures: posting_run.Figures) -> Section:
    """Posting a month's statements beside copying its entries and lines."""
    return Section(
        f"Posting of {figures.entries:,} statements",
        [
            Measure("Bare COPY in of the entries and lines", figures.bare_copy_in),
            Measure("Posting", figures.post),
            Measure("The same month again", figures.post_again),
            Measure("Posting / bare COPY", figures.post / figures.bare_copy_in, "ratio", 4),
        ],
    )


def of_documents(figures: document_run.Figures) -> Section:
    """Statements as PDF and as ZIP."""
    measures = [
        Measure("The first PDF of a process", figures.first_pdf),
        Measure("PDF, median", 1000 * figures.pdf, "ms", 300),
        Measure("PDF, slowest", 1000 * figures.slowest_pdf, "ms", 300),
        Measure(f"One PDF of {figures.in_book:,} statements", figures.book),
    ]
    for kind, archive in (("CSV", figures.csv_archive), ("PDF", figures.pdf_archive)):
        read = "" if archive.is_whole else ", not read to its end"
        measures += [
            Measure(f"ZIP of {kind}, first byte", archive.first_byte, "s", 2),
            Measure(f"ZIP of {kind}{read}", archive.seconds),
            Measure(f"ZIP of {kind}{read}, size", archive.megabytes, "MB"),
            Measure(f"ZIP of {kind}{read}, growth of memory", archive.growth, "MB", 100),
        ]
    return Section(f"Documents of {figures.statements:,} statements", measures)


def of_accruals(figures: accrual_run.Figures, months: int) -> Section:
    """Accruals beside copying their inputs out and their rows in."""
    rate = figures.contract_months / figures.rules
    return Section(
        f"Accruals of {months} months, {figures.contract_months:,} contract-months",
        [
            Measure("Bare COPY out of the inputs", figures.bare_copy_out),
            Measure("Bare COPY in of the outputs", figures.bare_copy_in),
            Measure("Accrual run of new months", figures.run),
            Measure("The same months run again", figures.run_again),
            Measure("Accrual run / bare COPY", figures.run / figures.bare, "ratio", 3),
            Measure("The rules alone", figures.rules),
            Measure("Contract-months in the rules", rate, "a second", 100_000, is_least=True),
        ],
    )


def of_cfo(figures: cfo_run.Figures) -> Section:
    """Handing paid invoices over beside one INSERT of the same rows."""
    return Section(
        f"CFO sync of {figures.invoices:,} invoices",
        [
            Measure("One bare INSERT", figures.bare_insert),
            Measure("Sync", figures.sync),
            Measure("Invoices", figures.invoices / figures.sync, "a second"),
            Measure("Sync / bare INSERT", figures.sync / figures.bare_insert, "ratio", 10),
        ],
    )


def of_close(figures: close_run.Figures) -> Section:
    """A month closed by the command, from the sources' first byte to the last check."""
    from benchmarks.close_run import PROMISED_COMPANIES

    is_promised = figures.companies == PROMISED_COMPANIES
    measures = [
        Measure("Close of a new ledger's month", figures.seconds, "s", 22 if is_promised else None),
        *(Measure(f"  step {name}", seconds) for name, seconds in figures.steps.items()),
        Measure("The processor's time of it", figures.cpu),
        Measure("Peak memory", figures.peak_megabytes, "MB", 6000),
    ]
    return Section(f"Whole close of {figures.companies:,} companies", measures)


def of_console(figures: console_run.Figures) -> Section:
    """The console's start and its answers, one at a time."""
    return Section(
        f"Console on a book of {figures.companies:,} companies",
        [
            Measure("From its start to its first answer, median", figures.start, "s", 2),
            Measure("  of these the processor's", figures.start_cpu),
            Measure("Memory at its first answer", figures.start_megabytes, "MB", 250),
            Measure(
                "/health, Core and Dagster hanging, slowest", 1000 * max(figures.health.seconds), "ms", 200
            ),
            Measure("Preview of twelve open months, median", 1000 * figures.preview_year, "ms", 500),
            Measure("Preview of all plans, median", figures.preview_plan, "s", 5),
            Measure("PDF, median", 1000 * figures.pdf.median, "ms", 300),
            Measure("PDF, p95", 1000 * figures.pdf.p95, "ms", 300),
            Measure("ZIP of CSV, first byte", figures.archive_first_byte, "s", 2),
            Measure("ZIP of CSV", figures.archive_seconds),
            Measure("ZIP of CSV, growth of memory", figures.archive_growth, "MB", 100),
            Measure("Memory at the end", figures.megabytes, "MB"),
        ],
    )


def of_readers(figures: console_run.Figures) -> Section:
    """The console's answers to many who ask at once."""
    from benchmarks.console_run import DASHBOARD, PAGE, READERS, STATEMENT

    limits, measures = {PAGE: 1_000, DASHBOARD: 300, STATEMENT: 150}, []
    for name, times in figures.readings.items():
        measures += [
            Measure(f"{name}, requests", len(times.seconds), ""),
            Measure(f"{name}, median", 1000 * times.median, "ms"),
            Measure(f"{name}, p95", 1000 * times.p95, "ms", limits.get(name)),
            Measure(f"{name}, largest", times.largest / 1000, "KB", 300 if name == PAGE else None),
        ]
    closed = f"a month was billed and posted {figures.closed_meanwhile} times meanwhile"
    return Section(f"{READERS} readers; {closed}", measures)
