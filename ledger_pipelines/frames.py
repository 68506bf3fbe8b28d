"""pandas frames of Arrow columns, and the only words for what pandas gets wrong with them.

A frame's columns are Arrow's from end to end, so money stays `decimal128` and a missing value is missing, never a
float's NaN. pandas rounds halves to even, keeps a sum at 38 digits, fails on long products and makes objects of bare
decimals and dates without a word; whatever needs one of these calls it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import FrameError, LedgerError

Series: TypeAlias = "pd.Series[Any]"

# Arrow's own choice, mimalloc, costs the system 0.3 to 0.5 s in the first month of 488,000 lines that a process bills,
# jemalloc 0.15 s.
if "jemalloc" in pa.supported_memory_backends():
    pa.set_memory_pool(pa.jemalloc_memory_pool())
# The names of a frame's columns, which pandas else keeps in Arrow, too: a fifth of a small month's bill. Columns of
# Arrow's types are not concerned.
pd.set_option("mode.string_storage", "python")


def fitted(what: str, frame: pa.Table, schema: pa.Schema) -> pa.Table:
    """The frame with exactly the schema's columns; `what` names it in an error: `billing input assets`.

    Raises FrameError when a column is missing, does not fit its type without loss, or lacks a value it must have.
    """
    missing = [wanted for wanted in schema.names if wanted not in frame.column_names]
    if missing:
        raise FrameError(f"The {what} lacks the column(s) {', '.join(missing)}.")
    try:
        return frame.select(schema.names).cast(schema)
    except (ValueError, pa.ArrowNotImplementedError) as error:
        raise FrameError(f"The {what} does not have the types of its table: {error}") from error


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """The table as a frame, without a copy; every column keeps its Arrow type."""
    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame's columns of the schema as a table of exactly its types.

    Raises FrameError where a column is missing, a value does not fit its type without loss, or one is missing that
    must not be.
    """
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise FrameError(f"A frame lacks the column(s) {', '.join(missing)}.")
    try:
        return _as_table(frame, schema.names).cast(schema)
    except (ValueError, pa.ArrowNotImplementedError) as error:
        raise FrameError(f"A frame does not have the types of its table: {error}") from error


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as Python has them, None where a value is missing; for the few that a message is about."""
    return [] if frame.empty else _as_table(frame, frame.columns).to_pylist()


def _as_table(frame: pd.DataFrame, names: Iterable[str]) -> pa.Table:
    # `Table.from_pandas` takes twice as long where columns are Arrow's already.
    columns: Any = {name: values_of(frame[name]) for name in names}
    return pa.table(columns)


def dtype(kind: pa.DataType) -> pd.ArrowDtype:
    """The type of a frame's column that holds values of this Arrow type."""
    return pd.ArrowDtype(kind)


def dtype_of(values: Series) -> pa.DataType:
    """The Arrow type of a column's values."""
    kind: Any = values.dtype
    found: pa.DataType = kind.pyarrow_dtype
    return found


def values_of(values: Series) -> pa.ChunkedArray[Any]:
    """A column's values as Arrow has them."""
    found: Any = pa.array(values, from_pandas=True)
    return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def column_of(values: Any, index: Any) -> Series:
    """Arrow's values as a column of the frame with this index."""
    return pd.Series(pd.arrays.ArrowExtensionArray(values), index=index)


def constant(value: Any, kind: pa.DataType, frame: pd.DataFrame | Series) -> Series:
    """One value, or None, in every row of the frame: pandas would make an object of a bare date or decimal."""
    scalar: Any = pa.scalar(value, kind)
    return column_of(pa.repeat(scalar, len(frame)), frame.index)


def rounded(values: Series, places: int) -> Series:
    """Decimals rounded to `places`, halves away from zero, where `Series.round` takes them to the even digit."""
    arrow: Any = values_of(values)
    return column_of(pc.round(arrow, places, round_mode="half_towards_infinity"), values.index)


def narrowed(values: Series, kind: pa.DataType) -> Series:
    """Sums, products and counts in the type of the column that they are of: a sum of decimals has 38 or 76 digits.

    Raises LedgerError where one has more digits than the column holds; round it first where it has more places.
    """
    arrow: Any = values_of(values)
    try:
        if pa.types.is_integer(arrow.type) and pa.types.is_decimal(kind):
            # Arrow asks for room for 19 digits, whatever the numbers are.
            arrow = arrow.cast(pa.decimal128(19 + kind.scale, kind.scale))
        return column_of(arrow.cast(kind), values.index)
    except pa.ArrowInvalid as error:
        digits = getattr(kind, "precision", 19)
        raise LedgerError(
            f"A result has more than {digits} digits: look for an impossible amount, rate, "
            "number of hours or backup size among the month's records."
        ) from error


def widened(values: Series) -> Series:
    """Decimals with room for products: with 128 bits, one whose factors have more than 37 digits together fails."""
    kind: Any = values_of(values).type
    return values.astype(dtype(pa.decimal256(kind.precision, kind.scale)))


def joined(*parts: Series | str) -> Series:
    """Texts one after another, missing where one of them is: `+` copies all that it has so far for each part."""
    texts: Any = [part if isinstance(part, str) else values_of(part) for part in parts]
    index = next(part.index for part in parts if not isinstance(part, str))
    return column_of(pc.binary_join_element_wise(*texts, ""), index)


def trimmed(texts: Series) -> Series:
    """Texts without surrounding space; a blank one is missing, for nobody means a blank."""
    stripped: Any = pc.utf8_trim_whitespace(values_of(texts))
    is_blank: Any = pc.equal(stripped, pa.scalar("", stripped.type))
    return column_of(pc.if_else(is_blank, pa.scalar(None, stripped.type), stripped), texts.index)


def is_among(frame: pd.DataFrame, others: pd.DataFrame, on: list[str]) -> Series:
    """Whether each row's values of these columns are those of one of the others."""
    return place_among(frame, others, on).notna()


def place_among(frame: pd.DataFrame, others: pd.DataFrame, on: list[str]) -> Series:
    """Which of the others, from 0, has each row's values of these columns: the first, or missing where none has.

    As a merge finds them, missing values too, in half of its time: whole numbers are looked up, not keys of texts.
    Raises ArrowInvalid where the columns have more than 2⁶³ keys that could be.
    """
    if others.empty:
        return constant(None, pa.int64(), frame)
    distinct = {name: pc.unique(values_of(others[name])) for name in on}

    def numbered(side: pd.DataFrame) -> Any:
        numbers: Any = pa.scalar(0)
        for name, known in distinct.items():
            place = pc.index_in(values_of(side[name]), value_set=known)
            numbers = pc.add_checked(pc.multiply_checked(numbers, len(known)), place)
        return numbers

    found: Any = pc.index_in(numbered(frame), value_set=numbered(others))
    return column_of(found.cast(pa.int64()), frame.index)


def matching_rows(rows: pa.Table, others: pa.Table, on: Mapping[str, str]) -> pa.Table:
    """The first of the others that belongs to each row, all its values missing where there is none.

    `on` are the rows' columns of the key, each with the others' column of it: `{"service_id": "id"}`.
    """
    keys = to_pandas(others.select([*on.values()]).rename_columns([*on]))
    return others.take(values_of(place_among(to_pandas(rows.select([*on])), keys, [*on])))


def summed(frame: pd.DataFrame, by: list[str], names: list[str]) -> pd.DataFrame:
    """The sums of these columns for each key, in no promised order; a sum of decimals has 38 digits.

    Arrow adds up all columns in one pass, in less than half the time of `groupby`.
    """
    sums = _as_table(frame, [*by, *names]).group_by(by).aggregate([(name, "sum") for name in names])
    return to_pandas(sums.rename_columns([*by, *names]))


def over_distinct(values: Series, function: Callable[[Series], Series]) -> Series:
    """A function of a column, computed for its distinct values alone: where it costs more than to look them up."""
    encoded: Any = values_of(values).combine_chunks().dictionary_encode(null_encoding="encode")
    answers = values_of(function(pd.Series(pd.arrays.ArrowExtensionArray(encoded.dictionary))))
    return column_of(answers.take(encoded.indices), values.index)


def mapped(values: Series, function: Callable[[Any], Any], kind: pa.DataType) -> Series:
    """A Python function of each value, called once for each distinct one, None among them if it occurs."""
    # Combined first: a dictionary of no chunks at all cannot be.
    encoded: Any = values_of(values).combine_chunks().dictionary_encode(null_encoding="encode")
    answers = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind)
    return column_of(answers.take(encoded.indices), values.index)
