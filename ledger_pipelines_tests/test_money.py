from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.money import round_amounts, round_half_up

decimals = st.decimals(Decimal("-1e9"), Decimal("1e9"), places=5)


def test_a_half_goes_away_from_zero() -> None:
    assert [round_half_up(Decimal(text)) for text in ("0.125", "-0.125", "0.124999", "2.675")] == [
        Decimal("0.13"),
        Decimal("-0.13"),
        Decimal("0.12"),
        Decimal("2.68"),
    ]


@given(st.lists(decimals))
def test_frames_round_as_single_amounts_do(values: list[Decimal]) -> None:
    assert round_amounts(pa.array(values, pa.decimal128(20, 5))).to_pylist() == list(
        map(round_half_up, values)
    )
