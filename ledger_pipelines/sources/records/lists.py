"""Readings of whole lists: how many records each had, so that one that came back too short can be doubted.

Not here: what is too short (`shrinkage`), and what a reading in which something is missing means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger_pipelines.errors import Problem
from ledger_pipelines.shrinkage import ENTITY
from ledger_pipelines.sources.records.frames import Entity, Reading


@dataclass(frozen=True, slots=True)
class ListReading(Reading):
    """A reading with the number of records, readable or not, of each list that it comes from, by the list's name."""

    sizes: Mapping[str, int]


def incomplete_list(integration: str, entity: Entity, name: str, message: str) -> Problem:
    """The problem that a list was not, or may not have been, read whole; `name` says which one."""
    return Problem(integration, entity.operation or entity.plural, ENTITY, name, message)
