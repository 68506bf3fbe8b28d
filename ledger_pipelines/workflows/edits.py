"""What people edit, set, removed and put back one row at a time, and what a person should know of each edit
(rules/billing.md, What people edit).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger_pipelines.billing.contract_terms import MONTH_TO_MONTH, normalise_term
from ledger_pipelines.billing.plans import INACTIVE
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.changes import Row
from ledger_pipelines.store.edits.editing import (
    Edit,
    Editor,
    delete_row,
    editing,
    list_rows,
    read_rows,
    write_row,
)
from ledger_pipelines.store.edits.putting_back import PutBack, put_back
from ledger_pipelines.store.edits.tables import ALL, OVERRIDES, PLANS, Editable
from ledger_pipelines.store.edits.values import parsed, parsed_fields, parsed_key
from ledger_pipelines.store.migrations import read_first_month
from ledger_pipelines.store.queries.client import last_term, plans_named
from ledger_pipelines.store.queries.month_states import is_closed, month_states
from ledger_pipelines.store.snapshots import newest_has
from ledger_pipelines.tables.rates import RATES
from ledger_pipelines.workflows.company_pages import feature_values
from ledger_pipelines.workflows.plan_book import refuse_removal_in_use
from ledger_pipelines.workflows.proposals import Proposal, ReplaceRow, replaced

#: The snapshot that has the records which a column names, and its column there.
_NAMED = {
    "account_number": ("companies", "account_number"),
    "asset_id": ("assets", "id"),
    "user_id": ("contacts", "id"),
}
#: How many of a feature's values a sentence names.
_NAMED_VALUES = 5


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit, and sentences on what follows from it that one may not expect."""

    edit: Edit
    notes: list[str]


def edited_rows(database: Database, editable: Editable, account: str | None = None) -> list[Row]:
    """The rows of a kind, of one company or all; none of a kind that belongs to no company where one is given."""
    if account is None:
        return list(list_rows(database, editable))
    if "account_number" not in editable.key:
        return []
    return list(list_rows(database, editable, account_number=parsed(editable, "account_number", account)))


def set_edit(
    database: Database,
    editable: Editable,
    names: Mapping[str, str],
    fields: Mapping[str, str],
    *,
    from_month: date | None,
    row_id: int | None,
    by: Editor,
    is_partial: bool = False,
) -> Edited:
    """Sets fields of the row of these names, all given as people write them.

    A new row is whole, or, where `is_partial`, has what is not given as it was in effect for its month. Raises
    LedgerError for a mistake, ConflictError where somebody edited it after the person looked.
    """
    key = key_of(database, editable, names, from_month)
    values = parsed_fields(editable, fields)
    with editing(database, by) as connection:
        edit = write_row(connection, editable, key, values, by=by, row_id=row_id, is_partial=is_partial)
    return Edited(edit, consequences(database, editable, edit))


def set_features(
    database: Database, account: str, given: Mapping[str, str | None], *, from_month: date | None, by: Editor
) -> list[str]:
    """Sets features of a company by their type, all or none; without a value one is taken off.

    Returns sentences on what follows. Raises LedgerError for a value that cannot be.
    """
    editable = OVERRIDES["feature"]
    edits = []
    with editing(database, by) as connection:
        for name, value in given.items():
            key = parsed_key(editable, {"account_number": account, "feature_type": name}, from_month)
            if value is not None and value.strip():
                values = parsed_fields(editable, {"value": value, "enabled": "true"})
                edits.append(write_row(connection, editable, key, values, by=by))
            elif read_rows(connection, editable, **key):
                delete_row(connection, editable, key, by=by)
    notes = (note for edit in edits for note in consequences(database, editable, edit))
    return list(dict.fromkeys(notes))


def remove_edit(
    database: Database,
    editable: Editable,
    names: Mapping[str, str],
    *,
    from_month: date | None,
    row_id: int | None,
    by: Editor,
) -> Edited:
    """Removes the row of these names. Raises LedgerError where there is none, or a plan or feature option is in use."""
    key = key_of(database, editable, names, from_month)
    with editing(database, by) as connection:
        edit = delete_row(connection, editable, key, by=by, row_id=row_id)
        # Once it is gone, and before anybody sees that: nobody is put on it meanwhile, for edits are made one at a time.
        refuse_removal_in_use(connection, editable, edit.before or {})
    return Edited(edit, consequences(database, editable, edit))


def put_back_edit(database: Database, edit_id: int, by: Editor) -> PutBack:
    """Makes a row what it was before an edit, by an edit of its own: what others changed of it since stays.

    Raises LedgerError where that cannot be, or would remove a plan or feature option in use, ConflictError where somebody
    edited it after the person looked.
    """
    with editing(database, by) as connection:
        done = put_back(connection, edit_id, by)
        editable = next((one for one in ALL if one.name == done.edit.table_name), None)
        if editable is not None and done.then is None:
            # What was added goes.
            refuse_removal_in_use(connection, editable, dated(done.edit.row))
        return done


def dated(row: Row) -> Row:
    """A row of JSON, such as an edit's, with its month as a date."""
    since = row.get("from_month")
    return {**row, "from_month": date.fromisoformat(since)} if since else row


def changed_since(put_back: PutBack) -> list[str]:
    """Sentences on what happened to the row after the edit that is put back."""
    undone = {change.field for change in put_back.edit.changes}
    notes = []
    for edit in put_back.since:
        when = f"{edit.person} on {edit.edited_at:%Y-%m-%d at %H:%M} UTC"
        fields = [change.field for change in edit.changes]
        if put_back.then is None:
            notes.append(
                f"It was changed since by {when} ({', '.join(fields)}), and is removed all the same."
            )
            continue
        again = [field for field in fields if field in undone]
        others = [field for field in fields if field not in undone]
        if again:
            notes.append(f"{', '.join(again)} was changed again since by {when}: that is taken back, too.")
        if others:
            notes.append(f"{', '.join(others)} was changed since by {when}: that stays.")
    return notes


def consequences(database: Database, editable: Editable, edit: Edit) -> list[str]:
    """Sentences on what follows from an edit that one may not expect."""
    return list(_notes(database, editable, edit))


def foreseen_consequences(database: Database, proposal: Proposal) -> list[str]:
    """The same of an edit that nobody has saved. Raises LedgerError as saving it would."""
    editable = proposal.editable
    if isinstance(proposal, ReplaceRow):
        return consequences(database, editable, Edit(proposal.before, proposal.after))
    rows = list_rows(database, editable, **{name: proposal.key[name] for name in editable.key})
    return consequences(database, editable, Edit(*replaced(proposal, rows)))


def counting_fields(editable: Editable, row: Row) -> list[str]:
    """The fields that say something: an override's where it counts, also with 0, others where there is anything."""

    def counts(name: str) -> bool:
        switch = editable.switch_of(name)
        return bool(row[name]) if switch is None else bool(row[switch])

    return [name for name in editable.fields if counts(name)]


def key_of(
    database: Database, editable: Editable, names: Mapping[str, str], from_month: date | None
) -> dict[str, Any]:
    """What names the row: of a plan with its term as billing reads it, or as the plan's row has it already."""
    if editable is not PLANS:
        return parsed_key(editable, names, from_month)
    key = parsed_key(
        editable, {**names, "term_length": names.get("term_length") or MONTH_TO_MONTH}, from_month
    )
    term = normalise_term(key["term_length"])
    spellings = [
        row["term_length"]
        for row in list_rows(database, PLANS, billing_plan=key["billing_plan"])
        if normalise_term(row["term_length"]) == term and row["from_month"] == key["from_month"]
    ]
    return key | {"term_length": spellings[-1] if spellings else term}


def _notes(database: Database, editable: Editable, edit: Edit) -> Iterator[str]:
    row = edit.after or edit.before or {}
    if edit.before is None and editable is PLANS:
        free = [name for name in RATES if not row[name]]
        if free:
            yield f"Free of charge, because nothing or 0 was given: {', '.join(free)}."
    # Charges of one name and of different kinds are not each other's successors.
    if edit.before is None and not editable.alternatives:
        yield from _no_longer_counting(database, editable, row)
    yield from _unknown_names(database, editable, row)
    if edit.after is not None and edit.after.get("from_month") is not None:
        yield from _beyond_the_months(database, edit.after["from_month"])
    if edit.after is not None:
        yield from _billing_nothing(database, edit.after)
        if editable is OVERRIDES["feature"]:
            yield from _unlisted_value(database, edit.after)


def _beyond_the_months(database: Database, since: date) -> Iterator[str]:
    """What holds from a month that the ledger does not have: before its first, or after its last."""
    with database.connect() as connection:
        first = read_first_month(connection)
    opened, closed = month_states(database)
    months = sorted([*opened, *closed])
    if since < first:
        yield (
            f"It holds from {format_month(since)}, which is before the ledger's first month, {format_month(first)}: "
            "so it holds in all open months that no later one is for."
        )
    elif months and since > months[-1]:
        yield (
            f"It holds from {format_month(since)} on, and the ledger's last month is {format_month(months[-1])}: until "
            "then it changes nothing."
        )


def _billing_nothing(database: Database, row: Row) -> Iterator[str]:
    """What a row asks for and no statement will have: a one-off charge of a month that is closed or none of the ledger's,
    a plan that there is not.
    """
    year, month = row.get("one_off_year"), row.get("one_off_month")
    if row.get("one_off_fee") is not None and year and month:
        yield from _never_on_a_statement(database, date(year, month, 1))
    plan = (row.get("billing_plan") or "").strip() if row.get("billing_plan_enabled") else ""
    if plan and plan.casefold() != INACTIVE:
        yield from _no_such_plan(database, row["account_number"], plan, row["from_month"])


def _never_on_a_statement(database: Database, month: date) -> Iterator[str]:
    with database.connect() as connection:
        first = read_first_month(connection)
    if month < first:
        yield (
            f"The ledger begins with {format_month(first)}: a charge of {format_month(month)} is on no statement; give "
            "it an open month."
        )
    elif is_closed(database, month):
        yield (
            f"{format_month(month)} is closed: the charge is on no statement, unless the month is reopened; give it an "
            "open month."
        )


def _unlisted_value(database: Database, row: Row) -> Iterator[str]:
    """A feature's value that is no option and that no plan has, as a slip of the pen is."""
    values = feature_values(database).get(row["feature_type"], set())
    if row["value"] is not None and row["value"] not in values:
        known = ", ".join(repr(value) for value in sorted(values)[:_NAMED_VALUES]) or "none"
        yield (
            f"{row['value']!r} is no option of the feature {row['feature_type']}, and no plan has it (known: {known}): "
            "it counts as it is written."
        )


def _no_such_plan(database: Database, account: str, plan: str, since: date | None) -> Iterator[str]:
    with database.connect() as connection:
        last = last_term(connection, account)
        if last is None:
            return
        month, term = last[0], normalise_term(last[1])
        own, _ = plans_named(connection, plan, max(month, since or month))
        _, codex = plans_named(connection, plan, month)
    if term not in {normalise_term(row["term_length"]) for row in (*own, *codex)}:
        yield (
            f"There is no plan {plan!r} with the company's term {term!r}: until there is, the company gets no statement."
        )


def _no_longer_counting(database: Database, editable: Editable, row: Row) -> Iterator[str]:
    """What the row before sets and a new one does not: from its month on it holds alone and whole."""
    since = row.get("from_month")
    if since is None:
        return
    named = {name: row[name] for name in editable.key}
    before = [
        other
        for other in list_rows(database, editable, **named)
        if other["from_month"] is None or other["from_month"] < since
    ]
    lost = counting_fields(editable, before[-1]) if before else []
    lost = [name for name in lost if name not in counting_fields(editable, row)]
    if lost:
        yield (
            f"From {format_month(since)} on it holds alone: {', '.join(lost)} of the one before no longer counts "
            "then, unless it is set here, too."
        )


def _unknown_names(database: Database, editable: Editable, row: Row) -> Iterator[str]:
    """Whom no snapshot has yet: the edit is kept all the same."""
    for name in editable.key:
        if name in _NAMED:
            table, column = _NAMED[name]
            with database.connect() as connection:
                if newest_has(connection, table, column, row[name]) is False:
                    yield f"The newest snapshot has no {name} {row[name]}: until one has, the edit bills nothing."


def split_words(editable: Editable, words: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What names a row, and the fields, from words as people write them: the names, then FIELD=VALUE.

    A plan's term may be left out. Raises LedgerError where the row is not named, or a word is no field.
    """
    named = words[: len(editable.key)]
    if editable is PLANS and len(named) > 1 and "=" in named[-1]:
        named.pop()
    needed = 1 if editable is PLANS else len(editable.key)
    is_field = any("=" in word and word.partition("=")[0] in editable.fields for word in named)
    if len(named) < needed or is_field:
        raise LedgerError(f"Name the {editable.row} by {' and '.join(editable.key)}.")
    fields: dict[str, str] = {}
    for word in words[len(named) :]:
        name, equals, value = word.partition("=")
        if not equals:
            raise LedgerError(
                f"{word!r} is no field: write it as NAME=VALUE, for example {next(iter(editable.fields))}=…."
            )
        if name in fields:
            raise LedgerError(f"{name} is given twice.")
        fields[name] = value
    return dict(zip(editable.key, named, strict=False)), fields
