"""Findings name their records: which, whose, and how much, in every month that fails."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, cast

import dagster as dg
import pyarrow as pa
import pytest
from rich.console import Console

from ledger_pipelines.cli.tables import print_checks
from ledger_pipelines.money import AMOUNT, format_money
from ledger_pipelines.months import add_months
from ledger_pipelines.orchestration.findings import Finding, results_of, rows_finding
from ledger_pipelines.runs.jobs import CheckOutcome
from ledger_pipelines.tables.labels import describe_problems, describe_rows, named_records

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
MARCH = date(2025, 3, 1)


class Log:
    """What a run, for a range or for one month, would log of its months."""

    def __init__(self, month: str | None = None) -> None:
        self.events: list[dg.AssetCheckEvaluation] = []
        self.has_partition_key = month is not None
        self.partition_key = month

    def log_event(self, event: dg.AssetCheckEvaluation) -> None:
        self.events.append(event)


def reported(*findings: Finding) -> tuple[dg.AssetCheckResult, list[dg.AssetCheckEvaluation]]:
    log = Log()
    (result,) = results_of(cast("Any", log), findings)
    return result, log.events


def test_a_run_for_a_month_gives_its_own_result_and_reports_what_it_found_of_others() -> None:
    log = Log("2025-03")
    (result,) = results_of(cast("Any", log), [found(MARCH, lines(0)), found(add_months(MARCH, 1), lines(1))])
    assert result.passed
    assert [(event.partition, event.passed) for event in log.events] == [("2025-04", False)]


def lines(count: int) -> pa.Table:
    return pa.table(
        {
            "month": pa.array([MARCH] * count, pa.date32()),
            "company_name": pa.array([f"Company {number}" for number in range(count)]),
            "account_number": pa.array([f"A{number}" for number in range(count)]),
            "description": pa.array(["Workstation: PC-17"] * count),
            "amount": pa.array([Decimal("1234.50")] * count, AMOUNT),
            "currency": pa.array(["USD"] * count),
        }
    )


def found(month: date, rows: pa.Table) -> Finding:
    return rows_finding(
        "billing_statements",
        "once",
        month,
        rows,
        heading="lines billed twice",
        severity=ERROR,
        advice="Look.",
    )


def test_records_are_named_with_their_ids_and_amounts_up_to_five_of_them() -> None:
    one = found(MARCH, lines(1))
    assert one.description == ("Lines billed twice: Company 0 (A0), Workstation: PC-17, 1,234.50 USD. Look.")
    many = found(MARCH, lines(17)).description or ""
    assert many.count("Workstation") == 5
    assert many.endswith("1,234.50 USD; and 12 more. Look.")
    assert found(MARCH, lines(0)).description is None


def test_every_month_that_fails_has_its_own_sentence_and_the_same_is_said_once() -> None:
    months = [add_months(MARCH, number) for number in range(4)]
    result, events = reported(
        found(months[0], lines(1)),
        found(months[1], lines(0)),
        found(months[2], lines(2)),
        found(months[3], lines(2)),
    )
    first, second = (result.description or "").splitlines()
    assert first.startswith("2025-03: Lines billed twice: Company 0 (A0)")
    assert second.startswith("2025-05 to 2025-06: Lines billed twice: Company 0 (A0), ")
    assert "Company 1 (A1)" in second
    assert [event.passed for event in events] == [False, True, False, False]
    assert (events[2].description or "").startswith("2025-05: Lines billed twice")


def test_a_long_range_is_bounded_and_names_the_months_it_leaves_out() -> None:
    findings = [
        Finding("billing_statements", "once", add_months(MARCH, number), 1, WARN, f"Number {number}.")
        for number in range(20)
    ]
    result, _ = reported(*findings)
    told = (result.description or "").splitlines()
    assert len(told) == 13
    assert told[-1] == "The same check fails in 2026-03 to 2026-10."


def test_a_range_in_which_many_months_fail_names_fewer_records_of_each() -> None:
    result, _ = reported(*(found(add_months(MARCH, number), lines(number + 3)) for number in range(4)))
    told = (result.description or "").splitlines()
    assert [line.count("Workstation") for line in told] == [2, 2, 2, 2]
    assert told[-1].endswith("; and 4 more.")


def test_a_client_is_named_by_the_address_and_ids_that_say_nothing_more_are_left_out() -> None:
    row = {
        "client": "Ada",
        "email": "ada@x.example",
        "service": "Bootcamp",
        "contact_id": "5f",
        "service_id": "5a",
    }
    assert describe_rows(pa.Table.from_pylist([{**row, "period_id": 0}])) == "Ada (ada@x.example), Bootcamp"
    unknown = pa.table({"client": pa.nulls(1, pa.string()), "contact_id": ["5f"], "period_id": [7]})
    assert describe_rows(unknown) == "client 5f, service period 7"


def test_errors_come_before_warnings_and_a_month_is_not_said_twice() -> None:
    result, _ = reported(
        Finding("a", "b", MARCH, 1, WARN, "2025-03 is closed; something differs."),
        Finding("a", "b", add_months(MARCH, 1), 1, ERROR, "Something is wrong."),
    )
    assert result.severity == ERROR
    assert result.description == "2025-04: Something is wrong.\n2025-03 is closed; something differs."


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        ("1234.50", "EUR", "1,234.50 EUR"),
        ("1234.00", "JPY", "1,234 JPY"),
        ("1234.50", "JPY", "1,234.5 JPY"),
        ("-1.50", "KWD", "-1.500 KWD"),
        ("7.00", None, "7.00"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(amount: str, currency: str | None, told: str) -> None:
    assert format_money(Decimal(amount), currency) == told


def test_hours_are_told_to_six_decimals() -> None:
    hours = pa.array([Decimal("0.583333333333333333"), Decimal("1.5")], pa.decimal128(28, 18))
    assert describe_rows(pa.table({"hours": hours})) == "hours 0.583333; hours 1.5"


def test_what_outside_systems_put_into_names_stays_on_its_line_and_short() -> None:
    rows = pa.table({"ticket_number": ["17"], "subject": ["line\nbreak " + "x" * 200]})
    told = describe_rows(rows)
    assert told.startswith("ticket 17, line break xxx")
    assert "\n" not in told
    assert len(told) < 140
    assert (
        describe_problems(["Device 1 is odd.", "Device 1 is odd.", "Device 2 is odd."])
        == "Device 1 is odd; Device 2 is odd"
    )
    assert named_records(["a"], count=3) == "a; and 2 more"


@pytest.mark.parametrize("width", [80, 200])
def test_checks_are_readable_on_a_narrow_terminal_and_a_wide_one(width: int) -> None:
    console = Console(width=width, force_terminal=False, record=True, file=None)
    description = "2025-03: " + (found(MARCH, lines(7)).description or "") + "\n2025-04: [red]odd[/] name."
    outcome = CheckOutcome("billing_statements", "once", passed=False, is_error=True, description=description)
    with console.capture() as capture:
        print_checks([outcome, CheckOutcome("a", "b", passed=True, is_error=False, description="")], console)
    printed = capture.get().splitlines()
    assert printed[0] == "Checks: 1 passed, 0 warn, 1 failed."
    assert printed[1] == "ERROR billing_statements once"
    assert all(line.startswith("  ") and len(line.rstrip()) <= width for line in printed[2:])
    words = " ".join(" ".join(printed[2:]).split())
    assert words == " ".join(description.split())
