"""Columns of text as amounts, dates and whole numbers; nothing that a SAF-T file may not say passes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.errors import LedgerError

#: A chunked array of Arrow; its stubs know neither plain values among columns nor what a function gives.
Column: TypeAlias = Any

#: Of which record a value is, given its row: what an error names.
Where = Callable[[int], str]

#: A decimal is digits with at most one point: no exponent, no NaN, no separators.
_DECIMAL = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$"
_WHOLE = r"^[0-9]{1,9}$"
_DIGITS = 18
#: Longer ids fit no index.
_LONGEST_ID = 140
_compute: Any = pc


def decimals(texts: Column, kind: pa.DataType, what: str, where: Where) -> Column:
    """The texts as decimals of this type; None where there is no text.

    Raises LedgerError naming the first record whose text is no decimal, has more than 18 digits or more places.
    """
    _refuse(texts, _compute.match_substring_regex(texts, _DECIMAL), where, f"{what} is no amount")
    short = _compute.less_equal(_compute.binary_length(texts), _DIGITS)
    if not _compute.all(short, min_count=0).as_py():
        fits = pa.chunked_array([[_digits(one) <= _DIGITS for one in texts.to_pylist()]], pa.bool_())
        _refuse(texts, fits, where, f"{what} has more than {_DIGITS} digits")
    try:
        return _compute.cast(texts, kind)
    except pa.ArrowInvalid:
        fits = pa.chunked_array([[_fits(one, kind) for one in texts.to_pylist()]], pa.bool_())
        _refuse(texts, fits, where, f"{what} has too many digits before or after the point")
        raise


def rounded_decimals(texts: Column, kind: pa.Decimal128Type[Any, Any], what: str, where: Where) -> Column:
    """As `decimals`, but with more places than the type has they are rounded: of what bears on no amount."""
    if not _compute.any(
        _compute.match_substring_regex(texts, rf"\.[0-9]{{{kind.scale + 1}}}"), min_count=0
    ).as_py():
        return decimals(texts, kind, what, where)
    # Further digits change no rounding but of a half, which goes up as it would without them.
    short = _compute.replace_substring_regex(texts, rf"(\.[0-9]{{{kind.scale + 1}}})[0-9]+$", r"\1")
    wide = decimals(short, pa.decimal128(kind.precision + 1, kind.scale + 1), what, where)
    return _compute.cast(_compute.round(wide, kind.scale, round_mode="half_towards_infinity"), kind)


def decimal(value: str | None, kind: pa.Decimal128Type[Any, Any], what: str, where: str) -> Decimal | None:
    """One text as a decimal of this type; without Arrow, for master files have many. Raises as `decimals` does."""
    if value is None:
        return None
    if not re.fullmatch(_DECIMAL, value, re.ASCII):
        raise LedgerError(f"{where}: {what} is no amount: {value[:60]!r}.")
    if _digits(value) > _DIGITS:
        raise LedgerError(f"{where}: {what} has more than {_DIGITS} digits: {value[:60]!r}.")
    amount = Decimal(value)
    places = Decimal(1).scaleb(-kind.scale)
    if abs(amount) >= Decimal(10) ** (kind.precision - kind.scale) or amount % places:
        raise LedgerError(f"{where}: {what} has too many digits before or after the point: {value[:60]!r}.")
    return amount


def dates(texts: Column, what: str, where: Where) -> Column:
    """The texts as dates, of an instant its day; None where there is no text. Raises LedgerError for another text."""
    _refuse(texts, _compute.match_substring_regex(texts, _DATE), where, f"{what} is no date")
    days = _compute.utf8_slice_codeunits(texts, 0, 10)
    try:
        return _compute.cast(days, pa.date32())
    except pa.ArrowInvalid:
        fits = pa.chunked_array([[_is_day(one) for one in days.to_pylist()]], pa.bool_())
        _refuse(texts, fits, where, f"{what} is no date")
        raise


def day(value: str | None, what: str, where: str) -> date | None:
    """One text as a date. Raises LedgerError as `dates` does."""
    if value is None:
        return None
    found: date = dates(pa.chunked_array([[value]], pa.string()), what, lambda _: where)[0].as_py()
    return found


def whole_numbers(texts: Column, what: str, where: Where) -> Column:
    """The texts as whole numbers. Raises LedgerError for another text."""
    _refuse(texts, _compute.match_substring_regex(texts, _WHOLE), where, f"{what} is no whole number")
    return _compute.cast(texts, pa.int32())


def refuse_missing(texts: Column, what: str, where: Where) -> None:
    """Raises LedgerError naming the first record that has no such text."""
    if texts.null_count:
        row = _compute.index(_compute.is_null(texts), True).as_py()
        raise LedgerError(f"{where(row)} has no {what}.")


def refuse_long(texts: Column, what: str, where: Where) -> None:
    """Raises LedgerError naming the first record with an id that is too long to be one."""
    short = _compute.less_equal(_compute.binary_length(texts), _LONGEST_ID)
    _refuse(texts, short, where, f"{what} is longer than {_LONGEST_ID} bytes")


def _refuse(texts: Column, is_fit: Any, where: Where, reason: str) -> None:
    """Raises LedgerError naming the first text that is not fit; a missing one always is."""
    if _compute.all(is_fit, min_count=0).as_py():
        return
    row = _compute.index(is_fit, False).as_py()
    raise LedgerError(f"{where(row)}: {reason}: {texts[row].as_py()[:60]!r}.")


def _digits(value: str | None) -> int:
    """The digits that count, as XML Schema counts them: zeros at either end do not."""
    whole, point, part = (value or "").lstrip("+-").partition(".")
    return len(whole.lstrip("0")) + (len(part.rstrip("0")) if point else 0)


def _fits(value: str | None, kind: pa.DataType) -> bool:
    try:
        _compute.cast(pa.array([value], pa.string()), kind)
    except pa.ArrowInvalid:
        return False
    return True


def _is_day(value: str | None) -> bool:
    if value is None:
        return True
    try:
        return bool(re.fullmatch(r"[0-9-]{10}", value)) and date.fromisoformat(value) is not None
    except ValueError:
        return False
