"""Links to Dagster's own pages: it has no sign-in, so they are for admins, and only where they lead somewhere."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request

from ledger_pipelines.console.context import Console
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.same_origin import is_loopback


def dagster_address(request: Request, console: Console, person: Person) -> str | None:
    """Where this person's browser reaches Dagster's pages; None where it does not, or they are not for them.

    It is the public address; without one, and on the machine itself, the address that the console asks at.
    """
    if person.permission != "admin":
        return None
    if console.settings.dagster_public_url is not None:
        return console.settings.dagster_public_url.rstrip("/")
    if is_loopback(request.url.hostname or "") and not request.scope.get("root_path"):
        return console.settings.dagster_webserver_url.rstrip("/")
    return None


def run_address(address: str | None, run_id: str) -> str | None:
    """Dagster's page of a run."""
    return None if address is None else f"{address}/runs/{quote(run_id, safe='')}"
