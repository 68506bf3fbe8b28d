"""Records as columns at once: the quick way for those that are plainly well-formed, thousands at a time.

A field type of a wire model is marked with a `Columnar` beside its validator. It reads the values that nobody would
argue about, and says of all others that they are not plain: their records go the thorough way, one by one (`frames`).
Both ways give the same frame. Here: from JSON objects to a frame's columns. Not here: the models, and what is wrong
with a record that is not plain.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from ledger_pipelines.sources.records.lenient import Lenient, unwrapped

if typing.TYPE_CHECKING:
    from ledger_pipelines.sources.records.frames import Entity

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_SMALLEST_BLOCK = 1 << 20
#: A small letter or underscore that is written as an escape, which no encoder does: with one a name may be any other.
_ESCAPED_LETTER = re.compile(rb"\\u00(?:6[1-9a-fA-F]|7[0-9aA]|5[fF])")


class NotPlainError(Exception):
    """JSON objects have among them what cannot be read as columns: they are for the thorough way."""


@dataclass(frozen=True, slots=True)
class Columnar:
    """How a field's values are read as a column.

    `read_as` is what each is in JSON, null where it is null or missing: a value of another kind is not plain. `convert`
    gives the frame's values, and for each whether it is plain; it raises ArrowInvalid where that is undecidable.
    """

    read_as: pa.DataType
    convert: Callable[[Any], tuple[Any, Any]]


def _any_value(values: Any) -> tuple[Any, Any]:
    return values, _all_true(values)


def _any_but_null(values: Any) -> tuple[Any, Any]:
    return values, pc.is_valid(values)


def _null_is(replacement: object, values: Any) -> Any:
    return pc.fill_null(values, replacement)


def _all_true(values: Any) -> Any:
    return pa.repeat(pa.scalar(True), len(values))


def _matching(pattern: str, values: Any) -> Any:
    return _null_is(False, pc.match_substring_regex(values, pattern))


def _where(plain: Any, values: Any) -> Any:
    """The values that are plain, null in place of the others."""
    return pc.if_else(plain, values, pa.scalar(None, values.type))


def _absent(values: Any) -> Any:
    """Which texts say that there is no value: null and the empty one."""
    return _null_is(True, pc.equal(values, pa.scalar("")))


def _key(values: Any) -> tuple[Any, Any]:
    return values, _matching(r"^[!-~](?:[ -~]{0,198}[!-~])?$", values)


def _not_negative(values: Any) -> tuple[Any, Any]:
    return values, _null_is(True, pc.greater_equal(values, pa.scalar(0, values.type)))


def _id(values: Any) -> tuple[Any, Any]:
    return values, _null_is(False, pc.greater_equal(values, pa.scalar(0, values.type)))


def _bytes(values: Any) -> tuple[Any, Any]:
    return _not_negative(_null_is(0, values))


def _hours(values: Any) -> tuple[Any, Any]:
    plain = pc.and_(
        pc.greater_equal(values, pa.scalar(0, values.type)), pc.less(values, pa.scalar(100_000, values.type))
    )
    return values, _null_is(False, plain)


_INSTANT = r"^(?:19[7-9]\d|2[01]\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?(?:Z|\+00:00)?$"
_DAY = r"^(?:19|[2-9]\d)\d\d-\d\d-\d\d(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{6})?(?:Z|\+00:00)?)?$"
_TERABYTES = r"^\d{1,10}(?:\.\d{1,2})?$"


def _instant(values: Any) -> tuple[Any, Any]:
    plain = _matching(_INSTANT, values)
    local = pc.ascii_rtrim(_where(plain, values), "Z")
    naive = pc.replace_substring(local, "+00:00", "").cast(pa.timestamp("us"))
    return naive.view(pa.timestamp("us", "UTC")), plain


def _optional_instant(values: Any) -> tuple[Any, Any]:
    instants, plain = _instant(values)
    return instants, pc.or_(plain, _absent(values))


def _optional_date(values: Any) -> tuple[Any, Any]:
    plain = _matching(_DAY, values)
    days = pc.utf8_slice_codeunits(_where(plain, values), 0, 10)
    return days.cast(pa.date32()), pc.or_(plain, _absent(values))


def _terabytes(values: Any) -> tuple[Any, Any]:
    plain = _matching(_TERABYTES, values)
    return _where(plain, values).cast(pa.decimal128(14, 2)), pc.or_(plain, _absent(values))


TEXT = Columnar(pa.string(), _any_value)
FLAG = Columnar(pa.bool_(), _any_value)
REQUIRED_FLAG = Columnar(pa.bool_(), _any_but_null)
KEY = Columnar(pa.string(), _key)
ID = Columnar(pa.int64(), _id)
OPTIONAL_ID = Columnar(pa.int64(), _not_negative)
BYTES = Columnar(pa.int64(), _bytes)
TERABYTES = Columnar(pa.string(), _terabytes)
HOURS = Columnar(pa.decimal128(28, 18), _hours)
INSTANT = Columnar(pa.string(), _instant)
OPTIONAL_INSTANT = Columnar(pa.string(), _optional_instant)
OPTIONAL_DATE = Columnar(pa.string(), _optional_date)


class ColumnReader:
    """Reads records of one kind as columns. Every field of its model has a `Columnar`, or is text that may be null."""

    def __init__(self, entity: Entity) -> None:
        self._entity = entity
        hints = typing.get_type_hints(entity.model, include_extras=True)
        self._fields = {name: _columnar(annotation) for name, annotation in hints.items()}

    @property
    def read_as(self) -> pa.DataType:
        """A record as JSON has it, without the fields that are not needed."""
        return pa.struct([pa.field(name, columnar.read_as) for name, columnar in self._fields.items()])

    @property
    def exact_numbers(self) -> list[str]:
        """The fields with decimals, for which Arrow also takes a number that is written as text."""
        return [name for name, columnar in self._fields.items() if pa.types.is_decimal(columnar.read_as)]

    def columns(self, records: Any, owners: Any = None) -> tuple[pa.RecordBatch, Mask]:
        """The records (a struct array of `read_as`) as the frame's columns, and which of them are plain.

        The columns of the others mean nothing. Raises ArrowInvalid where that is undecidable.
        """
        schema, plain = self._entity.schema, records.is_valid()
        columns: dict[str, Any] = {}
        for name, columnar in self._fields.items():
            columns[name], is_plain = columnar.convert(records.field(name))
            plain = pc.and_(plain, is_plain)
        for name, stand_in in self._entity.stand_ins.items():
            columns[name] = pc.if_else(_absent(columns[name]), columns[stand_in], columns[name])
        if self._entity.owner_column is not None:
            columns[self._entity.owner_column] = owners
        batch = pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
        return batch, plain.to_numpy(zero_copy_only=False)


def read_objects(items: Sequence[bytes], schema: pa.Schema, exact_numbers: Sequence[str]) -> pa.Table:
    """JSON objects as a table of their members in the schema, null where one is null or missing; numbers exact.

    `exact_numbers` are the names of members with decimals, at any depth. Raises NotPlainError where a member is of
    another kind than the schema's, or an item is not exactly one object.
    """
    content = b"\n".join(items)
    if _ESCAPED_LETTER.search(content) or any(_as_text(name).search(content) for name in exact_numbers):
        raise NotPlainError
    try:
        table = pajson.read_json(
            # Typed as a file of Python's, which is what the reader must not have: its threads outlive the process.
            cast("typing.IO[bytes]", pa.BufferReader(content)),
            read_options=pajson.ReadOptions(
                use_threads=False, block_size=max(_SMALLEST_BLOCK, 2 * max(map(len, items)))
            ),
            parse_options=pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        raise NotPlainError from None
    if table.num_rows != len(items):
        raise NotPlainError
    return table


def _as_text(name: str) -> re.Pattern[bytes]:
    """The member with a text as its value."""
    return re.compile(rb'"%s"\s*:\s*"' % name.encode())


def _columnar(annotation: Any) -> Columnar:
    kind, metadata = unwrapped(annotation)
    marks = [mark for mark in metadata if isinstance(mark, Columnar)]
    if marks:
        return marks[0]
    if kind is str and all(isinstance(item, Lenient) for item in metadata):
        return TEXT
    raise TypeError(f"{annotation} has no columnar form")
