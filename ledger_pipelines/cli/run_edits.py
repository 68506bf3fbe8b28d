"""`ledger plans`, `overrides` and `items`: what people edit, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger_pipelines.billing.contract_terms import MONTH_TO_MONTH, normalise_term
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.months import format_month, parse_month
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.edits.editing import Edit, Row, list_rows, remove_row, set_row, told_key
from ledger_pipelines.store.edits.tables import PLANS, Editable
from ledger_pipelines.store.edits.values import parsed, parsed_fields, parsed_key
from ledger_pipelines.store.snapshots import newest_has
from ledger_pipelines.tables.billing import RATES

_NEXT = "It holds from the next run of an open month on: `ledger close MONTH`."
#: The snapshot that has the records which a column names, and its column there.
_NAMED = {
    "account_number": ("companies", "account_number"),
    "asset_id": ("assets", "id"),
    "user_id": ("contacts", "id"),
}


def print_rows(
    database: Database, kinds: Mapping[str, Editable], account: str | None, console: Console
) -> None:
    """The rows of these kinds, of one company or all, each with what it sets."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Kind", "Of", "From", "Sets"):
        table.add_column(heading, no_wrap=heading in ("Kind", "From"), overflow="fold")
    for kind, editable in kinds.items():
        if account is not None and "account_number" not in editable.key:
            continue
        where = {} if account is None else {"account_number": parsed(editable, "account_number", account)}
        for row in list_rows(database, editable, **where):
            since = row["from_month"]
            of = " / ".join(str(row[name]) for name in editable.key) + (
                f" (id {row['id']})" if "id" in row else ""
            )
            told = ", ".join(f"{name} {_shown(row[name])}" for name in _counting(editable, row))
            table.add_row(kind, escape(of), "" if since is None else format_month(since), escape(told))
    if table.row_count == 0:
        console.print(
            "Nothing is edited." if account is None else f"Nothing is edited for {escape(account)}."
        )
        return
    console.print(table)


def set_(
    database: Database,
    editable: Editable,
    words: Sequence[str],
    *,
    from_month: str | None,
    row_id: int | None,
    person: str,
    console: Console,
) -> None:
    """Sets fields of a row, named by the first words, and says what it was and is. Raises LedgerError for a mistake."""
    key, fields = _read(database, editable, words, from_month)
    edit = set_row(database, editable, key, parsed_fields(editable, fields), person=person, row_id=row_id)
    _tell(database, editable, edit, console)


def remove(
    database: Database,
    editable: Editable,
    words: Sequence[str],
    *,
    from_month: str | None,
    row_id: int | None,
    person: str,
    console: Console,
) -> None:
    """Removes a row and says what it was. Raises LedgerError where there is none."""
    key, fields = _read(database, editable, words, from_month)
    if fields:
        raise LedgerError(
            f"{next(iter(fields))} is no part of the {editable.row}'s name: `set` it to nothing instead."
        )
    edit = remove_row(database, editable, key, person=person, row_id=row_id)
    _tell(database, editable, edit, console)


def _read(
    database: Database, editable: Editable, words: Sequence[str], from_month: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The row that is meant, and the fields that are given."""
    named = list(words[: len(editable.key)])
    if editable is PLANS and "=" in named[-1] and len(named) > 1:
        named.pop()
    rest = words[len(named) :]
    if editable is PLANS and len(named) == 1:
        named.append(MONTH_TO_MONTH)
    is_field = any("=" in word and word.partition("=")[0] in editable.fields for word in named)
    if len(named) < len(editable.key) or is_field:
        raise LedgerError(f"Name the {editable.row} by {' and '.join(editable.key)}.")
    fields = {}
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            raise LedgerError(
                f"{word!r} is no field: write it as NAME=VALUE, for example {next(iter(editable.fields))}=…."
            )
        if name in fields:
            raise LedgerError(f"{name} is given twice.")
        fields[name] = value
    month: date | None = None if from_month is None else parse_month(from_month)
    key = parsed_key(editable, dict(zip(editable.key, named, strict=True)), month)
    return (_known_plan(database, key) if editable is PLANS else key), fields


def _known_plan(database: Database, key: dict[str, Any]) -> dict[str, Any]:
    """The plan's key with its term as billing reads it, or as the plan's row has it already."""
    term = normalise_term(key["term_length"])
    spellings = [
        row["term_length"]
        for row in list_rows(database, PLANS, billing_plan=key["billing_plan"])
        if normalise_term(row["term_length"]) == term and row["from_month"] == key["from_month"]
    ]
    return key | {"term_length": spellings[-1] if spellings else term}


def _tell(database: Database, editable: Editable, edit: Edit, console: Console) -> None:
    row = edit.after or edit.before or {}
    done = "Removed" if edit.after is None else "Added" if edit.before is None else "Changed"
    lines = [f"{done} {told_key(editable, row)}."]
    for name in editable.fields:
        before, after = ((of or {}).get(name) for of in (edit.before, edit.after))
        is_default = edit.before is None and not after and editable.switch_of(name) is None
        if before != after and not is_default:
            lines.append(f"  {name}: {_shown(before)} → {_shown(after)}")
    if edit.before is None and editable is PLANS:
        free = [name for name in RATES if not row[name]]
        if free:
            lines.append(f"Free of charge, because not given: {', '.join(free)}.")
    # Charges of one name and of different kinds are not each other's successors.
    if edit.before is None and not editable.alternatives:
        lines += _dropped(database, editable, row)
    lines += _unknown(database, editable, row)
    console.print(escape("\n".join([*lines, _NEXT])), highlight=False, soft_wrap=True)


def _dropped(database: Database, editable: Editable, row: Row) -> Iterable[str]:
    """A word on what the row before sets and a new one does not: from its month on it holds alone and whole."""
    since = row["from_month"]
    named = {name: row[name] for name in editable.key}
    before = [
        other
        for other in list_rows(database, editable, **named)
        if since is not None and (other["from_month"] is None or other["from_month"] < since)
    ]
    dropped = (
        [name for name in _counting(editable, before[-1]) if name not in _counting(editable, row)]
        if before
        else []
    )
    if dropped:
        yield (
            f"From {format_month(since)} on it holds alone: {', '.join(dropped)} of the one before no longer counts "
            "then, unless it is set here, too."
        )


def _unknown(database: Database, editable: Editable, row: Row) -> Iterable[str]:
    """A word on whom no snapshot has yet: the edit is kept all the same."""
    for name in editable.key:
        if name in _NAMED:
            table, column = _NAMED[name]
            with database.connect() as connection:
                if newest_has(connection, table, column, row[name]) is False:
                    yield f"The newest snapshot has no {name} {row[name]}: until one has, the edit bills nothing."


def _counting(editable: Editable, row: Row) -> list[str]:
    """The fields that say something: an override's where it counts, also with 0, others where there is anything."""

    def counts(name: str) -> bool:
        switch = editable.switch_of(name)
        return bool(row[name]) if switch is None else bool(row[switch])

    return [name for name in editable.fields if counts(name)]


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value != value.to_integral() else f"{value:.0f}"
    return str(value).lower() if isinstance(value, bool) else str(value)
