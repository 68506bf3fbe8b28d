"""Columns of frames as the rules use them: exact integers in place of decimals and dates.

Amounts are hundredths, days are days since 1970 and months are months since 1970, all in arrays of `int64`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError

Column: TypeAlias = "pa.Array[Any]"
Int64s: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

#: A day, or a month, that never comes.
NEVER = 2**31 - 1
#: The largest denominator with which `share` stays within 64 bits.
LARGEST_DENOMINATOR = 2**31


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
    """Whole numbers or dates (as days) of a column; null becomes `missing`."""
    if pa.types.is_date32(values.type):
        values = values.view(pa.int32())
    filled: Any = values.fill_null(missing) if values.null_count else values
    numbers: Int64s = filled.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return numbers


def present(values: Column) -> Mask:
    """Where the column is not null."""
    return values.is_valid().to_numpy(zero_copy_only=False)


def kept(frame: pa.Table, where: Mask) -> pa.Table:
    """The rows of the frame where the mask holds; the frame itself where all do."""
    return frame if where.all() else frame.filter(array(where))


def take(values: Column, rows: Int64s) -> Column:
    """The values at these positions; null where a position is -1."""
    return values.take(array(rows, where=rows >= 0))


def ranked(values: Column) -> tuple[Int64s, Column]:
    """Each value's position among the distinct values, and those in ascending order; none may be null."""
    encoded: Any = values.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(len(order))
    return ranks[int64s(encoded.indices)], encoded.dictionary.take(order)


def mapped(values: Column, change: Callable[[str], str]) -> Column:
    """Texts, each changed; the distinct ones are changed once. Null, and what becomes blank, is null."""
    encoded: Any = values.dictionary_encode()
    changed = [change(text) or None for text in encoded.dictionary.to_pylist()]
    return array(changed, pa.string()).take(encoded.indices)


def folded(values: Column) -> Column:
    """E-mail addresses without surrounding space and in one case; a blank one is null."""
    return mapped(values, lambda text: text.strip().casefold())


def words(text: str) -> str:
    """The words of a text in one case, parted by single spaces: `Full-Stack (PT)` is `full stack pt`."""
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text.casefold()).split())


def months_of(days: Int64s) -> Int64s:
    """The months that days lie in."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def first_days(months: Int64s) -> Int64s:
    """The first days of months."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def hundredths(values: Column) -> Int64s:
    """A decimal column of at most 18 digits in its smallest units; null is 0."""
    filled: Any = values.fill_null(0) if values.null_count else values
    if not len(filled):
        return np.empty(0, dtype=np.int64)
    parts = np.frombuffer(filled.buffers()[1], dtype=np.int64).reshape(-1, 2)
    return parts[filled.offset : filled.offset + len(filled), 0].copy()


def decimals(units: Int64s, kind: pa.Decimal128Type[Any, Any], *, where: Mask | None = None) -> Column:
    """Whole numbers of smallest units as a decimal column; null except `where`, if that is given.

    Raises LedgerError when one has more digits than the column holds.
    """
    if units.size and max(int(units.max()), -int(units.min())) >= 10**kind.precision:
        raise LedgerError(
            f"An accrual comes to an amount with more than {kind.precision} digits: look for an impossible "
            "amount among the invoices."
        )
    pairs = np.empty((units.size, 2), dtype=np.int64)
    pairs[:, 0] = units
    np.right_shift(pairs[:, 0], 63, out=pairs[:, 1])
    buffer: Any = pairs
    made: Column = pa.Array.from_buffers(kind, units.size, [None, pa.py_buffer(buffer)])
    if where is None:
        return made
    nullable: Column = pc.if_else(array(where), made, pa.scalar(None, kind))
    return nullable


def half_up(units: Any, divisor: Any) -> Any:
    """`units / divisor` of numbers that are not negative, to a whole number; a half goes up."""
    return (units * 2 + divisor) // (divisor * 2)


def share(units: Int64s, numerators: Any, denominators: Any) -> Int64s:
    """`units * numerator / denominator` to a whole number; a half goes away from zero.

    No numerator is negative or greater than its denominator. Exact for every amount: denominators are at most
    `LARGEST_DENOMINATOR`, or the arrays hold Python integers.
    """
    sizes = np.abs(units)
    whole, rest = sizes // denominators, sizes % denominators
    parts = (whole * numerators + half_up(rest * numerators, denominators)).astype(np.int64)
    shares: Int64s = np.where(units < 0, -parts, parts)
    return shares


def summed(units: Int64s, groups: Int64s, count: int) -> Int64s:
    """The sum of the units of each of `count` groups."""
    totals = np.zeros(count, dtype=np.int64)
    np.add.at(totals, groups, units)
    return totals


def runs(sizes: Int64s) -> tuple[Int64s, Int64s]:
    """For runs of these sizes one after another: each element's run, and its place within it from 0."""
    owner = np.repeat(np.arange(sizes.size), sizes)
    starts = np.cumsum(sizes) - sizes
    return owner, np.arange(owner.size) - starts[owner]
