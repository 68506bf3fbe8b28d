"""The entries of billing statements and of monthly accruals (rules/general_ledger.md, Journals)."""

from __future__ import annotations

import pyarrow as pa

from ledger_pipelines.frames import constant, mapped, narrowed, to_pandas
from ledger_pipelines.general_ledger.chart import Chart
from ledger_pipelines.general_ledger.drafts import drafts_of, part
from ledger_pipelines.general_ledger.journal import Journal, no_entries
from ledger_pipelines.months import last_day
from ledger_pipelines.tables import TABLES
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import DATE, TEXT

#: Where statements and accruals are made: here.
BILLING, ACCRUALS = "billing", "accruals"
#: What is read of each.
STATEMENTS = TABLES["billing_statements"].part(
    (
        "month",
        "account_number",
        "company_name",
        "statement_number",
        "statement_date",
        "due_date",
        "total",
        "currency",
    )
)
MONTHLY_ACCRUALS = TABLES["monthly_accruals"].part(
    ("month", "contact_id", "service_id", "currency", "contract_number", "recognised", "reason")
)


def statement_entries(statements: pa.Table, parties: pa.Table, chart: Chart) -> Journal:
    """Receivables to revenue for each statement (`STATEMENTS`), draft and final alike.

    `parties` says which party an account number is: `source_id`, `party`.
    """
    if statements.num_rows == 0:
        return no_entries()
    rows = to_pandas(statements).rename(columns={"statement_number": "source_id"})
    known = to_pandas(parties.select(["source_id", "party"])).rename(columns={"source_id": "account_number"})
    rows = rows.merge(known, on="account_number", how="left").sort_values(["month", "source_id"])
    documents = rows.assign(
        source_system=constant(BILLING, TEXT, rows),
        source_type=constant("customer_invoice", TEXT, rows),
        posting_date=rows["statement_date"],
        document_date=rows["statement_date"],
        description="Statement " + rows["source_id"] + ", " + rows["company_name"],
    )
    total = narrowed(documents["total"], LEDGER_AMOUNT)
    return drafts_of(
        documents,
        [
            part(
                documents,
                chart.account("receivables"),
                total,
                party=documents["party"],
                invoice_number=documents["source_id"],
                due_date=documents["due_date"],
                description=documents["description"],
            ),
            part(documents, chart.account("revenue"), -total, description=documents["description"]),
        ],
    )


def accrual_entries(accruals: pa.Table, chart: Chart) -> Journal:
    """Deferred revenue to revenue for what each contract recognises in a month (`MONTHLY_ACCRUALS`).

    The source id names the contract and the month: `2025-03/client/service/EUR/1`.
    """
    if accruals.num_rows == 0:
        return no_entries()
    rows = to_pandas(accruals)
    rows = rows[rows["recognised"] != 0]
    month = mapped(rows["month"], lambda one: f"{one:%Y-%m}", TEXT)
    contract = rows["contact_id"] + "/" + rows["service_id"] + "/" + rows["currency"]
    last = mapped(rows["month"], last_day, DATE)
    documents = rows.assign(
        source_system=constant(ACCRUALS, TEXT, rows),
        source_id=month
        + "/"
        + contract
        + "/"
        + rows["contract_number"].astype(str).astype(rows["currency"].dtype),
        source_type=constant("accrual", TEXT, rows),
        posting_date=last,
        document_date=last,
        description="Recognised: " + rows["reason"],
    ).sort_values(["month", "source_id"])
    amount = narrowed(documents["recognised"], LEDGER_AMOUNT)
    texts = {"description": documents["description"]}
    return drafts_of(
        documents,
        [
            part(documents, chart.account("deferred_revenue"), amount, **texts),
            part(documents, chart.account("revenue"), -amount, **texts),
        ],
    )
