"""Why a company's total is another than in the month before: the lines that came, went and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.months import add_months
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.engine import pooled_connection
from ledger_pipelines.store.queries.client import read_lines

Line = Mapping[str, Any]
#: What makes a line another one, in the words of people.
_FIELD_LABELS = {"type": "type", "quantity": "quantity", "rate": "rate"}


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A line that came (`before` is None), went (`after` is None), or charges something else."""

    before: Line | None
    after: Line | None

    @property
    def current(self) -> Line:
        """The line as it is now, or as it was."""
        line = self.after if self.after is not None else self.before
        assert line is not None  # noqa: S101 - one of them there always is
        return line

    @property
    def state(self) -> str:
        """`added`, `gone` or `changed`."""
        return "added" if self.before is None else "gone" if self.after is None else "changed"

    @property
    def difference(self) -> Decimal:
        """By how much the total is another because of it."""
        return _amount(self.after) - _amount(self.before)

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """What of a changed line is another: the field's name, what it was, and what it is."""
        if self.before is None or self.after is None:
            return []
        before, after = self.before, self.after
        return [
            (words, before[name], after[name])
            for name, words in _FIELD_LABELS.items()
            if before[name] != after[name]
        ]


@dataclass(frozen=True, slots=True)
class StatementChanges:
    """The changed lines of a company's statement, the largest first, and what they come to in all.

    `before` and `after` are the totals of the lines; None where the month has none.
    """

    lines: Sequence[ChangedLine]
    currency: str

    @property
    def difference(self) -> Decimal:
        return sum((line.difference for line in self.lines), Decimal(0))


def statement_changes(
    database: Database, account: str, month: date, lines: Sequence[Line]
) -> StatementChanges:
    """How these lines of a month's statement differ from the stored ones of the month before."""
    with pooled_connection(database) as connection:
        earlier = read_lines(connection, account, [add_months(month, -1)])
    before, after = (
        {(one["source_type"], one["source_id"]): one for one in some} for some in (earlier, lines)
    )
    changed = [
        ChangedLine(before.get(source), after.get(source))
        for source in sorted({*before, *after})
        if _charged(before.get(source)) != _charged(after.get(source))
    ]
    currencies = [line["currency"] for line in (*lines, *earlier)]
    return StatementChanges(
        sorted(changed, key=lambda one: -abs(one.difference)), currencies[0] if currencies else ""
    )


def _charged(line: Line | None) -> tuple[Any, ...] | None:
    return None if line is None else (*(line[name] for name in _FIELD_LABELS), line["amount"])


def _amount(line: Line | None) -> Decimal:
    return Decimal(0) if line is None else Decimal(line["amount"])
