"""The words for what pandas gets wrong, each with the trap that it is for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_pipelines.errors import FrameError, LedgerError
from ledger_pipelines.frames import (
    Series,
    constant,
    dtype,
    is_among,
    joined,
    mapped,
    matching_rows,
    narrowed,
    over_distinct,
    place_among,
    rounded,
    summed,
    to_arrow,
    to_pandas,
    trimmed,
    widened,
)
from ledger_pipelines.money import AMOUNT, RATE
from ledger_pipelines_tests.watching import inexact_columns, watched_frames

__all__ = ["watched_frames"]

HOURS = pa.decimal128(28, 18)


def _column(values: Sequence[Any], kind: pa.DataType) -> Any:
    return to_pandas(pa.table({"a": pa.array(values, kind)}))["a"]


class TestThereAndBack:
    FRAME = pa.table(
        {
            "month": pa.array([date(2025, 3, 1), None]),
            "amount": pa.array([Decimal("1.50"), None], AMOUNT),
            "id": pa.array([2**62 + 1, None], pa.int64()),
            "name": pa.array([None, "x"]),
            "active": pa.array([None, True]),
        }
    )

    def test_every_column_keeps_its_type_and_its_missing_values(self) -> None:
        frame = to_pandas(self.FRAME)
        assert all(isinstance(one, pd.ArrowDtype) for one in frame.dtypes)
        assert to_arrow(frame, self.FRAME.schema).equals(self.FRAME)

    def test_rows_are_those_of_the_frame_whatever_its_index(self) -> None:
        frame = to_pandas(self.FRAME).iloc[::-1]
        assert to_arrow(frame, self.FRAME.schema).to_pylist() == self.FRAME.to_pylist()[::-1]

    def test_only_the_schemas_columns_come_out_in_its_order(self) -> None:
        schema = pa.schema([pa.field("id", pa.int64()), pa.field("amount", pa.decimal128(20, 4))])
        assert to_arrow(to_pandas(self.FRAME), schema).schema == schema

    @pytest.mark.parametrize(
        ("schema", "message"),
        [
            (pa.schema([pa.field("rate", RATE)]), "lacks the column"),
            (pa.schema([pa.field("amount", pa.decimal128(18, 1))]), "does not have the types"),
            (pa.schema([pa.field("amount", AMOUNT, nullable=False)]), "does not have the types"),
        ],
    )
    def test_what_a_schema_cannot_hold_is_refused(self, schema: pa.Schema, message: str) -> None:
        frame = to_pandas(self.FRAME).assign(amount=_column([Decimal("1.55"), None], AMOUNT))
        with pytest.raises(FrameError, match=message):
            to_arrow(frame, schema)


class TestRounded:
    def test_a_half_goes_away_from_zero_where_pandas_takes_it_to_the_even_digit(self) -> None:
        values = _column([Decimal("0.125"), Decimal("-0.125"), None], pa.decimal128(18, 3))
        assert values.round(2).tolist()[:2] == [Decimal("0.120"), Decimal("-0.120")]
        assert rounded(values, 2).tolist()[:2] == [Decimal("0.13"), Decimal("-0.13")]
        assert rounded(values, 2).isna().tolist() == [False, False, True]

    @given(st.lists(st.decimals("-1e9", "1e9", places=6)), st.integers(0, 4))
    def test_as_decimals_are_rounded_half_up(self, values: list[Decimal], places: int) -> None:
        unit = Decimal(1).scaleb(-places)
        for wide in (False, True):
            column = _column(values, HOURS)
            found = rounded(widened(column) if wide else column, places).tolist()
            assert found == [value.quantize(unit, ROUND_HALF_UP) for value in values]


class TestNarrowed:
    def test_a_sum_gets_its_columns_type_back(self) -> None:
        frame = pd.DataFrame({"a": _column([Decimal("1.50"), Decimal("2.25")], AMOUNT)})
        sums = frame.assign(key=_column(["x", "x"], pa.string())).groupby("key")["a"].sum()
        assert sums.dtype == dtype(pa.decimal128(38, 2))
        assert narrowed(sums, AMOUNT).dtype == dtype(AMOUNT)
        assert narrowed(sums, AMOUNT).tolist() == [Decimal("3.75")]

    def test_a_count_becomes_a_short_decimal(self) -> None:
        counts = _column([3, None], pa.int64())
        with pytest.raises(pa.ArrowInvalid, match="Precision"):
            counts.astype(dtype(AMOUNT))
        assert narrowed(counts, AMOUNT).tolist()[0] == Decimal(3)

    def test_a_number_with_too_many_digits_is_refused(self) -> None:
        values = _column([Decimal(10) ** 17], pa.decimal128(38, 4))
        with pytest.raises(LedgerError, match="more than 14 digits"):
            narrowed(values, RATE)

    def test_a_result_that_was_not_rounded_is_refused(self) -> None:
        with pytest.raises(LedgerError, match="more than 18 digits"):
            narrowed(_column([Decimal("0.005")], RATE), AMOUNT)


def test_a_product_of_long_decimals_is_exact_once_one_is_widened() -> None:
    hours, rate = (
        _column([Decimal("9999999999.999999999999999999")], HOURS),
        _column([Decimal("12.3456")], RATE),
    )
    with pytest.raises(pa.ArrowInvalid, match="precision"):
        hours * rate
    assert (widened(hours) * rate).tolist() == [Decimal("123455999999.9999999999999999876544")]


class TestConstant:
    @pytest.mark.parametrize(
        ("value", "kind"),
        [(Decimal("1.5"), RATE), (date(2025, 3, 1), pa.date32()), ("USD", pa.string()), (None, RATE)],
    )
    def test_has_its_type_where_a_bare_value_would_be_an_object(self, value: Any, kind: pa.DataType) -> None:
        frame = pd.DataFrame({"a": _column([1, 2], pa.int64())}).iloc[::-1]
        found = frame.assign(b=constant(value, kind, frame))["b"]
        assert found.dtype == dtype(kind)
        assert found.isna().tolist() == [value is None] * 2


class TestMapped:
    def test_calls_the_function_once_for_each_distinct_value_and_for_none(self) -> None:
        calls = []

        def length(text: str | None) -> int | None:
            calls.append(text)
            return None if text is None else len(text)

        column = _column(["ab", None, "ab", "c"], pa.string())
        found = mapped(column, length, pa.int64())
        assert found.dtype == dtype(pa.int64())
        assert found.fillna(-1).tolist() == [2, -1, 2, 1]
        assert calls == ["ab", None, "c"]

    @pytest.mark.parametrize("kind", [pa.string(), pa.date32(), pa.timestamp("us", "UTC"), pa.bool_()])
    def test_of_no_rows_has_its_type(self, kind: pa.DataType) -> None:
        assert mapped(_column([], kind), len, pa.int64()).dtype == dtype(pa.int64())


class TestTheWatcher:
    @pytest.mark.parametrize(
        "made",
        [
            lambda: pd.DataFrame({"a": [1]}).assign(b=Decimal(1)),
            lambda: pd.DataFrame({"a": [1]}).assign(b=0.5),
            lambda: pd.concat([_column([1], AMOUNT), _column([1], RATE)]),
            lambda: pd.DataFrame({"a": [1]}).merge(pd.DataFrame({"a": [2], "b": [3]}), on="a", how="left"),
            lambda: pd.DataFrame({"a": [1]}).assign(b=date(2025, 3, 1)),
        ],
    )
    def test_names_what_pandas_makes_inexact_without_a_word(self, made: Any) -> None:
        assert inexact_columns(made())

    def test_lets_exact_columns_pass(self) -> None:
        frame = pd.DataFrame({"a": _column([1], AMOUNT), "b": _column(["x"], pa.string()), "c": [True]})
        assert inexact_columns(frame.merge(frame, on="b", how="left")) == []

    def test_stops_a_rule_that_makes_one(self) -> None:
        rule: dict[str, Any] = {"__name__": "ledger_pipelines.a_rule", "pd": pd}
        exec("def make(): return pd.DataFrame({'a': [1]}).assign(b=0.5)", rule)
        with pytest.raises(
            AssertionError, match=r"a_rule: `assign` made columns that are not exact: b: float64"
        ):
            rule["make"]()


class TestOverDistinct:
    def test_each_distinct_value_is_reckoned_once_and_every_row_has_its_answer(self) -> None:
        seen: list[int] = []

        def doubled(values: Series) -> Series:
            seen.extend(values.tolist())
            return values * 2

        found = over_distinct(_column([3, 1, 3, 3], pa.int64()), doubled)
        assert found.tolist() == [6, 2, 6, 6]
        assert sorted(seen) == [1, 3]

    def test_of_no_rows_has_the_answer_s_type(self) -> None:
        found = over_distinct(_column([], pa.int64()), lambda values: values.astype(dtype(pa.string())))
        assert found.dtype == dtype(pa.string())


def test_joined_texts_are_missing_where_one_of_them_is() -> None:
    names = _column(["a", None, ""], pa.string())
    found = joined(names, " (", names, ")")
    assert found.dtype == names.dtype
    assert found.fillna("missing").tolist() == ["a (a)", "missing", " ()"]


@given(
    *(
        st.lists(st.tuples(st.sampled_from(["x", "y", "z", None]), st.integers(0, 2) | st.none()), max_size=8)
        for _ in range(2)
    )
)
def test_a_row_is_found_among_others_as_a_merge_finds_it(
    rows: list[tuple[str | None, int | None]], known: list[tuple[str | None, int | None]]
) -> None:
    frame, others = (
        to_pandas(
            pa.table(
                {
                    "a": pa.array([a for a, _ in side], pa.string()),
                    "b": pa.array([b for _, b in side], pa.int64()),
                }
            )
        )
        for side in (rows, known)
    )
    found = place_among(frame, others, ["a", "b"])
    assert [None if pd.isna(place) else place for place in found] == [
        known.index(row) if row in known else None for row in rows
    ]
    assert is_among(frame, others, ["a", "b"]).tolist() == [row in known for row in rows]


def test_each_row_of_a_table_has_the_first_of_the_others_that_belongs_to_it() -> None:
    rows = pa.table({"service_id": ["b", "x", "a", "b"], "amount": [1, 2, 3, 4]})
    services = pa.table({"id": ["a", "b", "b"], "name": ["Ada", None, "second"], "month": [7, 8, 9]})
    found = matching_rows(rows, services, {"service_id": "id"})
    assert found.schema == services.schema
    assert found.to_pylist() == [
        {"id": "b", "name": None, "month": 8},
        {"id": None, "name": None, "month": None},
        {"id": "a", "name": "Ada", "month": 7},
        {"id": "b", "name": None, "month": 8},
    ]
    assert matching_rows(rows, services.slice(0, 0), {"service_id": "id"})["name"].null_count == 4


def test_a_blank_text_is_missing_and_others_lose_the_space_around_them() -> None:
    found = trimmed(_column([" a b\t", "", " \u00a0", None], pa.string()))
    assert found.dtype == dtype(pa.string())
    assert found.fillna("missing").tolist() == ["a b", "missing", "missing", "missing"]


def test_sums_are_exact_for_each_key() -> None:
    frame = pd.DataFrame(
        {
            "a": _column(["x", "y", "x"], pa.string()),
            "b": _column([1, 2, 3], pa.int64()),
            "c": _column([Decimal("0.0001"), Decimal(7), Decimal("9999999999.9999")], RATE),
        }
    )
    found = summed(frame, ["a"], ["b", "c"]).sort_values("a")
    assert found["b"].tolist() == [4, 2]
    assert found["c"].tolist() == [Decimal("10000000000.0000"), Decimal("7.0000")]
