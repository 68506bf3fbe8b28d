"""`ledger months` and `ledger history`: which months are open or closed, and what of the past was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.cli.context import console, enter, person, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import format_money
from ledger_pipelines.months import describe_months, format_month, parse_month

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger_pipelines.store.queries.month_overview import MonthOverview


def months() -> None:
    """Says of each month whether it is open or closed, by whom and when, what it billed and what its checks found."""
    from ledger_pipelines.store.queries.month_overview import month_overviews

    with enter().connect() as connection:
        overviews = month_overviews(connection)
    if not overviews:
        console.print("No month was closed or read yet: `ledger close MONTH` does.")
        return
    console.print(_table(overviews))


def history(
    nothing_before: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM", help="There is nothing to be read before this month; kept with your name."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why there is nothing.")] = None,
) -> None:
    """Says which months were read from the sources, or that there is nothing before one."""
    from ledger_pipelines.store.history import READ_BY_MONTH
    from ledger_pipelines.workflows.history import begin_history, read_history

    month = None if nothing_before is None else parse_month(nothing_before)
    if month is None and reason is not None:
        raise LedgerError("--reason says why there is nothing before a month: name it with --nothing-before.")
    database = enter()
    if month is not None:
        begin_history(database, month, person=person(), reason=reason or "", today=today())
    past = read_history(database, today())
    console.print(f"The ledger's first month is {format_month(past.first_month)}.", highlight=False)
    if past.start is not None:
        console.print(
            f"There is nothing before {format_month(past.start.month)}, says {escape(past.start.person)} "
            f"({past.start.decided_at:%Y-%m-%d}): {escape(past.start.reason)}",
            highlight=False,
        )
    for table, unread in past.unread.items():
        state = f"never read: {describe_months(unread)}" if unread else "every month was read"
        console.print(f"{table.capitalize()} from {READ_BY_MONTH[table]}: {state}.", highlight=False)


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
        totals = [format_money(total, currency) for currency, total in sorted(month.totals.items())]
        table.add_row(
            format_month(month.month),
            "closed" if month.is_closed else "open",
            f"{month.statements:,}" if month.statements else "",
            "\n".join(totals),
            _checks(month),
            f"{escape(month.closed_by or '')}\n{month.closed_at:%Y-%m-%d %H:%M}" if month.closed_at else "",
        )
    return table


def _checks(month: MonthOverview) -> str:
    if month.checks == 0:
        return "never checked"
    parts = [f"{month.checks - month.warnings - month.failures} passed"]
    parts += [f"[yellow]{month.warnings} warn[/]"] * (month.warnings > 0)
    parts += [f"[red]{month.failures} failed[/]"] * (month.failures > 0)
    return ", ".join(parts)
