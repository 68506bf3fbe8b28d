"""`ledger doctor` and `ledger token`: are the outside systems there, and who are we to them."""

from __future__ import annotations

from collections.abc import Callable

import requests
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.environment import codex_client, fourgeeks_client, holded_client, notion_client
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.settings import SOURCES, Settings, read_settings
from ledger_pipelines.sources.base import Source

#: Each source's name in the settings, what makes its client, and what it shows.
_SOURCES: tuple[tuple[str, Callable[[Settings], Source], str], ...] = (
    ("codex", codex_client, "companies"),
    ("holded", holded_client, "sales channels"),
    ("4geeks", fourgeeks_client, "students"),
    ("notion", notion_client, "pages"),
)


def run(console: Console) -> bool:
    """Prints a line for each source of which anything is set; true when all of them answer."""
    settings = read_settings()
    begun = [entry for entry in _SOURCES if settings.is_begun(entry[0])]
    if not begun:
        raise LedgerError(
            "No source is configured: set CODEX_URL and CORE_URL, or HOLDED_API_KEY, or run `ledger up --demo`."
        )
    table = Table("Source", "Answers", "We are", "Shows", title="Sources", title_justify="left")
    details = []
    for source, client_of, records in begun:
        if missing := settings.missing_for(source):
            table.add_row(SOURCES[source], "[red]not asked[/]", "", "")
            details.append(f"{SOURCES[source]} is not used, for {missing} is not set.")
            continue
        client = client_of(settings)
        with console.status(f"Asking {client.name}"):
            check = client.check()
        client.close()
        shown = "" if check.records is None else f"{check.records:,} {records}"
        table.add_row(
            check.name, "[green]yes[/]" if check.ok else "[red]no[/]", escape(check.identity or ""), shown
        )
        if not check.ok:
            details.append(check.detail)
    console.print(table)
    for detail in details:
        console.print(f"[red]{escape(detail)}[/]", highlight=False, soft_wrap=True)
    return not details


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
