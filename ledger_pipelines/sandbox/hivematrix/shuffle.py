"""Disorder: Codex promises no order of its arrays, so the sandbox never keeps one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

_Item = TypeVar("_Item")


class Shuffle:
    """Puts lists into an order drawn for one answer; equally long lists get the same one.

    One permutation for each length makes shuffling a million records a matter of milliseconds.
    """

    def __init__(self, seed: int, request: int) -> None:
        """The same seed and request number give the same disorder."""
        self._random = random.Random(f"{seed}/{request}")
        self._pickers: dict[int, Callable[[Any], Any]] = {}

    def __call__(self, items: Sequence[_Item]) -> list[_Item]:
        """`items` in another order."""
        size = len(items)
        if size < 2:
            return list(items)
        if size not in self._pickers:
            order = list(range(size))
            self._random.shuffle(order)
            self._pickers[size] = itemgetter(*order)
        return list(self._pickers[size](items))
