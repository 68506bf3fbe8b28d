"""What Dagster knows: a change here is a change that users see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ledger_pipelines.definitions import definitions

SNAPSHOT_CHECKS = {"read_completely", "snapshot_in_time"}
OUTSIDE = {"codex", "holded", "4geeks", "notion", "freshservice", "datto", "cfo"}
ASSETS = {
    **{name: ("outside", {"cfo_transactions"} if name == "cfo" else set(), set()) for name in OUTSIDE},
    "companies": ("codex", {"codex"}, SNAPSHOT_CHECKS),
    "plans": ("codex", {"codex"}, SNAPSHOT_CHECKS),
    "time_entries": ("freshservice", {"freshservice"}, {"read_completely"}),
    "backup_usage": ("datto", {"datto"}, {"read_completely"}),
    "assets": ("codex", {"codex", "companies", "backup_usage"}, SNAPSHOT_CHECKS),
    "contacts": ("codex", {"codex", "companies"}, SNAPSHOT_CHECKS),
    "tickets": (
        "codex",
        {"codex", "companies", "time_entries"},
        {"read_completely", "closed_month_unchanged"},
    ),
    "ticket_hours": (
        "billing",
        {"tickets"},
        {
            "counted_once",
            "never_more_than_the_ticket",
            "credits_owed",
            "hours_vanished",
            "hours_not_billed",
            "closed_month_unchanged",
        },
    ),
    "billing_statement_lines": (
        "billing",
        {"companies", "plans", "assets", "contacts", "ticket_hours"},
        {"nothing_billed_twice", "every_record_in_its_snapshot", "closed_month_unchanged"},
    ),
    "billing_statements": (
        "billing",
        {"billing_statement_lines"},
        {
            "one_for_each_active_company",
            "total_is_the_sum_of_its_lines",
            "contracts_ending_soon",
            "edits_that_match_nobody",
            "one_offs_never_billed",
            "closed_month_unchanged",
        },
    ),
    "services": ("invoicing", {"holded"}, {"read_completely"}),
    "holded_contacts": ("invoicing", {"holded", "services"}, {"read_completely"}),
    "invoices": (
        "invoicing",
        {"holded", "services"},
        {"read_completely", "in_one_month", "closed_month_unchanged"},
    ),
    "invoice_lines": ("invoicing", {"invoices"}, {"lines_add_up"}),
    "invoice_payments": (
        "invoicing",
        {"holded", "invoices"},
        {"read_completely", "every_payment_has_a_document", "closed_month_unchanged"},
    ),
    "contracts": ("invoicing", {"invoice_lines", "holded_contacts"}, {"all_money_has_a_contract"}),
    "clients": ("crm", {"4geeks", "contracts"}, {"read_completely", "every_client_is_a_student"}),
    "enrollments": ("crm", {"4geeks", "clients"}, {"read_completely", "closed_month_unchanged"}),
    "external_ids": ("crm", {"enrollments", "notion"}, {"read_completely"}),
    "monthly_accruals": (
        "accruals",
        {"contracts", "enrollments", "external_ids"},
        {
            "never_beyond_the_contract",
            "completed_contracts_add_up",
            "months_follow_each_other",
            "revenue_taken_back",
            "closed_month_unchanged",
            "earlier_months_were_read",
            "service_began_before_the_ledger",
        },
    ),
    "deferred_revenue": ("accruals", {"monthly_accruals"}, {"rolls_forward", "is_the_sum_of_contracts"}),
    "accrual_notices": ("accruals", {"monthly_accruals"}, {"no_stalled_contracts"}),
    "journal_entries": (
        "general_ledger",
        {
            "invoices",
            "invoice_lines",
            "invoice_payments",
            "billing_statements",
            "monthly_accruals",
            "contracts",
            "vendor_invoices",
        },
        {"debits_equal_credits", "closed_month_unchanged"},
    ),
    "journal_lines": ("general_ledger", {"journal_entries"}, {"accounts_are_known"}),
    "vendor_invoices": ("general_ledger", set(), set()),
    "vendor_invoice_taxes": ("general_ledger", {"vendor_invoices"}, set()),
    "vendor_invoice_lines": ("general_ledger", {"vendor_invoices"}, set()),
    **{
        f"{whose}_ledger": (
            "general_ledger",
            {"journal_lines"},
            {"nothing_is_unallocated", "changes_come_to_what_remains", "closed_month_unchanged"},
        )
        for whose in ("customer", "supplier")
    },
    "customer_ledger_transactions": ("general_ledger", {"journal_lines"}, set()),
    "supplier_ledger_transactions": ("general_ledger", {"journal_lines"}, set()),
    "ledger_reconciliation": (
        "general_ledger",
        {"journal_lines", "customer_ledger", "supplier_ledger", "deferred_revenue"},
        {"nothing_is_unexplained", "every_party_is_found"},
    ),
    "trial_balance": (
        "general_ledger",
        {"journal_lines"},
        {"closings_sum_to_zero", "closed_month_unchanged"},
    ),
    "vat_summary": ("general_ledger", {"journal_lines"}, set()),
    "ledger_periods": ("closing", set(), set()),
    "cfo_transactions": (
        "cfo",
        {"invoices"},
        {
            "same_amounts",
            "every_paid_invoice_accounted_for",
            "identifiers_are_unique",
            "nothing_has_failed",
            "still_paid",
            "entities_follow_the_mappings",
            "cfo_database_is_ready",
        },
    ),
}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return definitions()


def test_assets_with_their_groups_and_lineage(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): (
            graph.get(key).group_name,
            {parent.to_user_string() for parent in graph.get(key).parent_keys},
            {check.name for check in graph.get(key).check_keys},
        )
        for key in graph.get_all_asset_keys()
    }
    assert found == ASSETS


def test_every_asset_says_what_it_is(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert spec.owners, name
        assert spec.kinds, name
        if name in OUTSIDE:
            assert spec.description
            continue
        assert (spec.description or "").startswith("A row is"), name
        # People close months and bring documents, no run does.
        is_kept_by_people = name == "ledger_periods" or name.startswith("vendor_invoice")
        assert (spec.freshness_policy is None) == is_kept_by_people, name
        if name == "cfo_transactions":  # the one table that is not ours
            assert spec.metadata["dagster/table_name"].value == "transactions"
        else:
            assert spec.metadata["dagster/table_name"].value == f"ledger.{name}"
        for column in spec.metadata["dagster/column_schema"].schema.columns:
            assert column.description, f"{name}.{column.name}"
        if name != "cfo_transactions":
            assert spec.metadata["dagster/column_schema"].schema.columns[0].name == "month"
        assert isinstance(spec.partitions_def, dg.MonthlyPartitionsDefinition) != is_kept_by_people, name
        if not is_kept_by_people:
            (code,) = spec.metadata["dagster/code_references"].code_references
            defined = Path(code.file_path).read_text(encoding="utf-8").splitlines()[code.line_number - 1]
            assert defined.startswith("@"), name


def test_a_range_of_months_is_one_run(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        policy = graph.get(key).backfill_policy
        assert policy is not None
        assert policy.policy_type.value == "SINGLE_RUN"


def test_jobs_schedules_and_sensors(defs: dg.Definitions) -> None:
    assert {job.name for job in defs.jobs or []} == {
        "month_close",
        "codex_tickets",
        "codex_assets",
        "import_steps",
        "process_accruals",
        "cfo_sync",
    }
    assert {(schedule.name, schedule.cron_schedule) for schedule in defs.schedules or []} == {
        ("tickets_every_six_hours", "0 */6 * * *"),
        ("backup_daily", "0 2 * * *"),
        ("import_steps_daily", "0 3 * * *"),
        ("month_close_monthly", "0 4 2 * *"),
    }
    assert {sensor.name for sensor in defs.sensors or []} == {"run_failures", "paid_invoices", "cfo_alerts"}


def test_only_what_reaches_outside_is_tried_again(defs: dg.Definitions) -> None:
    ops = {op.name: op.retry_policy for op in defs.resolve_job_def("month_close").graph.node_defs}  # type: ignore[attr-defined]

    tried_again = {name for name, policy in ops.items() if policy is not None}
    direct = {"time_entries", "backup_usage"}
    assert tried_again == {"codex", "services", "invoices", "clients", "enrollments", "external_ids"} | direct


def assert_runs(program: str) -> None:
    """The program ends well in a process that knows the ledger's first month, as those of the `ledger` command do."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"LEDGER_FIRST_MONTH": "2024-01"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.process
def test_definitions_use_no_deprecated_or_preview_parts_of_dagster() -> None:
    program = """
import warnings
import dagster as dg
from pydantic.warnings import PydanticDeprecationWarning
warnings.simplefilter("error", dg.PreviewWarning)
warnings.simplefilter("error", DeprecationWarning)
warnings.simplefilter("ignore", PydanticDeprecationWarning)  # Dagster's own use of pydantic
from ledger_pipelines.definitions import definitions
definitions().resolve_asset_graph()
"""
    assert_runs(program)


@pytest.mark.process
def test_importing_the_definitions_touches_nothing_outside() -> None:
    """No socket, no file written, no clock: an audit hook refuses."""
    program = """
import sys
def refuse(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in ("socket.connect", "subprocess.Popen") or (writes and "__pycache__" not in str(arguments[0])):
        raise RuntimeError(f"{event} {arguments}")
import dagster
sys.addaudithook(refuse)
from ledger_pipelines.definitions import definitions
definitions()
"""
    assert_runs(program)
