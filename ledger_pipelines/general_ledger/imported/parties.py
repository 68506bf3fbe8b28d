"""Who the customers and suppliers of an accounting file are (rules/general_ledger.md, Parties)."""

from __future__ import annotations

import re

from ledger_pipelines.general_ledger.parties import has_check_digit, registration_number

#: What a foreign register's number has at least: less is a placeholder, such as `0`, `N/A` or `1111`.
_FOREIGN = re.compile(r"(?=(?:.*[0-9]){4})[A-Z0-9-]{5,30}", re.ASCII)


def identity(text: str | None, country: str | None) -> str | None:
    """The registration number by which a party is known, None where what the file says can be none.

    A Norwegian company's has nine digits, the first 8 or 9, with a check digit; `000000000` is nobody's.
    """
    number = registration_number(text)
    if number is None:
        return None
    if re.fullmatch("[0-9]{9}", number) and (
        country in (None, "NO") or (text or "").upper().startswith("NO")
    ):
        return number if number[0] in "89" and has_check_digit(number) else None
    is_foreign = country not in (None, "NO") or number[:2].isalpha()
    is_number = _FOREIGN.fullmatch(number) is not None and len(set(re.sub("[^0-9]", "", number))) > 1
    return number if is_foreign and is_number else None
