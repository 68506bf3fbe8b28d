"""Fields that cost their record nothing: one that cannot be read is left out, and the record counts.

A field of a wire model is marked with `Lenient` in its annotation; what is not marked costs the record. Records that
are right are validated without a look at the marks. Here: which faults are spared, and what counts in their place.
Not here: how a record is validated, and how a fault is worded (`frames`).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict


@dataclass(frozen=True, slots=True)
class Lenient:
    """Marks a wire model's field that its record can do without.

    `replacement` gives what counts in the place of a value that cannot be read (None for a missing one), and raises
    ValueError where nothing can: then the record cannot be read. Without it the field is left out. `note` completes
    the sentence "…: it counts …"; braces in it are what counts instead.
    """

    replacement: Callable[[object], object] | None = None
    note: str = "without that"


#: A field that bears on nothing: left out where it cannot be read.
LENIENT = Lenient()


@dataclass(frozen=True, slots=True)
class Repaired:
    """A record that counts without some of its fields, and how it counts, in words."""

    record: Any
    note: str


def repair(model: Any, record: object, faults: Iterable[Mapping[str, Any]]) -> Repaired | None:
    """The record of a wire model without the faults that pydantic found in it.

    `faults` are pydantic's, with the record's position before their location. None where the record cannot do
    without one of the fields.
    """
    notes: list[str] = []
    for fault in faults:
        location = fault["loc"][1:]
        found = _mark(model, location)
        if found is None:
            return None
        mark, depth = found
        try:
            record, value = _replaced(record, location[:depth], mark)
        except (ValueError, LookupError, TypeError):
            return None
        notes.append(mark.note.format(value))
    return Repaired(record, " and ".join(dict.fromkeys(notes)))


def _mark(model: Any, location: Sequence[str | int]) -> tuple[Lenient, int] | None:
    """The mark on the way to a location, and after how many of its parts it stands."""
    kind, _ = unwrapped(model)
    for depth, part in enumerate(location, start=1):
        if isinstance(part, int):
            members = get_args(kind)
            if get_origin(kind) is not list or not members:
                return None
            annotation = members[0]
        else:
            annotation = _field(kind, part)
            if annotation is None:
                return None
        kind, metadata = unwrapped(annotation)
        for item in metadata:
            if isinstance(item, Lenient):
                return item, depth
    return None


def _field(kind: Any, name: str) -> Any:
    """The annotation of a model's field by the name that it has on the wire; None where it has no such field."""
    if not is_typeddict(kind):
        return None
    for field_name, annotation in typing.get_type_hints(kind, include_extras=True).items():
        _, metadata = unwrapped(annotation)
        aliases = [
            item.validation_alias
            for item in metadata
            if isinstance(item, FieldInfo) and item.validation_alias
        ]
        names = [
            choice
            for alias in aliases
            for choice in (alias.choices if isinstance(alias, AliasChoices) else [alias])
        ] or [field_name]
        if name in names:
            return annotation
    return None


def unwrapped(kind: Any) -> tuple[Any, list[Any]]:
    """A type without Annotated, Required and Optional around it, and what it was annotated with."""
    metadata: list[Any] = []
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            metadata += kind.__metadata__
            kind = kind.__origin__
        elif origin in (typing.Required, typing.NotRequired):
            (kind,) = get_args(kind)
        elif origin in (Union, types.UnionType):
            members = [member for member in get_args(kind) if member is not type(None)]
            if len(members) != 1:
                return kind, metadata
            (kind,) = members
        else:
            return kind, metadata


def _replaced(value: Any, location: Sequence[str | int], mark: Lenient) -> tuple[Any, object]:
    """A copy of the value in which the field at the location is what the mark says, and that; the value itself stays.

    Raises ValueError, LookupError or TypeError where nothing can stand there instead.
    """
    first, *rest = location
    if isinstance(value, list):
        items = list(value)
        items[int(first)], instead = _replaced(value[int(first)], rest, mark)
        return items, instead
    copy = dict(value)
    if rest:
        copy[first], instead = _replaced(value[first], rest, mark)
    elif mark.replacement is None:
        instead = copy.pop(first, None)
    else:
        copy[first] = instead = mark.replacement(copy.get(first))
    return copy, instead
