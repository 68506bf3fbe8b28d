"""How Holded writes dates, numbers, codes and ids (wire/holded.md), and the rounding of a line.

Here: from one JSON value to an exact Python value. The message of each ValueError completes the sentence
"…, which …". Not here: whole records (`holded_models`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from ledger_pipelines.money import CENT, minor_unit
from ledger_pipelines.sources.records.wire_types import key_of

#: Where Holded's days begin.
MADRID = ZoneInfo("Europe/Madrid")

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
#: The least of a percentage that is kept.
PERCENT_UNIT = Decimal("0.0001")
_RATE_UNIT = Decimal("0.00000001")
_LONGEST_AMOUNT = 16
#: A number that came as text. A comma may stand for a point or for nothing, so one with a comma is none.
_NUMBER_TEXT = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_TRUTHS: dict[object, bool] = {
    True: True,
    False: False,
    "": False,
    "0": False,
    "1": True,
    "false": False,
    "true": True,
}
_CANCELLED = 3
#: The year 3000: what is later counts milliseconds, or nothing.
_LATEST_EPOCH = 32_503_680_000
#: Wide enough for every product of three numbers of 15 digits.
_EXACT = Context(prec=60)
#: As many digits as a binary double keeps of any decimal: what is beyond them is the binary's, not anybody's.
_MEANT = Context(prec=15, rounding=ROUND_HALF_UP)


def epoch_seconds(value: object) -> int | None:
    """The whole seconds since the epoch, in this millennium or the last; None for anything else."""
    if type(value) is str and _NUMBER_TEXT.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if type(value) is Decimal and value.is_finite() and 0 < value < _LATEST_EPOCH:
        value = int(value)
    return value if type(value) is int and 0 < value < _LATEST_EPOCH else None


def local_midnight(day: date) -> int:
    """The second at which a day begins in Madrid. Its clocks change at two or three, never at midnight."""
    return int(datetime(day.year, day.month, day.day, tzinfo=MADRID).timestamp())


@lru_cache(maxsize=8192)
def local_date(seconds: int) -> date:
    """The day in Madrid that an instant lies in."""
    return datetime.fromtimestamp(seconds, MADRID).date()


def _is_blank(value: object) -> bool:
    """Whether a field has no value: null, empty text, or the 0 of a field without a date or an id."""
    return value is None or value == "" or (type(value) is int and value == 0)


def _seconds(value: object) -> int:
    seconds = epoch_seconds(value)
    if seconds is None:
        raise ValueError("is not a date")
    return seconds


def day(value: object) -> date:
    """The day in Madrid of a time in seconds."""
    return local_date(_seconds(value))


def optional_day(value: object) -> date | None:
    """Likewise; null where there is none."""
    return None if _is_blank(value) else day(value)


def optional_instant(value: object) -> datetime | None:
    """A time in seconds as an instant; null where there is none."""
    return None if _is_blank(value) else datetime.fromtimestamp(_seconds(value), UTC)


def meant_number(value: object) -> Decimal:
    """A JSON number as it was meant, without what binary arithmetic left behind its fifteenth digit.

    One that came as text ("6000.00") is that number, and empty text is 0, as Holded writes it. Raises ValueError for
    anything else, and from 10^10 on.
    """
    if type(value) is int:
        number = Decimal(value)
    elif type(value) is Decimal and value.is_finite():
        # The context takes no exponent of seven digits.
        number = _MEANT.plus(value) if value.adjusted() < 10 else value
    elif type(value) is str and _NUMBER_TEXT.fullmatch(value.strip()):
        number = _MEANT.create_decimal(value.strip())
    elif value == "":
        return _ZERO
    else:
        raise ValueError("is not a number")
    if number.adjusted() >= 10:
        raise ValueError("is too large")
    return number


def rounded(number: Decimal, unit: Decimal) -> Decimal:
    """The number to this unit, for example 0.01, half-up."""
    return number.quantize(unit, ROUND_HALF_UP, _EXACT)


def in_currency(amount: Decimal, currency: str) -> Decimal:
    """The amount to the least amount of its currency, half-up, with two digits after the point.

    Raises ValueError where the currency has more digits than the books keep, and the amount needs them.
    """
    digits = minor_unit(currency)
    least = rounded(amount, Decimal(1).scaleb(-digits))
    in_cents = rounded(least, CENT)
    if in_cents != least:
        raise ValueError(
            f"has the amount {least} {currency}, and the books keep no more than two digits of it"
        )
    return in_cents


def optional_rate(value: object) -> Decimal | None:
    """A rate of exchange; none where there is none, or where it would make everything nothing."""
    rate = _ZERO if value is None else rounded(meant_number(value), _RATE_UNIT)
    if rate < 0:
        raise ValueError("is negative")
    return rate or None


def percentage(value: object) -> Decimal:
    """A discount, or what is withheld, in percent; none is 0."""
    number = _ZERO if value is None else meant_number(value)
    if rounded(number, PERCENT_UNIT).adjusted() >= 5:
        raise ValueError("is too large")
    return number


def optional_percentage(value: object) -> Decimal | None:
    """A rate of tax, in percent; null where none is given. Empty text is 0, as Holded writes it."""
    return None if value is None else rounded(percentage(value), PERCENT_UNIT)


def net_amount(price: Decimal, units: Decimal, discount: Decimal) -> Decimal:
    """price x units less discount (percent), net of tax, not rounded yet (rules/accruals.md, Contracts).

    Raises ValueError where it does not fit an amount of 16 digits.
    """
    exact = _EXACT.multiply(_EXACT.multiply(price, units), _EXACT.subtract(_HUNDRED, discount))
    amount = exact.scaleb(-2, _EXACT)
    if rounded(amount, CENT).adjusted() >= _LONGEST_AMOUNT:
        raise ValueError("is worth too much for a line")
    return amount


def optional_id(value: object) -> str | None:
    """What another record is known by; null where there is none, which Holded also writes as "0"."""
    if _is_blank(value):
        return None
    text = _text(value)
    if text is not None and key_of(text) is None:
        raise ValueError("is too long for an id, or has control characters in it")
    return None if text == "0" else text


def optional_code(value: object) -> str | None:
    """A code that some people write as a number: its text. The number 0 stands for none."""
    if _is_blank(value):
        return None
    return str(value) if type(value) is int else _text(value)


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        raise ValueError("is not text")
    return value.strip() or None


def account_number(value: object) -> str:
    """The number of an account, which is a number or text."""
    number = str(value) if type(value) is int else _text(value)
    if number is None:
        raise ValueError("is empty")
    return number


def name(value: object) -> str:
    """A name; none is blank."""
    return "" if value is None else _text(value) or ""


def currency(value: object) -> str:
    """The three letters of a currency, in capitals."""
    text = value.strip() if isinstance(value, str) else ""
    if not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise ValueError("is not a currency")
    return text.upper()


def truth(value: object) -> bool:
    """Whether a field says yes; null and what is empty say no."""
    if value is None:
        return False
    found = (
        _TRUTHS.get(value.strip().casefold() if isinstance(value, str) else value)
        if _is_plain(value)
        else None
    )
    if found is None:
        raise ValueError("is neither true nor false")
    return found


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | str)


def is_cancelled(value: object) -> bool:
    """Whether a status says cancelled; what else it says cannot be trusted."""
    return value in (_CANCELLED, str(_CANCELLED))


def id_within(value: object) -> str | None:
    """The id of what a document was made from. Where there is none, Holded leaves the field out or empty."""
    found = value.get("id") if isinstance(value, Mapping) else None
    return found.strip() or None if isinstance(found, str) else None


def country_within(value: object) -> str | None:
    """The country code of an address, which may be missing, or an empty list."""
    found = value.get("countryCode") if isinstance(value, Mapping) else None
    return found.strip() or None if isinstance(found, str) else None
