"""Watches the frames that the rules make: money that became a float or a Python object is found where it happens.

pandas makes such columns without a word (a bare `Decimal` in `assign`, decimals of two types in `concat`, `decimal *
0.5`). A room's tests use it by importing the fixture `watched_frames` in their `conftest.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any

import pandas as pd
import pytest
from pandas.api.types import is_float_dtype, is_object_dtype
from pandas.core.groupby.generic import DataFrameGroupBy, SeriesGroupBy

_WATCHED: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (pd, ("concat", "merge")),
    (pd.DataFrame, ("assign", "merge", "join", "melt", "drop_duplicates", "reset_index", "reindex")),
    (pd.Series, ("where", "mask", "fillna", "map", "case_when", "reindex")),
    *(
        (grouped, ("agg", "cumsum", "first", "last", "max", "min", "shift", "size", "sum", "transform"))
        for grouped in (DataFrameGroupBy, SeriesGroupBy)
    ),
)


def inexact_columns(made: Any) -> list[str]:
    """The columns of a frame, or the column itself, that hold floats or Python objects, with their types."""
    if isinstance(made, pd.DataFrame):
        columns = list(zip(made.columns, made.dtypes, strict=True))
    elif isinstance(made, pd.Series):
        columns = [(made.name, made.dtype)]
    else:
        return []
    return [f"{name}: {dtype}" for name, dtype in columns if _is_inexact(dtype)]


@cache
def _is_inexact(dtype: Any) -> bool:
    return is_float_dtype(dtype) or is_object_dtype(dtype)


@pytest.fixture(autouse=True, scope="module")
def watched_frames() -> Iterator[None]:
    """Fails a test in which a rule of `ledger_pipelines` makes a float or an object column."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, names in _WATCHED:
            for name in names:
                patch.setattr(owner, name, _watched(name, getattr(owner, name)))
        yield


def _watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        made = function(*arguments, **named)
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller.startswith("ledger_pipelines."):
            found = inexact_columns(made)
            assert not found, f"{caller}: `{name}` made columns that are not exact: {', '.join(found)}"
        return made

    return call
