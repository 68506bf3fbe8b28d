"""The accrual run: read what is known, apply the rule to all months at once, replace the months.

Without Dagster, so that the benchmark measures the same code that the asset runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
import pyarrow as pa

from ledger_pipelines.accruals.inputs import SCHEMAS, AccrualInputs
from ledger_pipelines.accruals.outputs import AccrualResult
from ledger_pipelines.frames import matching_rows
from ledger_pipelines.invoicing.service_periods import ROW_COLUMNS, present_periods
from ledger_pipelines.store.copy import read_months, read_table
from ledger_pipelines.store.queries.enrolled import read_enrolled, read_resigned
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.store.snapshots import newest_are_complete, read_newest_snapshot, read_times

#: Those in which a client who is not there has resigned, if all could be read.
_CRM_TABLES = ("clients", "enrollments", "external_ids")
OUTPUT_TABLES = ("monthly_accruals", "deferred_revenue", "accrual_notices")


def read_inputs(
    connection: psycopg.Connection,
    ledger_months: Sequence[date],
    closed: frozenset[date],
    period_columns: Sequence[str] = SCHEMAS["periods"].names,
) -> AccrualInputs:
    """What the rule needs for any months, as it is known now.

    Contracts and service periods of all of the ledger's months: which contract a period belongs to, and whether a
    client came back, depends on later ones, too. Of services, clients and pages the state that was read last; what
    closed months booked. `period_columns` are those of the service periods that are wanted.
    """
    columns = list(dict.fromkeys([*ROW_COLUMNS, *period_columns]))
    with one_view(connection):
        is_complete = newest_are_complete(connection, _CRM_TABLES)
        return AccrualInputs(
            contracts=read_months(connection, "contracts", ledger_months, SCHEMAS["contracts"].names),
            services=_services(connection),
            clients=_newest(connection, "clients"),
            periods=present_periods(
                read_months(connection, "enrollments", ledger_months, columns),
                read_times(connection, "enrollments"),
            ),
            enrolled=read_enrolled(connection),
            pages=_newest(connection, "external_ids"),
            booked=read_months(connection, "monthly_accruals", sorted(closed), SCHEMAS["booked"].names),
            closed_months=closed,
            crm_is_complete=is_complete,
            resigned=frozenset() if is_complete else read_resigned(connection),
        )


def frames_of(result: AccrualResult) -> dict[str, pa.Table]:
    """The result by the table that it fills."""
    frames = (result.accruals, result.deferred_revenue, result.notices)
    return dict(zip(OUTPUT_TABLES, frames, strict=True))


def contract_count(contracts: pa.Table) -> int:
    """How many clients, services and currencies there are among rows of `contracts`."""
    return contracts.group_by(["contact_id", "service_id", "currency"]).aggregate([]).num_rows


def _services(connection: psycopg.Connection) -> pa.Table:
    """The services with their terms, which people edit; null where nobody did, which is the default."""
    services, terms = read_newest_snapshot(connection, "services"), read_table(connection, "service_terms")
    if services is None:
        return SCHEMAS["services"].empty_table()
    edited = matching_rows(services, terms, {"id": "service_id"})
    rows = services.select(["id", "name"])
    for name in ("total_sessions", "sessions_per_week", "method"):
        rows = rows.append_column(name, edited[name])
    return rows


def _newest(connection: psycopg.Connection, table: str) -> pa.Table:
    """The table's state that was read last; nothing where its source is not used."""
    frame = read_newest_snapshot(connection, table)
    name = {"external_ids": "pages"}.get(table, table)
    return SCHEMAS[name].empty_table() if frame is None else frame
