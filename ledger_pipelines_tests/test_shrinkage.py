"""When a shorter list is doubted, and what is told."""

from __future__ import annotations

import pytest

from ledger_pipelines.shrinkage import is_doubtful, shrunken_list


@pytest.mark.parametrize(
    ("before", "now", "doubtful"),
    [
        (0, 0, False),
        (1, 0, True),
        (40, 0, True),
        (40, 4, True),
        (40, 19, True),
        (40, 20, False),
        (9, 1, False),
    ],
)
def test_a_list_that_lost_most_of_its_records_is_doubted(before: int, now: int, doubtful: bool) -> None:
    assert is_doubtful(before, now) is doubtful


def test_the_error_says_both_numbers_and_what_to_do() -> None:
    problem = shrunken_list("codex", "companies", "Codex", "companies", before=1040, now=0)
    assert problem.external_id == "companies of 1040"
    assert "shows 0 companies where it showed 1,040" in problem.message
    assert "ledger errors ignore" in problem.message
