"""The address of every page: those without parameters as they are, of each other route one at least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from fastapi.routing import APIRoute

from ledger_pipelines.console.pages import ROUTERS
from ledger_pipelines.store.database import Database

#: Routes of pages that answer with a file, or only lead on.
_NO_PAGES = {
    "/accruals/export",
    "/dashboard.csv",
    "/dashboard.xlsx",
    "/ledgers/export",
    "/login",
    "/login/callback",
    "/login/callback/{state}",
}
#: What a page is asked for, by its route; in the parameters `{…}` is something of the book.
_ASKED: Mapping[str, tuple[str, ...]] = {
    "/": ("/", "/?month=2025-01&sort=-total"),
    "/client/{account}": ("/client/{account}?month=2025-03", "/client/{account}?month=2025-01"),
    "/client/{account}/why": (
        "/client/{account}/why?month=2025-03&source_type={source_type}&source_id={source_id}",
    ),
    "/client/{account}/changes": ("/client/{account}/changes?month=2025-03",),
    "/client/{account}/settings": (
        "/client/{account}/settings",
        "/client/{account}/settings?part=devices",
        "/client/{account}/settings?part=people",
        "/client/{account}/settings?edit=charge",
    ),
    "/accruals/contract": ("/accruals/contract?contact={contact}&service={service}&currency={currency}",),
    "/errors": ("/errors", "/errors?status=all"),
    "/history/{edit_id}": ("/history/{edit}",),
    "/ledgers/party": ("/ledgers/party?party={party}",),
    "/periods/{month}": ("/periods/2025-01", "/periods/2025-03"),
    "/periods/closing/{request_id}": (),
    "/search": ("/search?q={account}", "/search?q=a"),
    "/sync/executions/{execution_id}": ("/sync/executions/{execution}",),
    "/sync/requests/{request_id}": (),
    "/admin/pullers/runs/{run_id}": ("/admin/pullers/runs/{run}",),
}


def paths() -> Iterator[str]:
    """The path of every route that answers with a page."""
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            if "GET" in route.methods and route.path not in _NO_PAGES:
                yield route.path


def addresses(database: Database) -> list[str]:
    """The address of every page of a book. Fails where a route has none."""
    known = records(database)
    found: list[str] = []
    for path in paths():
        assert "{" not in path or path in _ASKED, f"the pages of {path} have no address here"
        found += [asked.format_map(known) for asked in _ASKED.get(path, (path,))]
    return found


def records(database: Database) -> dict[str, str]:
    """Something of the book for each parameter of an address."""
    with database.connect() as connection:

        def one(query: str) -> str:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None, query
            return str(row[0])

        account = one("SELECT min(account_number) FROM companies")
        line = f"FROM billing_statement_lines WHERE month = '2025-03-01' AND account_number = '{account}'"
        contract = "FROM monthly_accruals ORDER BY month, contact_id, service_id"
        return {
            "account": account,
            "source_type": one(f"SELECT source_type {line} ORDER BY source_type, source_id"),
            "source_id": one(f"SELECT source_id {line} ORDER BY source_type, source_id"),
            "contact": one(f"SELECT contact_id {contract}"),
            "service": one(f"SELECT service_id {contract}"),
            "currency": one(f"SELECT currency {contract}"),
            "party": quote(one("SELECT min(party) FROM customer_ledger")),
            "edit": one("SELECT min(id) FROM edits"),
            "execution": one("SELECT max(id) FROM sync_executions"),
            "run": one("SELECT metadata->>'dagster_run_id' FROM sync_executions ORDER BY id DESC"),
        }
