"""Who a party is and when it pays (rules/general_ledger.md, Parties; Sub-ledgers, `Due date`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from ledger_pipelines.months import add_months, last_day, month_of

_NORWEGIAN = re.compile(r"(?:NO)?([0-9]{9})(?:MVA)?", re.ASCII)
_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)


def registration_number(text: str | None) -> str | None:
    """A company's number as it is compared: `NO 987 654 321 MVA` is `987654321`. None where nothing is written."""
    plain = re.sub(r"[\s.]", "", text or "").upper()
    norwegian = _NORWEGIAN.fullmatch(plain)
    return (norwegian[1] if norwegian else plain) or None


def has_check_digit(number: str) -> bool:
    """Whether the last of nine digits is the one that a Norwegian company's number has (modulus 11)."""
    if not re.fullmatch("[0-9]{9}", number, re.ASCII):
        return False
    rest = -sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False)) % 11
    return rest == int(number[8])


@dataclass(frozen=True, slots=True)
class Terms:
    """A party's payment terms: days and months, from the month's end with a free billing month."""

    days: int | None = None
    months: int | None = None
    free_billing_month: bool = False

    def due_date(self, document_date: date) -> date:
        """The day until which a document of this day is to be paid; its own day where nothing was agreed."""
        begin = last_day(month_of(document_date)) if self.free_billing_month else document_date
        month = add_months(month_of(begin), self.months or 0)
        # Of a month's last day it is the last one of the later month, too.
        is_last = self.free_billing_month or begin.day > last_day(month).day
        day = last_day(month) if is_last else month.replace(day=begin.day)
        return day + timedelta(days=self.days or 0)
