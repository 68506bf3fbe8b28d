"""Whether a list of a source was read whole and may be trusted: what could not be read is not absent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import psycopg
import pyarrow as pa

from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import ENTITY, is_doubtful, shrunken_list
from ledger_pipelines.sources.records.lists import ListReading
from ledger_pipelines.store.integration_errors import take_confirmation, without_ignored
from ledger_pipelines.store.source_lists import keep_list_sizes, read_list_sizes


@dataclass(frozen=True, slots=True)
class SourceList:
    """A kind of list of a source: whose, which step reads it, what its records are called, and its name for people."""

    integration: str
    operation: str
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What is wrong with a list that was read, beside its single records: `problems` are of whole lists.

    `is_complete`: every record could be read, the list was read to its end, and it has not become doubtfully short.
    """

    problems: list[Problem]
    is_complete: bool

    @property
    def is_whole(self) -> bool:
        """Whether no record can be missing without a word."""
        return not self.problems


def judge(
    connection: psycopg.Connection,
    of: SourceList,
    reading: ListReading,
    *,
    known: int,
    keys: Collection[str],
    read_at: datetime,
) -> Trust:
    """How far a reading can be trusted, and remembers the sizes of the lists that are accepted.

    `keys` are those of the records that were read; `known` is how many there were where no list's size was ever kept.
    To ignore the error of a list confirms it, once; to ignore that of a record is to do without it. For a transaction
    in which the reading is written, too.
    """
    before = read_list_sizes(connection, of.integration, of.kind)
    # A list that is asked for no more, such as an academy's, is one without records.
    now = dict.fromkeys(before, 0) | dict(reading.sizes)
    compared = {name: (before.get(name, 0), size) for name, size in now.items()}
    if not before:
        compared = {of.kind: (known, sum(reading.sizes.values()))}
    doubted = {}
    for name, (had, has) in sorted(compared.items()):
        doubt = shrunken_list(of.integration, of.operation, of.source, name, before=had, now=has)
        if is_doubtful(had, has) and not take_confirmation(connection, doubt):
            doubted[name] = doubt
    believed = {name: size for name, size in now.items() if name not in doubted and of.kind not in doubted}
    keep_list_sizes(connection, of.integration, believed, read_at=read_at)
    doubts = list(doubted.values())
    for problem in reading.problems:
        if problem.entity_type == ENTITY and not take_confirmation(connection, problem):
            doubts.append(problem)
    unknown = [
        problem
        for problem in without_ignored(connection, reading.problems)
        if problem.is_blocking and problem.entity_type != ENTITY and problem.external_id not in keys
    ]
    return Trust(doubts, not doubts and not unknown)


def keys_of(frame: pa.Table, name: str) -> frozenset[str]:
    """The keys of the records that were read, as problems name them."""
    return frozenset(map(str, frame[name].to_pylist()))
