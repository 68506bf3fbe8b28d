"""Records to frames: each record is validated, those that cannot be read become problems, the rest a frame.

Here: what is the same for every kind of record of every source. Not here: the kinds themselves, which are the
wire models' modules (`codex_models`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from ledger_pipelines.errors import Problem, SourceUnavailableError
from ledger_pipelines.sources.http.redaction import redact, redact_text
from ledger_pipelines.sources.records.faults import (
    LONGEST_TEXT,
    digest_id,
    fault,
    plain,
    plain_text,
    quoted,
    short,
)
from ledger_pipelines.sources.records.lenient import Repaired, repair

#: Few enough that Python's garbage collection finds little to walk through; it cost a quarter of the time.
_BATCH = 2_000
#: Pages of one list: a list that has more has no end.
_MOST_PAGES = 20_000
#: What a frame raises for a value that fits its model and not its column.
_UNFIT = (pa.ArrowException, ArithmeticError, ValueError)


@dataclass(frozen=True)
class Entity:
    """A kind of record: its wire model, its frame, and what it is called.

    `rows` validates a list of records to a list of mappings with the frame's columns; a column that a mapping
    lacks is `defaults`'s, else null. A column of `stand_ins` that is null or empty takes another column's
    value. Where `owner_column` is set, its value comes with the record, not in it. `describe` gives the id
    that the record is known by (None when it has none) and its name in a sentence, from a record of any
    quality and its owner. Of several records with one key, the one that `prefer` puts highest is kept.
    `texts` are fields that are too large for a problem's details. `operation` is what its problems are filed
    under, the plural where it is None. `lost` says what of money or hours is missing without a record, to complete
    the sentence "…, so that …"; None where that is unknown. `model` is the wire model whose marks say which
    fields a record can do without (`lenient`); without it a record can do without none.
    """

    plural: str
    singular: str
    rows: TypeAdapter[list[Any]]
    schema: pa.Schema
    key: tuple[str, ...]
    describe: Callable[[Mapping[str, Any], str | None], tuple[str | None, str]]
    owner_column: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    prefer: str | None = None
    texts: frozenset[str] = frozenset()
    operation: str | None = None
    lost: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    model: Any = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A frame, sorted by its key, and a problem for each record that it lacks, had to choose or spared a field of."""

    frame: pa.Table
    problems: list[Problem]


def frame_schema(**columns: pa.DataType) -> pa.Schema:
    """A frame's schema; a name that ends in `_` stands for a required column."""
    return pa.schema(
        [pa.field(name.rstrip("_"), kind, not name.endswith("_")) for name, kind in columns.items()]
    )


class RecordReader:
    """Reads the records of one kind from one answer of a source. Not for several threads."""

    def __init__(self, integration: str, entity: Entity) -> None:
        self._integration = integration
        self._entity = entity
        self._records: list[object] = []
        self._owners: list[str | None] = []
        self._batches: list[pa.RecordBatch] = []
        self.problems: list[Problem] = []

    def add(self, records: Sequence[object], owner: str | None = None) -> None:
        """Takes records, in any order; they are validated many at a time."""
        self._records += records
        self._owners += [owner] * len(records)
        if len(self._records) >= _BATCH:
            self._flush()

    def add_columns(self, batch: pa.RecordBatch) -> None:
        """Takes records that were read as columns already, with nothing wrong with them (`columnar`)."""
        if batch.num_rows:
            self._batches.append(batch)

    def frame(self) -> pa.Table:
        """Everything readable so far, sorted by its key, each key once; says in `problems` what was not.

        The same records give the same frame and problems in whatever order they came.
        """
        self._flush()
        table = without_nul(pa.Table.from_batches(self._batches, self._entity.schema))
        return self._distinct(sort_by(table, self._entity.key))

    def _flush(self) -> None:
        records, owners = self._records, self._owners
        self._records, self._owners = [], []
        repaired = [False] * len(records)
        while records:
            try:
                rows = self._entity.rows.validate_python(records)
            except ValidationError as error:
                records, owners, repaired = self._without_faults(records, owners, repaired, error)
            else:
                self._batches.append(self._fitting(rows, owners))
                return

    def _without_faults(
        self, records: list[Any], owners: list[str | None], was_repaired: list[bool], error: ValidationError
    ) -> tuple[list[Any], list[str | None], list[bool]]:
        """The records that are left: those without faults, and those that can do without the faulty fields.

        A record that has a fault again, after its fields were left out, is not mended a second time.
        """
        faults: dict[int, list[Any]] = defaultdict(list)
        for detail in error.errors(include_url=False, include_context=False):
            faults[int(detail["loc"][0])].append(detail)
        readable: list[tuple[Any, str | None, bool]] = []
        for index, (record, owner, is_repaired) in enumerate(zip(records, owners, was_repaired, strict=True)):
            details = faults.get(index)
            if details is None:
                readable.append((record, owner, is_repaired))
                continue
            repaired = None if is_repaired else repair(self._entity.model, record, details)
            self.problems.append(self._faulty(record, owner, details, repaired))
            if repaired is not None:
                readable.append((repaired.record, owner, True))
        return [row[0] for row in readable], [row[1] for row in readable], [row[2] for row in readable]

    def _fitting(self, rows: list[Mapping[str, Any]], owners: list[str | None]) -> pa.RecordBatch:
        """The rows as a batch, without those that hold more than a column takes."""
        try:
            return self._batch(rows, owners)
        except _UNFIT:
            return self._batch(*self._fit(rows, owners))

    def _fit(
        self, rows: list[Mapping[str, Any]], owners: list[str | None]
    ) -> tuple[list[Mapping[str, Any]], list[str | None]]:
        """The rows that a frame takes, with their owners; a problem for each other."""
        fitting: list[int] = []
        for index, (row, owner) in enumerate(zip(rows, owners, strict=True)):
            try:
                self._batch([row], [owner])
            except _UNFIT:
                name, label = self._entity.describe(row, owner)
                message = f"{short(label)} holds a value that is larger than can be kept{self._lost(row)}."
                details = {"account_number": owner, "record": row} if owner else {"record": row}
                self.problems.append(
                    problem(self._integration, self._entity, name or digest_id(row, owner), message, details)
                )
            else:
                fitting.append(index)
        return [rows[index] for index in fitting], [owners[index] for index in fitting]

    def _batch(self, rows: list[Mapping[str, Any]], owners: list[str | None]) -> pa.RecordBatch:
        arrays = []
        for column in self._entity.schema:
            if column.name == self._entity.owner_column:
                values: list[Any] = owners
            else:
                default = self._entity.defaults.get(column.name)
                values = [row.get(column.name, default) for row in rows]
            if stand_in := self._entity.stand_ins.get(column.name):
                values = [value or row[stand_in] for value, row in zip(values, rows, strict=True)]
            arrays.append(_array(values, column.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self._entity.schema)

    def _faulty(
        self, record: object, owner: str | None, details: Iterable[Any], repaired: Repaired | None
    ) -> Problem:
        """What is wrong with a record: an error, or a mere note where it counts without what bears on nothing."""
        known = record if isinstance(record, Mapping) else {}
        name, label = self._entity.describe(known, owner)
        faults = " and ".join(sorted({fault(detail) for detail in details}))
        counts = f": it counts {repaired.note}" if repaired else self._lost(known)
        return problem(
            self._integration,
            self._entity,
            name if name is not None else digest_id(record, owner),
            f"{short(label)} {faults}{counts}.",
            {"account_number": owner, "record": record} if owner else {"record": record},
            is_blocking=repaired is None,
        )

    def _lost(self, record: Mapping[str, Any]) -> str:
        lost = self._entity.lost(record)
        return f", so that {lost}" if lost else ""

    def _distinct(self, table: pa.Table) -> pa.Table:
        """The table (sorted by its key) with one row for each key; a problem for each that had more."""
        repeats = _repeats(table, self._entity.key)
        if not repeats.any():
            return table
        keep = np.ones(table.num_rows, dtype=bool)
        for start, end in _runs(repeats):
            rows = table.slice(start, end - start).to_pylist()
            best = max(range(len(rows)), key=lambda index: self._preference(rows[index]))
            keep[start:end] = False
            keep[start + best] = True
            rows.sort(key=self._preference, reverse=True)
            self.problems.append(self._repeated(rows))
        return table.filter(pa.array(keep))

    def _repeated(self, rows: list[dict[str, Any]]) -> Problem:
        """Several records with one key, the kept one first: which it is.

        A mere note where all say the same, or where there is a reason for the choice.
        """
        chosen = rows[0]
        owner = chosen.get(self._entity.owner_column or "")
        name, label = self._entity.describe(chosen, owner)
        differing = [column for column in chosen if any(row[column] != chosen[column] for row in rows)]
        if not differing:
            which = "the same each time, and counts once"
        elif self._entity.prefer in differing:
            which = f"and the one with the latest {self._entity.prefer} is kept"
        else:
            which = f"and the one with the {differing[0]} {quoted(chosen[differing[0]])} is kept"
        return problem(
            self._integration,
            self._entity,
            name or digest_id(chosen, owner),
            f"{label} came {len(rows)} times in one answer, {which}.",
            {"records": rows},
            is_blocking=bool(differing) and self._entity.prefer not in differing,
        )

    def _preference(self, row: Mapping[str, Any]) -> tuple[str, str]:
        first = str(row[self._entity.prefer]) if self._entity.prefer else ""
        return first, json.dumps(row, default=str, sort_keys=True)


class PageReader:
    """Reads the records of one kind from answers that follow each other: the pages of one list.

    A record that is on two pages moved while they were read, and the later page's is kept (or the one that
    `Entity.prefer` puts highest); a record that is twice on one page is a problem.
    """

    def __init__(self, integration: str, entity: Entity) -> None:
        self._integration = integration
        self._entity = entity
        self._frames = [entity.schema.empty_table()]
        self._problems: list[Problem] = []

    def add(self, records: Sequence[object]) -> None:
        """Takes the records of the next page. Raises SourceUnavailableError when there is no end of them."""
        if len(self._frames) > _MOST_PAGES:
            raise SourceUnavailableError(
                f"The list of {self._entity.plural} from {self._integration} has no end: {_MOST_PAGES:,} pages were "
                "read, and more follow; check the address in its settings, and look into its log."
            )
        reader = RecordReader(self._integration, self._entity)
        reader.add(records)
        self._frames.append(reader.frame())
        self._problems += reader.problems

    def reading(self) -> Reading:
        """What all pages so far give."""
        return Reading(latest_of(self._frames, self._entity), in_order(self._problems))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The problems without repeats, in an order that does not depend on the answers'."""
    distinct = {(problem.operation, problem.external_id, problem.message): problem for problem in problems}
    return [distinct[key] for key in sorted(distinct)]


def problem(
    integration: str,
    entity: Entity,
    external_id: str,
    message: str,
    details: Mapping[str, Any],
    *,
    is_blocking: bool = True,
) -> Problem:
    """A problem with one record, its details without secrets and without large texts, fit for JSON."""
    return Problem(
        integration=integration,
        operation=entity.operation or entity.plural,
        entity_type=entity.singular,
        external_id=external_id,
        message=plain_text(redact_text(message), 2 * LONGEST_TEXT),
        details=redact(plain(details, entity.texts)),
        is_blocking=is_blocking,
    )


def sort_by(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The rows in ascending order of these columns."""
    order: list[tuple[str, Literal["ascending", "descending"]]] = [(name, "ascending") for name in columns]
    return table.sort_by(order).combine_chunks()


def latest_of(tables: Sequence[pa.Table], entity: Entity) -> pa.Table:
    """The rows of several answers, each key once: the one that `entity.prefer` puts highest.

    Answers that follow each other may show one record twice without anything being wrong with it.
    """
    if len(tables) == 1:
        return tables[0]
    preference = (entity.prefer,) if entity.prefer else ()
    table = sort_by(pa.concat_tables(tables), (*entity.key, *preference))
    repeats = _repeats(table, entity.key)
    if not repeats.any():
        return table
    # A row goes when the next one repeats its key.
    return table.filter(pa.array(~np.append(repeats[1:], False)))


def _repeats(table: pa.Table, key: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each row of a table sorted by its key, whether it repeats the key of the row before."""
    repeats = np.zeros(table.num_rows, dtype=bool)
    if table.num_rows > 1:
        repeats[1:] = True
        for column in key:
            values = table[column].combine_chunks()
            repeats[1:] &= pc.equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    return repeats


def _runs(repeats: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterable[tuple[int, int]]:
    """The half-open spans of rows that share a key with another row."""
    starts = np.flatnonzero(~repeats)
    ends = np.append(starts[1:], len(repeats))
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True) if end - start > 1]


def _array(values: list[Any], kind: pa.DataType) -> pa.Array[Any]:
    """A column. Half a character, which JSON can write and UTF-8 cannot, becomes a question mark."""
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array(_encodable(values), kind)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return value


def without_nul(table: pa.Table) -> pa.Table:
    """The table without NUL characters in its texts: JSON can carry them, PostgreSQL's text cannot."""
    for index, column in enumerate(table.schema):
        values = table.column(index)
        if pa.types.is_string(column.type) and pc.any(pc.match_substring(values, "\0")).as_py():
            table = table.set_column(index, column, pc.replace_substring(values, "\0", ""))
    return table
