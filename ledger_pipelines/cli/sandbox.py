"""`ledger sandbox`: the stand-ins of the outside systems alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ledger_pipelines.cli.context import console, today
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import parse_month


def sandbox(
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port to listen on, on this machine only; 0 takes a free one."),
    ] = 5999,
    companies: Annotated[int, typer.Option(min=1)] = 40,
    students: Annotated[int, typer.Option(min=0, help="Students beside the school's named cases.")] = 150,
    invoices: Annotated[int, typer.Option(min=0, help="Their invoices and credit notes.")] = 450,
    seed: Annotated[int, typer.Option(help="The same seed gives the same history.")] = 7,
    faults: Annotated[float, typer.Option(min=0, max=0.9, help="Share of requests that go wrong.")] = 0.0,
    replay: Annotated[Path | None, typer.Option(help="Serve the recorded responses of this folder.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Last day of the history, YYYY-MM-DD; today if not set.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="First day of the school's history, YYYY-MM-DD; two years before the last if not set."
        ),
    ] = None,
) -> None:
    """Runs only the stand-ins of the outside systems."""
    from ledger_pipelines.sandbox.config import SandboxConfig
    from ledger_pipelines.sandbox.registry import environment
    from ledger_pipelines.sandbox.server import serve

    config = SandboxConfig(
        companies=companies,
        students=students,
        invoices=invoices,
        seed=seed,
        faults=faults,
        replay=replay,
        until=_day(until) or today(),
        since=_day(since),
    )

    def announce(base_url: str) -> None:
        usual = environment(base_url)
        for name, value in environment(base_url, with_optional=True).items():
            # As a comment of a .env: with these, Codex's ticket hours and backup data are not read.
            mark = "" if name in usual else "# "
            console.print(f"{mark}{name}={value}", highlight=False, soft_wrap=True)

    serve(config, port, ready=announce)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise LedgerError(f"{text!r} is not a day: write it as YYYY-MM-DD.") from None
    # The history before the day, and what is due after it, must be dates, too.
    parse_month(text[:7])
    return day
