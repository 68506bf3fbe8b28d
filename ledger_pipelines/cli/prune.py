"""`ledger prune`: old runs removed from Dagster's history."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from ledger_pipelines.cli.context import console, enter
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.wording import counted


def prune(
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            help="How old runs may get, such as 400d; LEDGER_KEEP_RUNS_DAYS if not set.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many there are.")] = False,
) -> None:
    """Removes old runs from Dagster's history; the books, and each month's latest state in Dagster, stay."""
    from ledger_pipelines.runs.pruning import prune_history
    from ledger_pipelines.settings import read_settings

    days = _days(older_than) if older_than is not None else read_settings().keep_runs_days
    if days is None:
        raise LedgerError("Say how old runs may get: --older-than 400d, or LEDGER_KEEP_RUNS_DAYS=400.")
    database = enter()
    with console.status("Removing old runs"):
        pruned = prune_history(database, days, now=datetime.now(UTC), dry_run=dry_run)
    verb = "There are" if dry_run else "Removed"
    console.print(
        f"{verb} {counted(len(pruned.removed), 'run')} that ended more than {days:,} days ago; "
        f"{counted(pruned.retained, 'older one')} {'stays' if pruned.retained == 1 else 'stay'}: the latest of a month, "
        "a check or a job.",
        highlight=False,
        soft_wrap=True,
    )


def _days(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})d?", text.strip())
    if match is None:
        raise LedgerError(f"{text!r} is no number of days: write it like 400d.")
    return int(match[1])
