"""Columns of frames as the rules use them: look-ups, blanks and exact integers in place of decimals.

Money, hours and bytes are computed in whole numbers: a decimal column becomes its unscaled integers
(`numeric(14, 4)` in ten-thousandths) and results become decimals again, so that nothing is ever a binary
float. What fits 64 bits is a numpy array of `int64`; what may not is an array of Python integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError

Column: TypeAlias = "pa.Array[Any]"
Int64s: TypeAlias = npt.NDArray[np.int64]
#: Python integers of any size.
Exact: TypeAlias = npt.NDArray[np.object_]
Mask: TypeAlias = npt.NDArray[np.bool_]

_WORD = 1 << 64


def array(values: Any, kind: Any = None, *, where: Mask | None = None) -> Column:
    """The values as a column of this type (their own when None); null except `where`, if that is given."""
    made: Column = pa.array(values, kind, mask=None if where is None else ~where)
    return made


def column(frame: pa.Table, name: str) -> Column:
    """A column of the frame as one array."""
    return frame.column(name).combine_chunks()


def positions(values: Column, among: Column) -> Int64s:
    """Where each value stands in `among` (the first of equals); -1 where it does not, and for null."""
    return int64s(pc.index_in(values, value_set=among, skip_nulls=True), missing=-1)


def int64s(values: Column, *, missing: int = 0) -> Int64s:
    """Whole numbers, booleans or dates (as days since 1970) of a column; null becomes `missing`."""
    if pa.types.is_date32(values.type):
        values = values.view(pa.int32())
    filled: Any = values.fill_null(missing) if values.null_count else values
    numbers: Int64s = filled.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return numbers


def mask(values: Column) -> Mask:
    """Booleans of a column; null counts as false."""
    filled: Mask = values.fill_null(False).to_numpy(zero_copy_only=False)
    return filled


def present(values: Column) -> Mask:
    """Where the column is not null."""
    return values.is_valid().to_numpy(zero_copy_only=False)


def joined_text(frame: pa.Table, names: Sequence[str]) -> Column:
    """These columns of each row as one text, to look up keys of several columns; none may be null."""
    parts: Any = [column(frame, name).cast(pa.string()) for name in names]
    # The unit separator stands in no account, number or id.
    joined: Column = pc.binary_join_element_wise(*parts, pa.scalar("\x1f"))
    return joined


def filter_rows(frame: pa.Table, where: Mask) -> pa.Table:
    """The rows of the frame where the mask holds; the frame itself where all do."""
    return frame if where.all() else frame.filter(array(where))


def take_rows(frame: pa.Table, rows: Int64s) -> pa.Table:
    """The frame's rows at these positions."""
    return frame.take(array(rows))


def take(values: Column, rows: Int64s) -> Column:
    """The values at these positions; null where a position is -1."""
    return values.take(array(rows, where=rows >= 0) if rows.size and rows.min() < 0 else array(rows))


def repeated(value: str, count: int) -> Column:
    """The text, `count` times."""
    return pa.repeat(pa.scalar(value, pa.string()), count)


def small_units(values: Column) -> Int64s:
    """A decimal column of at most 18 digits in its smallest units; null is 0."""
    return _words(values)[:, 0].copy()


def exact_units(values: Column) -> Exact:
    """Any decimal128 column in its smallest units; null is 0."""
    words = _words(values)
    units: Exact = words[:, 1].astype(object) * _WORD + words[:, 0].view(np.uint64).astype(object)
    return units


def _words(values: Column) -> npt.NDArray[np.int64]:
    """The low and high 64 bits of each decimal. The low one must be contiguous for a view as unsigned."""
    filled: Any = values.fill_null(0) if values.null_count else values
    words = np.frombuffer(filled.buffers()[1], dtype=np.int64) if len(filled) else np.empty(0, dtype=np.int64)
    pairs = words.reshape(-1, 2)[filled.offset : filled.offset + len(filled)]
    return np.asfortranarray(pairs)


def decimals(
    units: Int64s | Exact, kind: pa.Decimal128Type[Any, Any], *, where: Mask | None = None
) -> Column:
    """Whole numbers of smallest units as a decimal column; null except `where`, if that is given.

    Raises LedgerError when one has more digits than the column holds.
    """
    if units.size and max(int(units.max()), -int(units.min())) >= 10**kind.precision:
        raise LedgerError(
            f"A result has more than {kind.precision} digits: look for an impossible amount, rate, "
            "number of hours or backup size among the month's records."
        )
    words = np.empty((units.size, 2), dtype=np.int64)
    if units.dtype == object:
        words[:, 0] = (units & (_WORD - 1)).astype(np.uint64).view(np.int64)
        words[:, 1] = (units >> 64).astype(np.int64)
    else:
        words[:, 0] = units
        np.right_shift(words[:, 0], 63, out=words[:, 1])
    buffer: Any = words
    made: Column = pa.Array.from_buffers(kind, units.size, [None, pa.py_buffer(buffer)])
    if where is None:
        return made
    nullable: Column = pc.if_else(array(where), made, pa.scalar(None, kind))
    return nullable


def half_up(units: Any, divisor: Any) -> Any:
    """`units / divisor` to a whole number; a half goes away from zero, as everywhere in money.

    `units` is an `Int64s` or an `Exact`, and so is the result; the divisor is positive, one for all or one for each.
    Twice the largest must fit.
    """
    rounded = (abs(units) * 2 + divisor) // (2 * divisor)
    return np.where(units < 0, -rounded, rounded)
