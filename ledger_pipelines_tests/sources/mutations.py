"""Answers of every source with one value replaced: what the tests of mutated answers are made of."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

_STAND_IN = "@the mutated value@"
#: What takes a value's place, as JSON text; None takes the field itself away.
VALUES: dict[str, str | None] = {
    "missing": None,
    "null": "null",
    "empty": '""',
    "blank": '" "',
    "text": '"abc"',
    "digits": '"12"',
    "true": "true",
    "false": "false",
    "negative": "-1",
    "a fraction": "1.5",
    "a negative fraction": "-0.01",
    "large": "1e30",
    "2^63": str(2**63),
    "10^20": str(10**20),
    "4,301 digits": "9" * 4_301,
    "an exponent": "1e99999999999999999999",
    "a tiny exponent": "1e-99999999999999999999",
    "NaN": "NaN",
    "minus infinity": "-Infinity",
    "a list": "[]",
    "a list of numbers": "[1, 2]",
    "an object": "{}",
    "a secret": '{"a": [{"password": "hunter2-never-shown"}]}',
    "900 deep": "[" * 900 + "]" * 900,
    "50,000 deep": '{"a": [' * 50_000 + "1" + "]}" * 50_000,
    "emoji": '"\\ud83e\\udd8a"',
    "half an emoji": '"\\ud83e"',
    "3,000 characters": json.dumps("Zoë " * 750),
    "NUL": '"a\\u0000b"',
    "terminal escapes": '"\\u001b[2J\\u001b]0;x\\u0007"',
    "lines": '"a\\r\\nb\\tc"',
    "the year 1": '"0001-01-01T00:00:00Z"',
    "the year 9999": '"9999-12-31T23:59:59Z"',
    "no day": '"2025-02-30"',
}


@dataclass(frozen=True)
class Mutation:
    """One value of one record of a tree: where the record is, where in it the value, and what takes its place."""

    record: Path
    field: Path
    value: str

    def __str__(self) -> str:
        where, what = (".".join(map(str, path)) for path in (self.record, self.field))
        return f"{where}: {what or 'the whole record'} is {self.value}"

    def apply(self, tree: Any) -> Mutated:
        """The tree with the value in its place."""
        changed = _copy(tree)
        *way, last = (*self.record, *self.field)
        parent = _at(changed, way)
        if VALUES[self.value] is None:
            del parent[last]
        else:
            parent[last] = _STAND_IN
        return Mutated(changed, VALUES[self.value] or "")

    def without(self, tree: Any) -> Mutated:
        """The tree without the record at all."""
        changed = _copy(tree)
        *way, last = self.record
        # A company of Codex stands within its entry.
        if last == "company":
            *way, last = way
        del _at(changed, way)[last]
        return Mutated(changed, "")


@dataclass(frozen=True)
class Mutated:
    """A tree in which one value stands for a JSON text that Python has no value for."""

    tree: Any
    text: str

    def json(self, value: Any) -> bytes:
        """A part of the tree as JSON."""
        return json.dumps(value).replace(json.dumps(_STAND_IN), self.text).encode()


def _copy(tree: Any) -> Any:
    """A copy in which no two records share a part, as a deep copy's would."""
    return json.loads(json.dumps(tree))


def _at(tree: Any, path: Any) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def fields(record: Any, path: Path = ()) -> Iterator[Path]:
    """The path of the record itself (which is empty) and of every value in it; of a list, those of its first."""
    yield path
    if isinstance(record, dict):
        for name, value in record.items():
            yield from fields(value, (*path, name))
    elif isinstance(record, list) and record:
        yield from fields(record[0], (*path, 0))


def mutations(tree: Any, records: list[Path]) -> list[Mutation]:
    """Every mutation of these records of a tree."""
    return [
        Mutation(record, field, value)
        for record in records
        for field in fields(_at(tree, record))
        for value, text in VALUES.items()
        # Without its first item a list is another one, and no worse.
        if text is not None or (field and isinstance(field[-1], str))
    ]


def seed() -> int:
    """LEDGER_MUTATION_SEED, else always the same."""
    return int(os.environ.get("LEDGER_MUTATION_SEED", "16"))


def share(everything: list[Mutation], of: int, count: int) -> list[Mutation]:
    """As many mutations as are this list's share, where LEDGER_MUTATIONS (else `count`) are shared by `of` lists.

    0 stands for all of them.
    """
    wanted = int(os.environ.get("LEDGER_MUTATIONS", str(count)))
    if wanted == 0:
        return everything
    return random.Random(seed()).sample(everything, min(len(everything), -(-wanted // of)))
