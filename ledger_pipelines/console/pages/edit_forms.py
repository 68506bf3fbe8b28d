"""Forms that edit one row of what people edit: what they show, and what was changed by what they send.

A form carries what each field was when it was shown: only what its person changed is saved, so that nobody takes back
what another has changed meanwhile without seeing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ledger_pipelines.console.pages.edit_words import form_label, label
from ledger_pipelines.console.pages.forms import Submitted
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, parse_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row, row_label, row_meant
from ledger_pipelines.store.edits.editing import Editor, list_rows
from ledger_pipelines.store.edits.tables import FEATURES, Editable
from ledger_pipelines.store.edits.values import parsed_fields
from ledger_pipelines.workflows.edits import Edited, key_of, remove_edit, set_edit
from ledger_pipelines.workflows.proposals import Proposal, RemoveRow, SetRow

MONTHLY, ONCE, YEARLY = "monthly", "once", "yearly"
_KINDS = ((MONTHLY, "each month"), (ONCE, "once"), (YEARLY, "each year"))
MONTHS_NAMED = {number: f"{date(2000, number, 1):%B}" for number in range(1, 13)}
#: How a charge is asked for: its kind, one fee, and when.
_CHARGE = ("kind", "fee", "once_in", "yearly_in")
_CHARGE_COLUMNS = {
    *("monthly_fee", "one_off_fee", "one_off_year", "one_off_month", "yearly_fee", "yearly_month"),
}


@dataclass(frozen=True, slots=True)
class FormField:
    """A field: its value as text, and what it was when the form was shown first. `now` says what is stored, where that
    is another since.
    """

    name: str
    label: str
    control: str
    value: str
    was: str
    choices: Sequence[tuple[str, str]] = ()
    now: str | None = None


@dataclass(frozen=True, slots=True)
class EditForm:
    """A form for a row, or for a new one where `row` is None. `names` are what names it, as texts; one that is empty is
    asked for. `seen` is the last edit that there was when it was shown.
    """

    kind: str
    editable: Editable
    names: Mapping[str, str]
    row: Row | None
    fields: Sequence[FormField]
    from_month: str
    seen: int
    reason: str = ""
    problem: str = ""
    previewed: Any = None

    @property
    def was_from(self) -> str:
        """From when the row holds; empty where that is ever."""
        return month_text(self.row)

    @property
    def row_id(self) -> int | None:
        """The row's number, where it has one."""
        return self.row.get("id") if self.row is not None else None

    @property
    def key(self) -> str:
        """What identifies this form among the page's."""
        return "agreement" if self.kind == "agreement" else "row"

    def by_name(self, name: str) -> FormField:
        """The field of this name."""
        return next(one for one in self.fields if one.name == name)


@dataclass(frozen=True, slots=True)
class Change:
    """What a form asks for: the row, and the fields that its person changed."""

    editable: Editable
    names: Mapping[str, str]
    from_month: date | None
    row_id: int | None
    fields: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False

    def save(self, database: Database, by: Editor) -> Edited:
        """Saves it. Raises as `workflows.edits.set_edit` does, and LedgerError where a new row is there already."""
        self.proposal(database)
        return set_edit(
            database,
            self.editable,
            self.names,
            self.fields,
            from_month=self.from_month,
            row_id=self.row_id,
            by=by,
        )

    def remove(self, database: Database, by: Editor) -> Edited:
        """Removes the row. Raises as `workflows.edits.remove_edit` does."""
        return remove_edit(
            database, self.editable, self.names, from_month=self.from_month, row_id=self.row_id, by=by
        )

    def proposal(self, database: Database) -> Proposal:
        """The same as something to preview. Raises LedgerError for a mistake."""
        key = key_of(database, self.editable, self.names, self.from_month)
        values = parsed_fields(self.editable, self.fields)
        if self.is_new:
            rows = [
                row
                for row in list_rows(database, self.editable, **{n: key[n] for n in self.editable.key})
                if row.get("from_month") == self.from_month
            ]
            if row_meant(self.editable, rows, key, None, values) is not None:
                raise LedgerError(
                    f"There is the {row_label(self.editable, key)} already: change that one instead."
                )
        return SetRow(self.editable, key, values, self.row_id)

    def removal(self, database: Database) -> Proposal:
        """The row's removal as something to preview."""
        key = key_of(database, self.editable, self.names, self.from_month)
        return RemoveRow(self.editable, key, self.row_id)


def month_text(row: Row | None) -> str:
    """From when a row holds, as a form has it."""
    since = row.get("from_month") if row is not None else None
    return "" if since is None else format_month(since)


def parsed_month(text: str) -> date | None:
    """A month of a form; None for an empty one. Raises LedgerError for an invalid one."""
    return parse_month(text) if text else None


def row_fields(
    editable: Editable, row: Row | None, choices: Mapping[str, Sequence[tuple[str, str]]] | None = None
) -> list[FormField]:
    """The fields of a row's form; `choices` are words to propose for fields that take any."""
    texts = row_texts(editable, row)
    proposed = choices or {}
    return [
        FormField(
            name,
            _LABELS.get(name) or label(name),
            _control(editable, name, proposed),
            text,
            text,
            _CHOICES.get(name) or proposed.get(name) or _words(editable, name),
        )
        for name, text in texts.items()
    ]


def with_sent(fields: Sequence[FormField], form: Submitted, *, is_stale: bool) -> list[FormField]:
    """The fields as a form sent them. Where the row was edited since (`is_stale`), untouched ones are what is stored,
    and the others say what that is.
    """
    filled = []
    for one in fields:
        typed, was = form[one.name], form[f"was-{one.name}"]
        if not is_stale:
            filled.append(_like(one, typed, was))
        elif typed == was:
            filled.append(one)
        else:
            filled.append(_like(one, typed, one.value, now=None if one.value == was else one.value))
    return filled


def change_of(
    editable: Editable, names: Mapping[str, str], fields: Sequence[FormField], form: Submitted
) -> Change:
    """What a form asks for. A row that is to hold from another month is a new one, with all that the form has.

    Raises LedgerError for an invalid month, and where nothing was given for a new row.
    """
    from_month, was_from = parsed_month(form["from_month"]), parsed_month(form["was_from"])
    is_new = form["is_row"] != "1" or from_month != was_from
    typed = {one.name: form[one.name] for one in fields}
    changed = {name: text for name, text in typed.items() if is_new or text != form[f"was-{name}"]}
    if is_new and form["is_row"] != "1":
        _refuse_nameless(editable, names)
        given = {name: text for name, text in changed.items() if text}
        # An option is its feature and its value: the rest may be empty.
        changed = changed if editable is FEATURES else given
        if not changed.keys() - {"kind", "enabled"}:
            of_row = [one.label for one in fields if one.name not in ("kind", "enabled")]
            raise LedgerError(_asking_for(editable, of_row))
    if "kind" in typed:
        changed = _charge_columns(typed, changed)
    row_id = None if is_new else form.number("row_id")
    return Change(editable, names, from_month, row_id, changed, is_new)


def _refuse_nameless(editable: Editable, names: Mapping[str, str]) -> None:
    """Raises LedgerError where what names a new row is empty; a plan without a term is month to month."""
    for name in editable.key:
        if not names[name] and name != "term_length":
            label_ = form_label(editable, name)
            raise LedgerError(f"“{label_}” is empty: the {editable.row} needs it.")


def _asking_for(editable: Editable, labels: Sequence[str]) -> str:
    filled = " or ".join(f"“{one}”" for one in labels[:3])
    return f"The {editable.row} sets nothing yet: fill in {filled}{' or another field' if len(labels) > 3 else ''}."


def row_of(editable: Editable, names: Mapping[str, str], form: Submitted) -> Change:
    """The row that a form is of, to remove it."""
    return Change(editable, names, parsed_month(form["was_from"]), form.number("row_id"))


def row_texts(editable: Editable, row: Row | None) -> dict[str, str]:
    """A row's fields as texts that a form has; a value that does not count is empty, and 0 is 0."""
    texts = {name: "" if row is None else _text(editable, row, name) for name in editable.fields}
    if "enabled" in texts and row is None:
        texts["enabled"] = "true"
    if not texts.keys() >= _CHARGE_COLUMNS:
        return texts
    others = {name: text for name, text in texts.items() if name not in _CHARGE_COLUMNS}
    kind = YEARLY if texts["yearly_fee"] else ONCE if texts["one_off_fee"] else MONTHLY
    fee = texts["monthly_fee"] or texts["one_off_fee"] or texts["yearly_fee"]
    once_in = f"{texts['one_off_year']:0>4}-{texts['one_off_month']:0>2}" if texts["one_off_fee"] else ""
    return {"kind": kind, "fee": fee, "once_in": once_in, "yearly_in": texts["yearly_month"], **others}


def _charge_columns(typed: Mapping[str, str], changed: Mapping[str, str]) -> dict[str, str]:
    """A charge's columns: of its kind those that its fee and its month fill."""
    others = {name: text for name, text in changed.items() if name not in _CHARGE}
    if not changed.keys() & {*_CHARGE}:
        return others
    fee = typed["fee"]
    if not fee:
        raise LedgerError("The charge needs a fee.")
    if typed["kind"] == ONCE:
        if not typed["once_in"]:
            raise LedgerError("A charge that is billed once needs its month.")
        month = parse_month(typed["once_in"])
        return {
            **others,
            "one_off_fee": fee,
            "one_off_year": str(month.year),
            "one_off_month": str(month.month),
        }
    if typed["kind"] == YEARLY:
        return {**others, "yearly_fee": fee, "yearly_month": typed["yearly_in"]}
    return {**others, "monthly_fee": fee}


def _text(editable: Editable, row: Row, name: str) -> str:
    switch = editable.switch_of(name)
    value = row[name]
    if value is None or (switch is not None and not row[switch]):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _like(one: FormField, value: str, was: str, now: str | None = None) -> FormField:
    return FormField(one.name, one.label, one.control, value, was, one.choices, now)


def _words(editable: Editable, name: str) -> Sequence[tuple[str, str]]:
    return [(word, word) for word in dict(editable.choices).get(name, ())]


def _control(editable: Editable, name: str, proposed: Mapping[str, Any]) -> str:
    if name in _CHOICES or name in dict(editable.choices):
        return "choice"
    if name in _CONTROLS:
        return _CONTROLS[name]
    if name in proposed:
        return "proposed"
    return "number" if name in editable.fields and _is_number(editable, name) else "text"


def _is_number(editable: Editable, name: str) -> bool:
    return editable.table.columns[name].type.python_type in (Decimal, int)


_CHOICES: Mapping[str, Sequence[tuple[str, str]]] = {
    "kind": _KINDS,
    "yearly_in": [(str(number), name) for number, name in MONTHS_NAMED.items()],
    "enabled": (("true", "counts"), ("false", "does not count")),
}
_CONTROLS = {"fee": "number", "once_in": "month", "description": "lines", "notes": "lines"}
_LABELS = {
    "kind": "Billed",
    "fee": "Fee",
    "once_in": "Once in month",
    "yearly_in": "Each year in",
    "enabled": "Override",
}
