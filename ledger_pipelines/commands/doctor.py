"""`ledger doctor` and `ledger token`: are the outside systems there, and who are we to them."""

from __future__ import annotations

import requests
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.environment import codex_client
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.settings import Settings, read_settings


def run(console: Console) -> bool:
    """Prints a line for each configured source; true when all of them answer."""
    settings = read_settings()
    if settings.codex_url is None:
        raise LedgerError("No source is configured: set CODEX_URL and CORE_URL, or run `ledger up --demo`.")
    table = Table("Source", "Answers", "We are", "Shows", title="Sources", title_justify="left")
    check = codex_client(settings).check()
    table.add_row(
        check.name,
        "[green]yes[/]" if check.ok else "[red]no[/]",
        check.identity or "",
        "" if check.records is None else f"{check.records:,} companies",
    )
    console.print(table)
    if not check.ok:
        console.print(f"[red]{escape(check.detail)}[/]", highlight=False, soft_wrap=True)
    return check.ok


def sandbox_token(user: str, permission: str) -> str:
    """A user's token from the sandbox's Core. Raises LedgerError when there is none, or Core is a real one."""
    settings: Settings = read_settings()
    core = settings.core_url or "http://127.0.0.1:5999/core"
    try:
        answer = requests.post(
            f"{core}/user-token", json={"user": user, "permission_level": permission}, timeout=10
        )
    except requests.RequestException:
        raise LedgerError(
            f"No sandbox answers at {core}: start one with `ledger sandbox` or `ledger up --demo`."
        ) from None
    if answer.status_code == requests.codes.bad_request:
        raise LedgerError(f"{permission!r} is no permission: choose admin, technician, billing or client.")
    if not answer.ok:
        raise LedgerError(
            f"{core} is not the sandbox's Core: tokens of a real Core come from signing in there."
        )
    try:
        return str(answer.json()["token"])
    except (ValueError, KeyError, TypeError):
        raise LedgerError(
            f"{core} is not the sandbox's Core: tokens of a real Core come from signing in there."
        ) from None
