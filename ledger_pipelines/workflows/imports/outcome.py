"""What an import step read and wrote, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ledger_pipelines.errors import Problem
from ledger_pipelines.workflows.step import Changes


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """A table that a step filled.

    `frame` is what was computed, with months or, for a source's present state, without; `problems` are what could not be
    read of it; `figures` are counts of the run that a person looks at.
    """

    frame: pa.Table
    changes: Changes
    problems: Sequence[Problem] = ()
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """The tables that a step filled, by name in the order of their lineage."""

    tables: Mapping[str, ImportedTable]
