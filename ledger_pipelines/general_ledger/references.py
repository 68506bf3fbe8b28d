"""How an item's text and an invoice number name each other (rules/general_ledger.md, Sub-ledgers, Matching, 3)."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
#: What is shorter stands in a text by chance.
SHORTEST_NUMBER = 3


class Reference:
    """By what a settlement and a row name each other, as transactions state it."""

    DOCUMENT, KID, NUMBER = "document", "kid", "invoice_number"


def normal(number: str) -> str:
    """An invoice number as it is compared: without what stands around its first and last word, in any case."""
    if number and number[0].isalnum() and number[-1].isalnum():
        return number.casefold()
    words = list(_WORD.finditer(number))
    return (number[words[0].start() : words[-1].end()] if words else number.strip()).casefold()


def first_word(number: str) -> str:
    """The word that a number (`normal`) begins with: itself, where it is a single one."""
    if number.isalnum():
        return number
    word = _WORD.search(number)
    return word[0] if word else number


def stands_in(number: str, text: str) -> bool:
    """Whether a number (`normal`) stands in a text as a whole word."""
    text, begin = text.casefold(), -1
    while (begin := text.find(number, begin + 1)) >= 0:
        end = begin + len(number)
        if not _WORD.match(text[begin - 1 : begin]) and not _WORD.match(text[end : end + 1]):
            return True
    return False


def words_of(text: str) -> list[str]:
    """The words of a text, each once."""
    return list(dict.fromkeys(_WORD.findall(text.casefold()))) if text else []
