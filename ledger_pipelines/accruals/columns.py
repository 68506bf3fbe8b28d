"""What the accruals need of columns beside the shared ones: texts compared, months counted, shares of amounts.

Amounts are hundredths, days are days since 1970 and months are months since 1970, all in arrays of `int64`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.columns import Column, Int64s, array, half_up, int64s
from ledger_pipelines.emails import addresses

#: A day, or a month, that never comes, and a month before all others.
NEVER = 2**31 - 1
ALWAYS = -(2**20)
#: Days and months lie between -SPAN / 2 and SPAN / 2, so that one of them and a row number make one key.
SPAN = 2**23
#: The largest denominator with which `share` stays within 64 bits.
LARGEST_DENOMINATOR = 2**31


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


def addresses_of(values: Column) -> tuple[Int64s, Column]:
    """Every comparable address in a column of e-mail fields: the row that each stands in, and the address."""
    encoded: Any = values.dictionary_encode()
    known = [addresses(text) for text in encoded.dictionary.to_pylist()]
    sizes = np.array([len(one) for one in known], dtype=np.int64)
    flat = array([address for one in known for address in one], pa.string())
    code = int64s(encoded.indices, missing=-1)
    rows = np.flatnonzero(code >= 0)
    owner, place = runs(sizes[code[rows]])
    starts = np.cumsum(sizes) - sizes
    return rows[owner], flat.take(array(starts[code[rows]][owner] + place))


def words(text: str) -> str:
    """The words of a text in one case, parted by single spaces: `Full-Stack (PT)` is `full stack pt`."""
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text.casefold()).split())


def months_of(days: Int64s) -> Int64s:
    """The months that days lie in."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def first_days(months: Int64s) -> Int64s:
    """The first days of months."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


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


def keyed(rows: Int64s, times: Int64s) -> Int64s:
    """Keys that are ordered by row and then by time (days or months), for np.searchsorted."""
    keys: Int64s = rows * SPAN + np.clip(times, -SPAN // 2, SPAN // 2 - 1) + SPAN // 2
    return keys


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
