"""What a person writes for a field, as the value that its column has, or a sentence that refuses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.edits.tables import Editable

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
#: Digits before the point, where there are four behind it.
_LARGEST = Decimal(10) ** 10
#: How people write an amount; the exponent as Python writes that of a JSON number, and nobody else.
_AMOUNT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:E[+-][0-9]{1,2})?")
#: What an index takes of a name, whatever it is made of; and what anybody reads.
_LONGEST_NAME, _LONGEST_TEXT = 300, 10_000
_SEVERAL_LINES = {"notes", "description"}
#: How large the whole numbers of a column are.
_BITS = {sa.BigInteger: 63, sa.Integer: 31}


def parsed_key(editable: Editable, words: Mapping[str, str], from_month: date | None) -> dict[str, Any]:
    """The columns that name a row, with their values. Raises LedgerError for one that cannot be."""
    key = {name: parsed(editable, name, word) for name, word in words.items()}
    if missing := [name for name, value in key.items() if value is None]:
        raise LedgerError(f"{missing[0]} is empty: say which {editable.row} is meant.")
    if from_month is not None and not editable.beginning:
        raise LedgerError(f"A {editable.row} holds in all months: leave the month out.")
    return key | dict.fromkeys(editable.beginning, from_month)


def parsed_fields(editable: Editable, given: Mapping[str, str]) -> dict[str, Any]:
    """The columns that a person gives, with their values; an empty text takes a value away.

    Raises LedgerError for a column that there is not, and for a value that cannot be.
    """
    for name in given:
        if name not in editable.fields:
            raise LedgerError(
                f"{name!r} is no field of the {editable.row}: it has {', '.join(editable.fields)}."
            )
    return {name: parsed(editable, name, text) for name, text in given.items()}


def parsed(editable: Editable, name: str, text: str) -> Any:
    """The value of one column; None for an empty text. Raises LedgerError for one that cannot be."""
    text = text.strip()
    column = editable.table.columns[name]
    if not text:
        return None
    lines = text.splitlines() if name in _SEVERAL_LINES else [text]
    if not all(line.isprintable() for line in lines):
        raise LedgerError(f"{name} has signs that cannot be printed: write it anew.")
    if len(text) > (most := _LONGEST_NAME if name in editable.key else _LONGEST_TEXT):
        raise LedgerError(f"{name} has {len(text):,} signs: write {most:,} at most.")
    if isinstance(column.type, sa.Numeric):
        return _amount(name, text, may_be_negative=bool(editable.alternatives))
    if isinstance(column.type, sa.Boolean):
        if text.casefold() not in _TRUE | _FALSE:
            raise LedgerError(f"{name} is {text!r}: write true or false.")
        return text.casefold() in _TRUE
    if isinstance(column.type, sa.Integer):
        return _number(name, text, _BITS[type(column.type)])
    choices = dict(editable.choices).get(name)
    if choices is not None:
        found = [choice for choice in choices if choice.casefold() == text.casefold()]
        if not found:
            raise LedgerError(f"{name} is {text!r}: choose one of {', '.join(choices)}.")
        return found[0]
    return text


def _amount(name: str, text: str, *, may_be_negative: bool) -> Decimal:
    amount = Decimal(text) if _AMOUNT.fullmatch(text) else None
    if amount is not None and abs(amount) >= _LARGEST:
        raise LedgerError(f"{name} is {text!r}: that is too large, write less than {_LARGEST:,}.")
    # Of what is not too large there are no more digits than a context has.
    if amount is None or amount != round(amount, 4):
        raise LedgerError(
            f"{name} is {text!r}: write a number with at most four decimals, with a point before them and without a "
            "separator of thousands, for example 1234.50."
        )
    if amount < 0 and not may_be_negative:
        raise LedgerError(f"{name} is {text}: it cannot be less than 0.")
    return amount


def _number(name: str, text: str, bits: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 2**bits
    if not -(2**bits) <= number < 2**bits:
        raise LedgerError(f"{name} is {text!r}: write a whole number.")
    return number
