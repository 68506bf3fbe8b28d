"""`ledger months`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.money import told_amount
from ledger_pipelines.months import format_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.queries.month_overview import MonthOverview, month_overviews


def run(database: Database, console: Console) -> None:
    """Prints each month: open or closed, by whom and when, its statements and totals, and what its checks found."""
    with database.connect() as connection:
        months = month_overviews(connection)
    if not months:
        console.print("No month was closed or read yet: `ledger close MONTH` does.")
        return
    console.print(_table(months))


def _table(months: Sequence[MonthOverview]) -> Table:
    table = Table(
        title="Months", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for name in ("Month", "Status"):
        table.add_column(name, no_wrap=True)
    for name in ("Statements", "Total"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Checks", no_wrap=True)
    table.add_column("Closed by", min_width=len("2026-01-01 12:00"), overflow="fold")
    for month in months:
        totals = [told_amount(total, currency) for currency, total in sorted(month.totals.items())]
        table.add_row(
            format_month(month.month),
            "closed" if month.is_closed else "open",
            f"{month.statements:,}" if month.statements else "",
            "\n".join(totals),
            _told_checks(month),
            f"{escape(month.closed_by or '')}\n{month.closed_at:%Y-%m-%d %H:%M}" if month.closed_at else "",
        )
    return table


def _told_checks(month: MonthOverview) -> str:
    if month.checks == 0:
        return "never checked"
    parts = [f"{month.checks - month.warnings - month.failures} passed"]
    parts += [f"[yellow]{month.warnings} warn[/]"] * (month.warnings > 0)
    parts += [f"[red]{month.failures} failed[/]"] * (month.failures > 0)
    return ", ".join(parts)
