"""JSON bodies, whole or item by item, with every number exact, and no value without bounds.

Here: bytes to Python values. Not here: what the values mean.

A number that nobody means, and what is nested deeper than any record, become an `UnreadableValue` where they
stand: they cost a record only where the record needs the field.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import IO, Any

#: More digits, and larger exponents, than any amount, id or hour has.
LONGEST_NUMBER = 100
#: Lists and objects within each other; records have four levels.
DEEPEST = 64
#: Characters of one item of a list that is read item by item.
LARGEST_ITEM = 64 << 20
#: Likewise of one that is nested too deep, whose end is found far more slowly.
_LARGEST_DEEP_ITEM = 8 << 20

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
_BRACKET_OR_TEXT = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_CONTAINERS = (dict, list)
_FIRST_OBJECT = re.compile(rb'\s*\[\s*(?P<object>\{\s*(?P<name>"[^"\\]+")\s*:)')


class UnreadableBodyError(Exception):
    """A body is not the JSON that was promised, or not all of it."""


@dataclass(frozen=True, slots=True)
class UnreadableValue:
    """Stands for a value beyond all bounds, in no type that a field could have. `text` is what a person may see."""

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def read_json(body: IO[bytes]) -> Any:
    """The value of a whole body; numbers with a fraction are `Decimal`, and NaN and infinities are too.

    Raises UnreadableBodyError.
    """
    reader = _Reader(body)
    value = reader.value()
    reader.expect_end()
    return value


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
    reader = _Reader(body)
    # A body that is no array would read as one without items, and so as "there is nothing any more".
    if reader.take_sign() != "[":
        raise UnreadableBodyError("an array was promised, and something else came")
    if reader.sign() == "]":
        reader.take_sign()
    else:
        yield reader.value()
        while (sign := reader.take_sign()) == ",":
            yield reader.value()
        if sign != "]":
            raise UnreadableBodyError("an item is followed by something else than an item")
    reader.expect_end()


def raw_objects(body: IO[bytes], size: int) -> Iterator[list[bytes]]:
    """The items of a body that is an array of objects, as bytes that nobody has looked into, about `size` at a time.

    They are distinguished by the first member's name, which all of them should begin with: an array without a name so
    nested is divided rightly, and any other into pieces that are not all JSON. Raises UnreadableBodyError where the body
    is not in UTF-8, or no such array; whoever finds a piece that is no JSON must read the body in another way, too.
    """
    waiting = body.read(size)
    start = _FIRST_OBJECT.match(waiting)
    if start is None:
        raise UnreadableBodyError("an array of objects was promised, and something else came")
    border = re.compile(rb"\}\s*,\s*(?=\{\s*" + re.escape(start["name"]) + rb"\s*:)")
    waiting = waiting[start.start("object") :]
    while piece := body.read(size):
        waiting += piece
        *whole, waiting = _divided(waiting, border)
        if whole:
            yield _utf8(whole)
        elif len(waiting) > LARGEST_ITEM:
            raise UnreadableBodyError("a value is not whole, or too large")
    end = waiting.rstrip()
    if not end.endswith(b"]"):
        raise UnreadableBodyError("the array does not end")
    yield _utf8(_divided(end[:-1], border))


def _divided(content: bytes, border: re.Pattern[bytes]) -> list[bytes]:
    """The pieces between the borders, each with the bracket that the border begins with."""
    pieces, start = [], 0
    for found in border.finditer(content):
        pieces.append(content[start : found.start() + 1])
        start = found.end()
    return [*pieces, content[start:]]


def _utf8(pieces: list[bytes]) -> list[bytes]:
    try:
        for piece in pieces:
            piece.decode()
    except UnicodeDecodeError:
        raise UnreadableBodyError("the characters are not those of JSON") from None
    return pieces


class _Reader:
    """Reads JSON values from a body that is decoded a piece at a time."""

    def __init__(self, body: IO[bytes]) -> None:
        self._body = body
        start = body.read(4)
        body.seek(0)
        decoder = codecs.getincrementaldecoder(json.detect_encoding(start))
        # As the standard library reads JSON: half a character is for the record's reader to judge.
        self._decoder = decoder("surrogatepass")
        self._text = ""
        self._position = 0
        self._is_whole = False

    def sign(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._position)
            self._position = match.end() if match else self._position
            if self._position < len(self._text):
                return self._text[self._position]
            if self._is_whole:
                return ""
            self._read_on(_CHUNK)

    def take_sign(self) -> str:
        """Likewise, and goes past it."""
        sign = self.sign()
        self._position += len(sign)
        return sign

    def expect_end(self) -> None:
        """Raises UnreadableBodyError where anything but space follows."""
        if self.sign():
            raise UnreadableBodyError("the value is followed by something else")

    def value(self) -> Any:
        """The next value."""
        self.sign()
        while True:
            found = _decode(self._text, self._position)
            # A number may go on in what was not read yet.
            if found is not None and (self._is_whole or found[1] < len(self._text)):
                value, self._position = found
                return value
            waiting = len(self._text) - self._position
            if self._is_whole or waiting > LARGEST_ITEM:
                raise UnreadableBodyError("a value is not whole, or too large")
            # As much again as there is, so that no value is gone through more than a few times.
            self._read_on(max(_CHUNK, waiting))

    def _read_on(self, size: int) -> None:
        piece = self._body.read(size)
        self._is_whole = not piece
        try:
            self._text = self._text[self._position :] + self._decoder.decode(piece, final=self._is_whole)
        except UnicodeError:
            raise UnreadableBodyError("the characters are not those of JSON") from None
        self._position = 0


def _integer(text: str) -> int | UnreadableValue:
    return int(text) if len(text) <= LONGEST_NUMBER else _no_number(text)


def _fraction(text: str) -> Decimal | UnreadableValue:
    if len(text) <= LONGEST_NUMBER:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return _no_number(text)
        # An exponent is written in a few characters, and its number would fill the memory.
        if -LONGEST_NUMBER <= number.adjusted() <= LONGEST_NUMBER:
            return number
    return _no_number(text)


def _no_number(text: str) -> UnreadableValue:
    length = f" ({len(text):,} characters)" if len(text) > LONGEST_NUMBER else ""
    return UnreadableValue(f"{text[:20]}…{length}" if length else text)


_scan = json.JSONDecoder(parse_int=_integer, parse_float=_fraction, parse_constant=Decimal).raw_decode


def _decode(text: str, position: int) -> tuple[Any, int] | None:
    """The value that begins there, and where it ends; None where it is not whole, or none."""
    try:
        value, end = _scan(text, position)
    except ValueError:
        return None
    except RecursionError:
        if len(text) - position > _LARGEST_DEEP_ITEM:
            raise UnreadableBodyError("a value is nested too deep, and too large") from None
        shallow = _without_depth(text, position)
        if shallow is None:
            return None
        end = shallow[1]
        try:
            value = _scan(shallow[0])[0]
        except ValueError:
            return None
    return _pruned(value), end


def _without_depth(text: str, position: int) -> tuple[str, int] | None:
    """The text of the value that begins there, without what is nested far too deep, and where it ended."""
    parts: list[str] = []
    depth, start = 0, position
    for found in _BRACKET_OR_TEXT.finditer(text, position):
        sign = found.group()
        if sign in "[{":
            depth += 1
            if depth == DEEPEST + 2:
                parts += [text[start : found.start()], "0"]
        elif sign in "]}":
            depth -= 1
            if depth == DEEPEST + 1:
                start = found.end()
            elif depth == 0:
                parts.append(text[start : found.end()])
                return "".join(parts), found.end()
    return None


def _pruned(value: Any) -> Any:
    """The value, with an UnreadableValue for each list and object that is nested too deep."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(DEEPEST - 1):
        level = [child for parent in level for child in _members(parent) if type(child) in _CONTAINERS]
        if not level:
            return value
    for parent in level:
        for key, child in list(parent.items() if type(parent) is dict else enumerate(parent)):
            if type(child) in _CONTAINERS:
                parent[key] = UnreadableValue(f"(nested more than {DEEPEST} levels deep)")
    return value


def _members(parent: Any) -> Any:
    return parent.values() if type(parent) is dict else parent
