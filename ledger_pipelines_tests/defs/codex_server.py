"""A Codex over HTTP whose companies and tickets a test sets, and the steps that read and bill it, in process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import dagster as dg
import pytest

from ledger_pipelines.definitions import definitions
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG
from ledger_pipelines.orchestration.partitions import partition_key
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.periods import close_months
from ledger_pipelines.store.run_processes import held_run
from ledger_pipelines_tests.billing.building import WORKED_RATES
from ledger_pipelines_tests.end_to_end.harness import CODEX_TABLES
from ledger_pipelines_tests.sources.conftest import Reply, ScriptedServer, Seen, problem_reply
from ledger_pipelines_tests.unrecorded import unrecorded

Ticket = dict[str, Any]


def shown(number: str, day: str | None, hours: Any, **more: Any) -> Ticket:
    """A ticket as Codex sends it."""
    updated = None if day is None else f"{day}T09:00:00Z"
    return {
        "ticket_id": int(number),
        "ticket_number": number,
        "created_at": "2024-01-02T09:00:00Z",
        "last_updated_at": updated,
        "total_hours_spent": hours,
        **more,
    }


class CodexServer(ScriptedServer):
    """Companies with their tickets, by account; those of `broken` companies (or of one's year) cannot be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.tickets: dict[str, list[Ticket]] = {}
        self.assets: dict[str, list[dict[str, Any]]] = {}
        self.broken: set[str | tuple[str, str]] = set()
        self.years: list[str | None] = []

    def take(self, seen: Seen) -> Reply:
        address = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/billing-plans/api/plans":
            plan = {"plan_name": "Standard", "term_length": "Month to Month"}
            rates = {name: float(rate) for name, rate in WORKED_RATES.items()}
            return _reply({"plans": [{**plan, **rates}]})
        if address.path == "/api/companies/bulk":
            self.years.append(query.get("year"))
            return _reply([self._entry(account, query.get("year", "")) for account in self.tickets])
        return problem_reply(404, "404 Not Found")

    def _entry(self, account: str, year: str) -> dict[str, Any]:
        some = [one for one in self.tickets[account] if (one["last_updated_at"] or "").startswith(year)]
        sent = None if {account, (account, year)} & self.broken else some
        assets = self.assets.get(account, [])
        return {
            "company": _company(account),
            "assets": assets,
            "contacts": [],
            "locations": [],
            "tickets": sent,
        }


def _company(account: str) -> dict[str, Any]:
    return {"account_number": account, "name": f"Company {account}", "billing_plan": "Standard"}


def _reply(value: Any) -> Reply:
    return Reply(body=json.dumps(value).encode())


@dataclass
class CodexLedger:
    """A ledger of its own on a Codex of its own."""

    server: CodexServer
    database: Database
    tables: Sequence[str] = CODEX_TABLES
    tickets: dict[str, list[Ticket]] = field(init=False)

    def __post_init__(self) -> None:
        self.tickets = self.server.tickets

    def run(self, *months: date, **config: bool) -> dict[str, str]:
        """Reads and bills the months from the first to the last; a step that fails fails the test."""
        run_id = str(uuid4())
        tags = {
            "dagster/asset_partition_range_start": partition_key(months[0]),
            "dagster/asset_partition_range_end": partition_key(months[-1]),
            ATTENDED_TAG: run_id,
        }
        ops: dict[str, Any] = {"codex": {"config": config}}
        if "backup_usage" in self.tables:
            refresh = config.get("refresh_snapshots", False)
            ops["backup_usage"] = {"config": {"refresh_snapshots": refresh}}
        job = definitions().resolve_job_def("month_close")
        with held_run(self.database, run_id), unrecorded() as instance:
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags=tags,
                asset_selection=[dg.AssetKey(table) for table in self.tables],
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "ops": ops,
                },
            )
            checks = [one for one in result.get_asset_check_evaluations() if one.partition is None]
        # Its months are long over, whenever the test runs.
        found = [one for one in checks if not one.passed and one.check_name != "snapshot_in_time"]
        return {one.check_name: one.description or "" for one in found}

    def close(self, *months: date) -> dict[str, str]:
        """Reads and bills the months and closes them for good; the checks that found something."""
        billed = self.run(*months)
        with self.database.connect() as connection:
            close_months(connection, months, person="Ada")
        return billed

    def hours(self, month: date) -> list[tuple[str, str, Decimal, Decimal]]:
        """The month's hour lines: account, what is billed, quantity, amount."""
        return self.fetch(
            "SELECT account_number, source_id, quantity, amount FROM billing_statement_lines "
            "WHERE kind = 'hours' AND month = %s ORDER BY 1, 2",
            month,
        )

    def incomplete(self) -> list[tuple[date, str, str]]:
        """The statements that say that a part could not be read: month, account and which."""
        return self.fetch(
            "SELECT month, account_number, incomplete_parts FROM billing_statements "
            "WHERE incomplete_parts IS NOT NULL ORDER BY 1, 2"
        )

    def errors(self) -> list[tuple[str, str]]:
        """The open integration errors: operation and message."""
        return self.fetch(
            "SELECT operation_type, error_message FROM integration_errors "
            "WHERE NOT is_resolved AND NOT is_ignored ORDER BY 1, 2"
        )

    def fetch(self, query: str, *parameters: Any) -> list[Any]:
        with self.database.connect() as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()


@contextmanager
def codex_ledger(
    database: Database,
    folder: Path,
    patch: pytest.MonkeyPatch,
    tables: Sequence[str] = CODEX_TABLES,
    **variables: str,
) -> Iterator[CodexLedger]:
    """A ledger on a Codex of its own and nothing else, but for what `variables` name; `folder` has no settings."""
    with CodexServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        patch.chdir(folder)
        for name in ("CORE_URL", "HOLDED_API_KEY", "FRESHSERVICE_URL", "FRESHSERVICE_API_KEY", "DATTO_URL"):
            patch.delenv(name, raising=False)
        own = {"LEDGER_DATABASE_URL": database.url, "CODEX_URL": server.url, "CODEX_API_KEY": "k"}
        for name, value in (own | variables).items():
            patch.setenv(name, value)
        yield CodexLedger(server, database, tables)
        server.over.set()
        server.shutdown()
        thread.join()
