"""Reconciliation, trial balance and VAT summary of some months: read, compute (rules/general_ledger.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
import pyarrow as pa

from ledger_pipelines.general_ledger.balances import MOVEMENTS
from ledger_pipelines.general_ledger.reconciliation import BALANCES, EXPLAINED, reconcile
from ledger_pipelines.general_ledger.trial_balance import trial_balance
from ledger_pipelines.general_ledger.vat_summary import VAT_LINES, vat_summary
from ledger_pipelines.months import month_of
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.store.queries.sub_ledgers import (
    read_balances,
    read_movements,
    read_vat_lines,
    read_without_contract,
)
from ledger_pipelines.store.snapshots import computed_months, record_snapshot
from ledger_pipelines.tables.sub_ledgers import LEDGER_RECONCILIATION
from ledger_pipelines.workflows.general_ledger.sub_ledgers import (
    CUSTOMER,
    INTEGRATION,
    OPERATION,
    RECONCILIATION,
    Span,
    SubLedgers,
    sub_ledgers,
)
from ledger_pipelines.workflows.step import Changes, Step

_DEFERRED = "deferred_revenue"
_TRIAL_BALANCE, _VAT_SUMMARY = REPORTS = ("trial_balance", "vat_summary")


@dataclass(frozen=True, slots=True)
class Updated:
    """The result of the sub-ledgers' step: what was computed, the reconciliation, and the changes by table and month."""

    found: SubLedgers
    compared: pa.Table
    changes: dict[str, Changes]


def update_sub_ledgers(step: Step, *, sync_start: date | None) -> Updated:
    """Makes the step's months of the sub-ledgers what the journal says, and compares them with it.

    So it does with open months that were computed before: they may rest on what an earlier one brings.
    """
    months = sorted({*step.months, *step.open(computed_months(step.connection, CUSTOMER))})
    found = sub_ledgers(step.connection, months, step.closed, sync_start=sync_start)
    changes: dict[str, Changes] = {**step.write(found.frames, months)}
    step.record(INTEGRATION, OPERATION, found.problems, months=months)
    compared = reconciliation(step.connection, found.spans)
    changes |= step.write({RECONCILIATION: compared}, months)
    record_snapshot(
        step.connection, CUSTOMER, step.open(months), taken_at=datetime.now(UTC), is_complete=True
    )
    return Updated(found, compared, changes)


def reconciliation(connection: psycopg.Connection, spans: Sequence[Span]) -> pa.Table:
    """The reconciliation of the spans' months, of the rows as the tables have them."""
    if not spans:
        return LEDGER_RECONCILIATION.schema.empty_table()
    months = sorted(month for span in spans for month in span.months)
    with one_view(connection):
        movements = read_movements(connection, MOVEMENTS, months[-1])
        balances, by_hand = [read_balances(connection, BALANCES, months)], [EXPLAINED.empty_table()]
        accounts = _accounts(connection)
        for number, _, role in accounts:
            if role == _DEFERRED:
                balances.append(_deferred(connection, number, months))
                by_hand.append(read_without_contract(connection, EXPLAINED, number, months[-1]))
    raised = _raised_by_credit(accounts)
    parts = [(span.months, pa.concat_tables([span.without_row, *by_hand])) for span in spans]
    items = pa.concat_tables(balances)
    return pa.concat_tables(
        reconcile(movements, raised, items, without_row, of_span) for of_span, without_row in parts
    )


def reconciliation_on(connection: psycopg.Connection, span: Span, items: pa.Table, day: date) -> pa.Table:
    """The control accounts as of a day within its month; `span` is of that month, with what has no row by then.

    `items` are what is left on the day, by `account`, `currency` and `remaining`. Deferred revenue is known by months.
    """
    accounts = [one for one in _accounts(connection) if one[1] is not None]
    month = month_of(day)
    balances = pa.table(
        [
            pa.array([month] * items.num_rows, pa.date32()),
            items["account"],
            items["currency"],
            items["remaining"],
        ],
        schema=BALANCES,
    )
    movements = read_movements(connection, MOVEMENTS, month, as_of=day)
    return reconcile(movements, _raised_by_credit(accounts), balances, span.without_row, [month])


def _accounts(connection: psycopg.Connection) -> list[tuple[str, str | None, str | None]]:
    return connection.execute(
        "SELECT number, control, role FROM accounts WHERE control IS NOT NULL OR role = %s ORDER BY 1",
        [_DEFERRED],
    ).fetchall()


def _raised_by_credit(accounts: Sequence[tuple[str, str | None, str | None]]) -> dict[str, bool]:
    return {number: control != "customer" for number, control, _ in accounts}


def _deferred(connection: psycopg.Connection, account: str, months: Sequence[date]) -> pa.Table:
    """What is deferred at each month's end, as the balance of the account that it stands on."""
    rows = read_months(connection, "deferred_revenue", months, ["month", "currency", "closing"])
    accounts = pa.array([account] * rows.num_rows, pa.string())
    return pa.table(
        [rows["month"], accounts, rows["currency"], rows["closing"].cast(BALANCES.field("balance").type)],
        schema=BALANCES,
    )


def update_reports(step: Step, *, fiscal_year: int) -> tuple[dict[str, pa.Table], dict[str, Changes]]:
    """Makes the step's months of trial balance and VAT summary what the journal says: the frames, and the changes.

    So it does with open months that were computed before: they carry on what an earlier one brings.
    """
    months = sorted({*step.months, *step.open(computed_months(step.connection, _TRIAL_BALANCE))})
    frames = reports(step.connection, months, fiscal_year=fiscal_year)
    changes: dict[str, Changes] = {**step.write(frames, months)}
    record_snapshot(
        step.connection, _TRIAL_BALANCE, step.open(months), taken_at=datetime.now(UTC), is_complete=True
    )
    return frames, changes


def reports(
    connection: psycopg.Connection, months: Sequence[date], *, fiscal_year: int
) -> dict[str, pa.Table]:
    """The months' trial balances and VAT summaries, by table; fiscal years begin with the month `fiscal_year`."""
    months = sorted(months)
    with one_view(connection):
        chart = connection.execute("SELECT number, kind, role FROM accounts").fetchall()
        vat_accounts = [number for number, _, role in chart if role is not None and _is_vat(role)]
        movements = read_movements(connection, MOVEMENTS, months[-1])
        lines = read_vat_lines(connection, VAT_LINES, months, vat_accounts)
    kinds = {number: kind for number, kind, _ in chart}
    return {
        _TRIAL_BALANCE: trial_balance(movements, kinds, months, fiscal_year=fiscal_year),
        _VAT_SUMMARY: vat_summary(lines, vat_accounts),
    }


def _is_vat(role: str) -> bool:
    return role in ("output_vat", "input_vat") or role.startswith("reverse_charge_")
