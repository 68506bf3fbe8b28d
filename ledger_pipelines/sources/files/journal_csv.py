"""A journal as a CSV file, one line of it for each line of an entry (rules/general_ledger.md, Journals)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.money import minor_unit
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT
from ledger_pipelines.tables.table import DATE, INTEGER, TEXT

_REQUIRED = ("entry", "date", "account", "debit", "credit", "currency")
_OPTIONAL = (
    "description",
    "source_type",
    "source_id",
    "party",
    "kid",
    "reference",
    "invoice_number",
    "due_date",
)
_TYPES: list[tuple[str, pa.DataType]] = [
    ("row", INTEGER),
    ("entry", TEXT),
    ("date", DATE),
    ("account", TEXT),
    ("debit", LEDGER_AMOUNT),
    ("credit", LEDGER_AMOUNT),
    ("currency", TEXT),
    *((name, TEXT) for name in _OPTIONAL if name != "due_date"),
    ("due_date", DATE),
]
#: `row` is the line of the file where the record ends; of a debit and a credit exactly one is there.
LINES = pa.schema(_TYPES)
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:[.,]([0-9]*))?", re.ASCII)
_DIGITS = 17
_LONGEST = 140
#: How many of a file's mistakes are named.
_NAMED = 10


class _LineError(Exception):
    """What is wrong with a line, in words that follow its number."""


def read_journal(path: Path) -> pa.Table:
    """The file's lines (`LINES`). Raises LedgerError naming the lines that cannot be read, the first ten of them."""
    found: list[dict[str, Any]] = []
    mistakes: list[str] = []
    for row, fields in _records(path):
        try:
            found.append(_line(row, fields))
        except _LineError as mistake:
            mistakes.append(f"line {row} {mistake}")
    if mistakes:
        refuse(path.name, mistakes)
    if not found:
        raise LedgerError(f"{path.name} has no lines below its heading.")
    return pa.Table.from_pylist(found, schema=LINES)


def refuse(name: str, mistakes: list[str]) -> None:
    """Raises LedgerError with what is wrong with a file."""
    more = f"; and {len(mistakes) - _NAMED:,} more" if len(mistakes) > _NAMED else ""
    raise LedgerError(f"{name} was not imported: {'; '.join(mistakes[:_NAMED])}{more}.")


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each record with the line on which it ends; blank lines are skipped."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LedgerError(f"{path.name} is not UTF-8 text (line {line}): save it again as UTF-8.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise LedgerError(f"{path.name} is no text (line {line} has a NUL character): save it again as CSV.")
    heading = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in heading else ",", strict=True)
    try:
        names = _checked_heading(path.name, next(reader, []))
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(names):
                raise LedgerError(
                    f"{path.name} was not imported: line {reader.line_num} has {len(fields)} fields, and the heading "
                    f"{len(names)}."
                )
            yield reader.line_num, dict(zip(names, (field.strip() for field in fields), strict=True))
    except csv.Error as error:
        raise LedgerError(f"{path.name} was not imported: line {reader.line_num}: {error}.") from None


def _checked_heading(name: str, heading: list[str]) -> list[str]:
    names = [field.strip().lower() for field in heading]
    missing = [field for field in _REQUIRED if field not in names]
    unknown = [field or "(blank)" for field in names if field not in (*_REQUIRED, *_OPTIONAL)]
    if missing or unknown or len(set(names)) < len(names):
        wrong = [
            f"lacks {', '.join(missing)}" * bool(missing),
            f"has the unknown {', '.join(unknown)}" * bool(unknown),
            "has a column twice" * (len(set(names)) < len(names)),
        ]
        raise LedgerError(
            f"{name} was not imported: its heading {' and '.join(filter(None, wrong))}; it may have "
            f"{', '.join((*_REQUIRED, *_OPTIONAL))}."
        )
    return names


def _line(row: int, fields: dict[str, str]) -> dict[str, Any]:
    for name in ("entry", "account", "currency"):
        if not fields[name]:
            raise _LineError(f"has no {name}")
    currency = fields["currency"]
    if not re.fullmatch("[A-Z]{3}", currency):
        raise _LineError(f"has the currency {currency!r}: write three capital letters like NOK")
    for name in ("entry", "account", "source_id", "party"):
        if len(fields.get(name, "").encode()) > _LONGEST:
            raise _LineError(f"has a {name} of more than {_LONGEST} bytes")
    debit, credit = (_amount(fields[side], currency, side) for side in ("debit", "credit"))
    if debit is None and credit is None:
        raise _LineError("has neither debit nor credit")
    if debit and credit:
        raise _LineError(f"has both a debit of {fields['debit']} and a credit of {fields['credit']}")
    # A zero beside an amount is how some programs write nothing.
    is_debit = bool(debit) or (not credit and debit is not None)
    texts = {name: fields.get(name) or None for name in _OPTIONAL if name != "due_date"}
    return {
        **texts,
        "row": row,
        "entry": fields["entry"],
        "date": _day(fields["date"], "date"),
        "account": fields["account"],
        "debit": debit if is_debit else None,
        "credit": None if is_debit else credit,
        "currency": currency,
        "due_date": _day(fields.get("due_date", ""), "due_date"),
    }


def _amount(text: str, currency: str, side: str) -> Decimal | None:
    if not text:
        return None
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise _LineError(
            f"has the {side} {text[:60]!r}: write digits with at most one point or comma, and no thousands separators"
        )
    sign, whole, part = match[1], match[2].lstrip("0"), match[3] or ""
    if len(part) > max(minor_unit(currency), 2) or (len(part) == 3 and minor_unit(currency) != 3):
        raise _LineError(
            f"has the {side} {text[:60]!r} with {len(part)} decimals, and {currency} has {minor_unit(currency)}: "
            "write no thousands separators"
        )
    if len(whole) > _DIGITS:
        raise _LineError(f"has a {side} of more than {_DIGITS} digits")
    return Decimal(f"{sign}{whole or 0}.{part or 0}")


def _day(text: str, name: str) -> date | None:
    if not text:
        return None
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _LineError(f"has the {name} {text[:60]!r}: write it as YYYY-MM-DD")
