"""What a person sends with a form: texts by name, as they typed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from ledger_pipelines.console.exact import is_storable
from ledger_pipelines.console.identity.person import Person
from ledger_pipelines.console.problems import Refused
from ledger_pipelines.store.edits.editing import Editor

#: The fields of the largest form are some forty.
_MOST_FIELDS = 200
_LONGEST_REASON = 500
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Submitted:
    """A form's fields. What is not there is an empty text."""

    fields: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    def number(self, name: str) -> int | None:
        """A whole number that the form carries for the console, such as the last edit that was seen."""
        text = self[name]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None

    def editor(self, person: Person) -> Editor:
        """Who edits, with the reason that they gave and the last edit that they saw."""
        return Editor(person.name, self["reason"][:_LONGEST_REASON] or None, self.number("seen"))


async def submitted(request: Request) -> Submitted:
    """The form that was sent. Raises Refused for files, and for texts that no record can have."""
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
        fields: dict[str, str] = {}
        for name, value in form.multi_items():
            if not isinstance(value, str) or not is_storable(name) or not is_storable(value):
                raise Refused(422, "The form has signs that no record has: write them anew.")
            fields.setdefault(name, value)
    return Submitted(fields)


FormDep = Annotated[Submitted, Depends(submitted)]
