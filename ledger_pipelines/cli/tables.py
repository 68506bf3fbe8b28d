"""What commands print of a run: tables, checks and integration errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ledger_pipelines.money import format_amount, format_money
from ledger_pipelines.months import format_month
from ledger_pipelines.wording import counted

if TYPE_CHECKING:
    from ledger_pipelines.closing.readiness import Reason
    from ledger_pipelines.runs.jobs import CheckOutcome
    from ledger_pipelines.store.queries.summaries import (
        ControlAccount,
        DeferredRevenue,
        IncompleteStatement,
        MonthSummary,
    )


def print_statements(summaries: Sequence[MonthSummary], console: Console) -> None:
    """A row for each month and currency with statements."""
    if not summaries:
        return
    table = _table("Statements", ("Month", "Status"), ("Statements", "Lines", "Total"))
    for month in summaries:
        table.add_row(
            format_month(month.month),
            "final" if month.is_closed else "draft",
            f"{month.statements:,}",
            f"{month.lines:,}",
            format_money(month.total, month.currency),
        )
    console.print(table)


def print_deferred_revenue(rows: Sequence[DeferredRevenue], console: Console) -> None:
    """A row for each month and currency with contracts."""
    if not rows:
        return
    table = _table("Deferred revenue", ("Month", "Cur."), ("Opening", "Invoiced", "Recognised", "Closing"))
    # Without lines between the columns: twelve digits must fit a narrow terminal, and no amount may be cut.
    table.box = SIMPLE_HEAD
    for row in rows:
        amounts = (row.opening, row.invoiced, row.recognised, row.closing)
        table.add_row(
            format_month(row.month),
            row.currency,
            *(format_amount(amount, row.currency) for amount in amounts),
        )
    console.print(table)
    notices = {format_month(row.month): row.notices for row in rows if row.notices}
    if notices:
        summary = ", ".join(f"{count} in {month}" for month, count in notices.items())
        console.print(f"Accrual notices: {summary}.", highlight=False)


def print_control_accounts(rows: Sequence[ControlAccount], console: Console) -> None:
    """A row for each month, account and currency that the general ledger and its sub-ledgers were compared on."""
    if not rows:
        return
    table = _table("General ledger", ("Month", "Account", "Cur."), ("Ledger", "Sub-ledger", "Unexplained"))
    table.box = SIMPLE_HEAD
    for row in rows:
        amounts = (row.ledger_balance, row.sub_ledger_balance, row.unexplained)
        cells = [format_amount(amount, row.currency) for amount in amounts]
        if row.unexplained:
            cells[-1] = f"[red]{cells[-1]}[/]"
        table.add_row(format_month(row.month), row.account, row.currency, *cells)
    console.print(table)


def print_changes(changes: Mapping[str, Mapping[str, int]], console: Console) -> None:
    """A row for each table that a run wrote."""
    if not changes:
        return
    table = _table("Rows", ("Table",), ("Added", "Removed", "Unchanged"))
    for name, counts in changes.items():
        table.add_row(name, *(f"{counts[key]:,}" for key in ("added", "removed", "unchanged")))
    console.print(table)


def print_checks(checks: Sequence[CheckOutcome], console: Console) -> None:
    """How many checks passed, and what each of the others says."""
    failed = [check for check in checks if not check.passed]
    wrong = sum(check.is_error for check in failed)
    summary = [f"{len(checks) - len(failed)} passed", f"{len(failed) - wrong} warn"] + [
        f"[red]{wrong} failed[/]"
    ] * (wrong > 0)
    console.print(f"Checks: {', '.join(summary)}.")
    for check in failed:
        colour, word = ("red", "ERROR") if check.is_error else ("yellow", "WARN")
        console.print(f"[{colour}]{word}[/] {check.asset} {check.check}", highlight=False)
        for line in check.description.splitlines():
            # Under its heading, also where a narrow terminal wraps it.
            console.print(Padding(Text(line), (0, 0, 0, 2)))


def print_incomplete(statements: Sequence[IncompleteStatement], console: Console) -> None:
    """A line for each statement that charges what was read before, because a part of its company could not be read."""
    for one in statements:
        console.print(
            f"[yellow]{format_month(one.month)} {escape(one.account_number)}:[/] {one.parts} could not be read, and are "
            "billed as they were before.",
            highlight=False,
        )


def print_reasons(reasons: Sequence[Reason], console: Console) -> None:
    """A line for all that prevents closing months; errors with the number by which they can be ignored."""
    for reason in reasons:
        number = "" if reason.error_id is None else f" (error {reason.error_id})"
        console.print(
            f"[red]Stands against closing:[/] {escape(reason.subject)}{number}: {escape(reason.message)}",
            highlight=False,
        )


def print_errors(errors: Sequence[tuple[str, str, int, str]], console: Console) -> None:
    """How many integration errors each operation has, with one of their messages."""
    for integration, operation, count, message in errors:
        more = f" … and {count - 1} more" if count > 1 else ""
        console.print(
            f"[yellow]{integration} {operation}: {counted(count, 'integration error')}.[/] {escape(message)}{more}",
            highlight=False,
        )


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table
