"""What stands against closing a month for good, and what does not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ledger_pipelines.closing.readiness import (
    BrokenInvariant,
    Facts,
    FailedStep,
    OpenError,
    reasons_against,
    reasons_against_reopening,
    refusal,
    refuse_unfinished,
    warnings_of,
)
from ledger_pipelines.errors import LedgerError

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)


def _error(**changes: Any) -> OpenError:
    facts: dict[str, Any] = {
        "error_id": 7,
        "integration": "billing",
        "operation": "statements",
        "entity_type": "company",
        "external_id": "620547",
        "message": "Company 620547 has no billing plan.",
        "months": frozenset({MARCH}),
        "is_blocking": True,
    }
    return OpenError(**(facts | changes))


def _reasons(**facts: Any) -> list[str]:
    return [reason.message for reason in reasons_against(Facts([MARCH], **facts))]


def test_a_month_without_trouble_may_be_closed() -> None:
    assert _reasons() == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"months": frozenset({MARCH, APRIL})},
        *(
            {"integration": source, "months": frozenset()}
            for source in ("codex", "holded", "4geeks", "notion")
        ),
    ],
)
def test_a_blocking_error_of_the_month_or_of_a_source_s_present_state_refuses(
    changes: dict[str, Any],
) -> None:
    (reason,) = reasons_against(Facts([MARCH], errors=[_error(**changes)]))
    assert (reason.kind, reason.error_id, reason.message) == (
        "error",
        7,
        "Company 620547 has no billing plan.",
    )
    assert "company 620547" in reason.subject


@pytest.mark.parametrize(
    "changes",
    [
        {"is_blocking": False},
        {"months": frozenset({APRIL})},
        {"integration": "cfo", "months": frozenset()},
        {"integration": "codex", "months": frozenset(), "is_blocking": False},
    ],
)
def test_notes_errors_of_other_months_and_what_is_outside_the_books_do_not(changes: dict[str, Any]) -> None:
    assert _reasons(errors=[_error(**changes)]) == []


def test_broken_invariants_and_failed_steps_refuse_but_for_the_cfo_s_which_are_warnings() -> None:
    facts = Facts(
        [MARCH],
        invariants=[
            BrokenInvariant("billing_statements", "total_is_the_sum_of_its_lines", "3 statements are not."),
            BrokenInvariant("cfo_transactions", "same_amounts", "1 is not."),
        ],
        failures=[FailedStep("codex", "Codex is down."), FailedStep("cfo_transactions", "The CFO is away.")],
    )
    assert [reason.message for reason in reasons_against(facts)] == [
        "Codex is down.",
        "billing_statements breaks total_is_the_sum_of_its_lines: 3 statements are not.",
    ]
    assert [warning.message for warning in warnings_of(facts)] == [
        "The CFO is away.",
        "cfo_transactions breaks same_amounts: 1 is not.",
    ]


def test_the_refusal_names_the_first_three_and_counts_the_others() -> None:
    errors = [_error(error_id=number, message=f"Company {number} has no plan.") for number in range(5)]
    told = refusal([MARCH], reasons_against(Facts([MARCH], errors=errors)))
    assert told.startswith(
        "2025-03 was not closed, 5 things stand against it: Company 0 has no plan. Company 1 has no plan. "
        "Company 2 has no plan. And 2 more. Mend it"
    )
    assert "\n" not in told
    assert "one thing stands against it" in refusal(
        [MARCH], reasons_against(Facts([MARCH], errors=errors[:1]))
    )


def test_a_month_that_has_not_ended_is_not_closed() -> None:
    refuse_unfinished([MARCH], date(2025, 4, 1))
    with pytest.raises(LedgerError, match="2025-03 cannot be closed before it has ended"):
        refuse_unfinished([MARCH], date(2025, 3, 31))


def test_a_closed_month_may_be_reopened_unless_a_later_closed_one_keeps_its_news() -> None:
    def messages(*, is_closed: bool = True, restated_by: tuple[date, ...] = ()) -> list[str]:
        reasons = reasons_against_reopening(MARCH, is_closed=is_closed, restated_by=restated_by)
        return [reason.message for reason in reasons]

    assert messages() == []
    assert messages(is_closed=False) == ["2025-03 is not closed, so there is nothing to reopen."]
    assert messages(restated_by=(APRIL, date(2025, 5, 1))) == [
        "2025-05 is closed and keeps news of 2025-03's invoices, which would then count twice: reopen 2025-05 first."
    ]
