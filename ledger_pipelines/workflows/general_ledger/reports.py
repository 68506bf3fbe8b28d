"""Reconciliation, trial balance and VAT summary of some months: read, reckon (rules/general_ledger.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
import pyarrow as pa

from ledger_pipelines.general_ledger.balances import MOVEMENTS
from ledger_pipelines.general_ledger.reconciliation import BALANCES, EXPLAINED, reconcile
from ledger_pipelines.general_ledger.trial_balance import trial_balance
from ledger_pipelines.general_ledger.vat_summary import VAT_LINES, vat_summary
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.queries.statements import one_view
from ledger_pipelines.store.queries.sub_ledgers import (
    read_balances,
    read_movements,
    read_vat_lines,
    read_without_contract,
)
from ledger_pipelines.tables.sub_ledgers import LEDGER_RECONCILIATION
from ledger_pipelines.workflows.general_ledger.sub_ledgers import Span

REPORTS = ("trial_balance", "vat_summary")


def reconciliation(connection: psycopg.Connection, spans: Sequence[Span]) -> pa.Table:
    """The reconciliation of the spans' months, of the rows as the tables have them."""
    if not spans:
        return LEDGER_RECONCILIATION.schema.empty_table()
    months = sorted(month for span in spans for month in span.months)
    with one_view(connection):
        movements = read_movements(connection, MOVEMENTS, months[-1])
        balances = [read_balances(connection, BALANCES, months)]
        accounts = connection.execute(
            "SELECT number, control, role FROM accounts WHERE control IS NOT NULL OR role = 'deferred_revenue'"
        ).fetchall()
        by_hand = [EXPLAINED.empty_table()]
        for number, _, role in accounts:
            if role == "deferred_revenue":
                balances.append(_deferred(connection, number, months))
                by_hand.append(read_without_contract(connection, EXPLAINED, number, months[-1]))
    raised_by_credit = {number: control != "customer" for number, control, _ in accounts}
    return pa.concat_tables(
        reconcile(
            movements,
            raised_by_credit,
            pa.concat_tables(balances),
            pa.concat_tables([span.without_row, *by_hand]),
            span.months,
        )
        for span in spans
    )


def _deferred(connection: psycopg.Connection, account: str, months: Sequence[date]) -> pa.Table:
    """What is deferred at each month's end, as the balance of the account that it stands on."""
    rows = read_months(connection, "deferred_revenue", months, ["month", "currency", "closing"])
    accounts = pa.array([account] * rows.num_rows, pa.string())
    return pa.table(
        [rows["month"], accounts, rows["currency"], rows["closing"].cast(BALANCES.field("balance").type)],
        schema=BALANCES,
    )


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
        "trial_balance": trial_balance(movements, kinds, months, fiscal_year=fiscal_year),
        "vat_summary": vat_summary(lines, vat_accounts),
    }


def _is_vat(role: str) -> bool:
    return role in ("output_vat", "input_vat") or role.startswith("reverse_charge_")
