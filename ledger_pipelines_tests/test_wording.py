"""Words of sentences that count something."""

import pytest

from ledger_pipelines.wording import counted


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 invoices"), (1, "1 invoice"), (2, "2 invoices"), (12345, "12,345 invoices")]
)
def test_one_is_told_alone(count: int, told: str) -> None:
    assert counted(count, "invoice") == told


def test_a_plural_of_its_own() -> None:
    assert [counted(count, "company", "companies") for count in (1, 2)] == ["1 company", "2 companies"]
