"""Who is the same person in two systems: by the user of 4Geeks, or by an e-mail address."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ledger_pipelines.accruals.columns import addresses_of, runs
from ledger_pipelines.columns import Column, Int64s, column, positions

_Pairs = tuple[Int64s, Int64s]


def match_users(left: pa.Table, right: pa.Table) -> _Pairs:
    """The rows of both frames with one `user_id`, pair by pair; null is nobody."""
    return _matches(column(left, "user_id"), column(right, "user_id"))


def match_addresses(left: pa.Table, right: pa.Table) -> _Pairs:
    """The rows of both frames whose `email` has an address in common, each pair once."""
    at_left, left_addresses = addresses_of(column(left, "email"))
    at_right, right_addresses = addresses_of(column(right, "email"))
    one, other = _matches(left_addresses, right_addresses)
    pairs = np.unique(at_left[one] * max(right.num_rows, 1) + at_right[other])
    rows, columns = np.divmod(pairs, max(right.num_rows, 1))
    return rows, columns


def match_people(left: pa.Table, right: pa.Table) -> _Pairs:
    """The rows of both frames that are one person: a row of `right` goes by its user where `left` has that user, else
    by its addresses.
    """
    by_user, users = match_users(left, right)
    by_address, addressees = match_addresses(left, right)
    has_user = np.zeros(right.num_rows, dtype=np.bool_)
    has_user[users] = True
    others = ~has_user[addressees]
    return np.concatenate([by_user, by_address[others]]), np.concatenate([users, addressees[others]])


def _matches(left: Column, right: Column) -> _Pairs:
    """The rows of both columns with equal values; null is equal to nothing."""
    distinct = right.drop_null().unique()
    wanted, found = positions(left, distinct), positions(right, distinct)
    order = np.argsort(found, kind="stable")
    known = np.flatnonzero(wanted >= 0)
    first, last = (np.searchsorted(found[order], wanted[known], side) for side in ("left", "right"))
    owner, place = runs(last - first)
    return known[owner], order[first[owner] + place]
