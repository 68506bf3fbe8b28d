"""JSON bodies, whole or item by item, with every number exact.

Here: bytes to Python values. Not here: what the values mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any

import ijson

_CHUNK = 1 << 20


class UnreadableBodyError(Exception):
    """A body is not the JSON that was promised, or not all of it."""


def read_json(body: IO[bytes]) -> Any:
    """The value of a whole body; numbers with a fraction are `Decimal`, and NaN and infinities are too.

    Raises UnreadableBodyError.
    """
    try:
        return json.loads(body.read(), parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError(str(error)) from None


def read_list(body: IO[bytes]) -> list[Any]:
    """The items of a whole body that is an array. Raises UnreadableBodyError, also for any other value."""
    value = read_json(body)
    if not isinstance(value, list):
        raise UnreadableBodyError(f"an array was promised, and {type(value).__name__} came")
    return value


def iterate_list(body: IO[bytes]) -> Iterator[Any]:
    """The items of a body that is an array, one at a time, so that memory holds one item and not the body.

    Raises UnreadableBodyError as soon as it is known: possibly after the last readable item.
    """
    start = body.read(64).lstrip()
    # A body that is no array would read as one without items, and so as "there is nothing any more".
    if not start.startswith(b"["):
        raise UnreadableBodyError("an array was promised, and something else came")
    body.seek(0)
    try:
        yield from ijson.items(body, "item", buf_size=_CHUNK)
    except (ijson.JSONError, ValueError) as error:
        raise UnreadableBodyError(type(error).__name__) from None
