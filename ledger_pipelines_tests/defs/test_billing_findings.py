"""What the checks of billing say: the company, the device and the amount, never only how many."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pyarrow as pa

from ledger_pipelines.billing.statements import bill
from ledger_pipelines.defs.billing.checks import statement_findings
from ledger_pipelines.workflows.billing import StatementRun
from ledger_pipelines.workflows.step import Step
from ledger_pipelines_tests.billing.building import MARCH, make_inputs

COMPANIES = [{"account_number": "A1", "name": "Acme"}, {"account_number": "A2", "name": "Beta"}]


def told(run: StatementRun) -> dict[str, str]:
    """What each failing check of an open month says."""
    nothing = cast("Any", None)
    step = Step(
        connection=nothing,
        execution=nothing,
        months=[MARCH],
        closed=frozenset(),
        asked=[MARCH],
        run_id="",
    )
    return {
        finding.check: finding.description or ""
        for finding in statement_findings(step, run)
        if not finding.passed
    }


def test_a_device_billed_to_two_companies_is_named_with_both_and_what_each_pays() -> None:
    assets = [{"account_number": one["account_number"], "id": 5, "hostname": "PC-17"} for one in COMPANIES]
    inputs = make_inputs(companies=[dict(one) for one in COMPANIES], assets=assets)
    result = bill(inputs, [MARCH], currency="USD")
    description = told(StatementRun([MARCH], inputs, result, {}, "USD"))["nothing_billed_twice"]
    assert description.startswith("Lines that bill what another line bills, too: Acme (A1), asset, id 5, ")
    assert "Beta (A2), asset, id 5, " in description
    assert description.count("PC-17") == 2
    assert description.count("50.00 USD") == 2


def test_a_company_without_its_statement_and_lines_without_one_are_named() -> None:
    inputs = make_inputs(
        companies=[dict(one) for one in COMPANIES],
        contacts=[{"account_number": one["account_number"]} for one in COMPANIES],
    )
    whole = bill(inputs, [MARCH], currency="USD")
    result = dataclasses.replace(whole, statements=whole.statements.slice(0, 1))
    said = told(StatementRun([MARCH], inputs, result, {}, "USD"))
    assert said["one_for_each_active_company"] == (
        "Companies that lack a statement, or have one too many: Beta (A2), statements 0."
    )
    assert said["total_is_the_sum_of_its_lines"].endswith(": Beta (A2), lines 15.00.")
    without = dataclasses.replace(inputs, contacts=cast("pa.Table", inputs.contacts.slice(0, 0)))
    said = told(StatementRun([MARCH], without, whole, {}, "USD"))
    assert "Acme (A1), contact, id " in said["every_record_in_its_snapshot"]
    assert said["every_record_in_its_snapshot"].count("15.00 USD") == 2
