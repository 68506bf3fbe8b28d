"""Whole books in the test's own process: every source of the sandbox behind a server that distorts its lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from ledger_pipelines.definitions import definitions
from ledger_pipelines.orchestration.orphaned_runs import ATTENDED_TAG
from ledger_pipelines.orchestration.partitions import partition_key
from ledger_pipelines.sandbox.server import Sandbox
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.integration_errors import ignore_error
from ledger_pipelines.store.run_processes import held_run
from ledger_pipelines_tests.hostile.distorting import Distortion
from ledger_pipelines_tests.unrecorded import unrecorded

#: What a month says in money, and of how many.
_MONEY = {
    "statements": "SELECT month, account_number, total FROM billing_statements",
    "lines": "SELECT month, account_number, source_type, source_id, quantity, amount FROM billing_statement_lines",
    "invoices": "SELECT month, id, total FROM invoices",
    "accruals": "SELECT month, contact_id, service_id, contract_number, recognised, recognised_to_date, invoiced "
    "FROM monthly_accruals",
    "deferred": "SELECT month, currency, opening, invoiced, recognised, closing FROM deferred_revenue",
}


@dataclass(frozen=True)
class Books:
    """A ledger, and the sandbox that it reads through `distortion`."""

    database: Database
    sandbox: Sandbox
    distortion: Distortion

    def run(self, months: Sequence[date]) -> list[str]:
        """Reads, bills and accrues the months; what failed, in a sentence each."""
        run_id = str(uuid4())
        tags = {
            "dagster/asset_partition_range_start": partition_key(months[0]),
            "dagster/asset_partition_range_end": partition_key(months[-1]),
            ATTENDED_TAG: run_id,
        }
        job = definitions().resolve_job_def("month_close")
        with held_run(self.database, run_id), unrecorded() as instance:
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                tags=tags,
                raise_on_error=False,
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "ops": {"codex": {"config": {"refresh_snapshots": True}}},
                },
            )
        failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        return [
            str(one.user_failure_data.description if one.user_failure_data else one.error) for one in failed
        ]

    def money(self) -> dict[str, list[Any]]:
        """Every amount of every month, with whose it is, in order."""
        return {name: sorted(self.rows(query), key=repr) for name, query in _MONEY.items()}

    def now(self) -> Any:
        """The database's clock."""
        ((moment,),) = self.rows("SELECT clock_timestamp()")
        return moment

    def open_since(self, moment: Any) -> list[tuple[int, str, str, str]]:
        """The open errors seen since then: id, integration, entity type and message."""
        return self.rows(
            "SELECT id, integration_name, entity_type, error_message FROM integration_errors "
            "WHERE last_seen_at >= %s AND NOT is_resolved AND NOT is_ignored ORDER BY id",
            moment,
        )

    def confirm(self, error_id: int) -> None:
        """What a person does with `ledger errors ignore`."""
        with self.database.connect() as connection:
            ignore_error(connection, error_id, "It is so.")

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query gives."""
        with self.database.connect() as connection:
            return connection.execute(query.encode(), values or None).fetchall()
