"""Where the matching finds rows and credits: by what they name, by amount, and by age."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from heapq import heappop, heappush
from typing import TypeAlias

from ledger_pipelines.general_ledger.matched import Item
from ledger_pipelines.general_ledger.standing import Standing

_WORD = re.compile(r"\w+")
#: What is shorter stands in a text by chance.
_SHORTEST_NUMBER = 3


_Index: TypeAlias = "dict[str, list[Standing]]"


class Reference:
    """By what a settlement and a row name each other, as transactions tell it."""

    DOCUMENT, KID, NUMBER = "document", "kid", "invoice_number"


def normal(number: str) -> str:
    """An invoice number as it is compared: without what stands around its first and last word, in any case."""
    if number.isalnum():
        return number.casefold()
    words = list(_WORD.finditer(number))
    return (number[words[0].start() : words[-1].end()] if words else number.strip()).casefold()


def stands_in(number: str, text: str) -> bool:
    """Whether a number (`normal`) stands in a text as a whole word; one of less than three characters never does."""
    if len(number) < _SHORTEST_NUMBER:
        return False
    text, begin = text.casefold(), -1
    while (begin := text.find(number, begin + 1)) >= 0:
        end = begin + len(number)
        if not _WORD.match(text[begin - 1 : begin]) and not _WORD.match(text[end : end + 1]):
            return True
    return False


def words_of(text: str) -> list[str]:
    """The words of a text, each once."""
    return list(dict.fromkeys(_WORD.findall(text.casefold()))) if text else []


class Rows:
    """Rows by what names them."""

    def __init__(self) -> None:
        self._by_document: _Index = {}
        self._by_kid: _Index = {}
        self._by_number: _Index = {}
        #: What names an invoice or an opening balance, open or paid: who names it pays no other.
        self._known: set[str] = set()
        #: The numbers that begin with a word.
        self._numbers: dict[str, dict[str, None]] = defaultdict(dict)

    def add(self, row: Standing) -> None:
        item = row.item
        # A refund stands for what it refunds: who pays that again pays the refund.
        documents = (item.document,) if item.is_document else (item.document, *item.settles)
        for document in documents:
            _add(self._by_document, document, row)
        if item.is_document:
            self._known.update((item.document, *item.kids, *map(normal, item.numbers)))
        for kid in item.kids:
            _add(self._by_kid, kid, row)
        for number in map(normal, item.numbers):
            _add(self._by_number, number, row)
            if len(number) >= _SHORTEST_NUMBER:
                self._numbers[words_of(number)[0] if words_of(number) else number][number] = None

    def reopen(self, row: Standing) -> None:
        """Finds a row again by what is only looked up for open ones."""
        for kid in row.item.kids:
            if row not in self._by_kid[kid]:
                self._by_kid[kid].append(row)

    def named_by(self, settlement: Standing) -> tuple[list[Standing], str, bool]:
        """The open rows that it names, oldest due first; by what; and whether it names any, open or paid.

        What only stands in a text may stand there for another reason: there a paid row is none.
        """
        item, is_named = settlement.item, False
        levels: tuple[tuple[_Index, Iterable[str], str], ...] = (
            (self._by_document, item.settles, Reference.DOCUMENT),
            (self._by_kid, item.kids, Reference.KID),
            (self._by_number, [normal(one) for one in item.numbers], Reference.NUMBER),
        )
        for index, names, reference in levels:
            if not names:
                continue
            found: dict[Standing, None] = {}
            for name in names:
                is_named = is_named or name in self._known
                rows = index.get(name)
                if rows is not None:
                    still = [row for row in rows if row.remaining > 0]
                    if index is self._by_kid:
                        # A customer may have one for all invoices: those paid are not looked at again.
                        index[name] = still
                    found |= dict.fromkeys(row for row in still if row.free > 0)
            if found:
                return sorted(found, key=Standing.order), reference, True
        numbers = self._in_text(item.text) if item.text else []
        found = dict.fromkeys(row for number in numbers for row in self._by_number[number] if row.free > 0)
        return sorted(found, key=Standing.order), Reference.NUMBER, is_named or bool(found)

    def of_number(self, item: Item) -> list[Standing]:
        """The rows, open or paid, that have a number of the item."""
        return [row for number in item.numbers for row in self._by_number.get(normal(number), ())]

    def of_document(self, document: str) -> list[Standing]:
        return list(self._by_document.get(document, ()))

    def _in_text(self, text: str) -> list[str]:
        if not self._numbers or not text:
            return []
        return [
            number
            for word in words_of(text)
            for number in self._numbers.get(word, ())
            if stands_in(number, text)
        ]


class Credits:
    """Settlements with something left, by what they name and by age."""

    def __init__(self) -> None:
        self._held: dict[Standing, None] = {}
        self._by_age: list[tuple[date, str, Standing]] = []
        self._by_key: dict[tuple[str, str], dict[Standing, None]] = defaultdict(dict)

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, credit: Standing) -> None:
        if credit in self._held:
            return
        self._held[credit] = None
        heappush(self._by_age, (*credit.age(), credit))
        for key in self._keys(credit.item):
            self._by_key[key][credit] = None

    def discard(self, credit: Standing) -> None:
        if credit in self._held:
            del self._held[credit]
            for key in self._keys(credit.item):
                self._by_key[key].pop(credit, None)

    def naming(self, row: Standing) -> list[tuple[Standing, str]]:
        """The credits that name the row, or that it names, and by what; the surest reference and the oldest first."""
        item = row.item
        documents = [item.document, *item.settles]
        found: dict[Standing, str] = {}
        self._collect(found, [("settles", one) for one in documents], Reference.DOCUMENT)
        self._collect(found, [("document", one) for one in item.settles], Reference.DOCUMENT)
        self._collect(found, [("kid", one) for one in item.kids], Reference.KID)
        numbers = [normal(one) for one in item.numbers]
        self._collect(found, [("number", one) for one in numbers], Reference.NUMBER)
        for number in numbers:
            first = words_of(number)[:1]
            said = {
                one: None
                for word in first
                for one in self._by_key.get(("word", word), ())
                if stands_in(number, one.item.text)
            }
            for one in sorted(said, key=Standing.age):
                found.setdefault(one, Reference.NUMBER)
        return list(found.items())

    def oldest(self) -> Standing | None:
        """The oldest with something free."""
        while self._by_age and self._by_age[0][-1] not in self._held:
            heappop(self._by_age)
        if not self._by_age or self._by_age[0][-1].free > 0:
            return self._by_age[0][-1] if self._by_age else None
        return min((one for one in self._held if one.free > 0), key=Standing.age, default=None)

    def _collect(self, found: dict[Standing, str], keys: Iterable[tuple[str, str]], reference: str) -> None:
        named = {one for key in keys for one in self._by_key.get(key, ())}
        for one in sorted(named, key=Standing.age):
            found.setdefault(one, reference)

    @staticmethod
    def _keys(item: Item) -> Iterator[tuple[str, str]]:
        yield "document", item.document
        for settles in item.settles:
            yield "settles", settles
        for kid in item.kids:
            yield "kid", kid
        for number in item.numbers:
            yield "number", normal(number)
        for word in words_of(item.text):
            yield "word", word


class Party:
    """A party's rows and credits on one account and currency."""

    def __init__(self) -> None:
        self.rows, self.credits = Rows(), Credits()
        self._by_due: list[tuple[date, date, str, Standing]] = []
        self._by_amount: dict[int, dict[Standing, None]] = {}
        self._settlements: _Index = {}

    def add_row(self, row: Standing) -> None:
        self.rows.add(row)
        row.is_row = True
        self._reopen(row)

    def moved(self, row: Standing, before: int) -> None:
        """What remains of a row is another amount than before."""
        if not row.is_row:
            return
        if before > 0:
            same = self._by_amount[before]
            same.pop(row, None)
            if not same:
                del self._by_amount[before]
        if row.remaining > 0:
            if before > 0:
                self._by_amount.setdefault(row.remaining, {})[row] = None
            else:
                self.rows.reopen(row)
                self._reopen(row)

    def _reopen(self, row: Standing) -> None:
        if row.remaining > 0:
            heappush(self._by_due, (*row.order(), row))
            self._by_amount.setdefault(row.remaining, {})[row] = None

    def know(self, settlement: Standing) -> None:
        _add(self._settlements, settlement.item.document, settlement)

    def of_document(self, document: str) -> list[Standing]:
        """The rows and settlements of a document."""
        return [*self.rows.of_document(document), *self._settlements.get(document, ())]

    def only_row_of(self, amount: int) -> Standing | None:
        """The one row of which exactly this remains."""
        rows = self.rows_of(amount)
        return rows[0] if len(rows) == 1 and rows[0].reserved == 0 else None

    def rows_of(self, amount: int) -> list[Standing]:
        """The rows of which exactly this remains."""
        return list(self._by_amount.get(amount, ()))

    def oldest_row(self) -> Standing | None:
        """The open row with something free that is due first."""
        while self._by_due and self._by_due[0][-1].remaining == 0:
            heappop(self._by_due)
        if not self._by_due or self._by_due[0][-1].free > 0:
            return self._by_due[0][-1] if self._by_due else None
        return min((one[-1] for one in self._by_due if one[-1].free > 0), key=Standing.order, default=None)

    def hold(self, credit: Standing) -> None:
        """Keeps a settlement of which something is left, and no other."""
        if credit.remaining > 0:
            self.credits.add(credit)
        else:
            self.credits.discard(credit)


class Group:
    """An account and currency: its parties, and what names none."""

    def __init__(self, *, serves_anonymous: bool) -> None:
        self._parties: dict[str, Party] = {}
        #: Only for settlements that name no party: without one, nobody asks.
        self._rows = Rows() if serves_anonymous else None
        self._waiting = Credits()

    def party(self, name: str) -> Party:
        found = self._parties.get(name)
        if found is None:
            found = self._parties[name] = Party()
        return found

    def add_row(self, row: Standing) -> None:
        if self._rows is not None:
            self._rows.add(row)

    def named_by(self, settlement: Standing) -> tuple[list[Standing], str]:
        """The open rows, of any party, that the settlement names, and by what."""
        if self._rows is None:
            return [], Reference.DOCUMENT
        rows, reference, _ = self._rows.named_by(settlement)
        return rows, reference

    def wait(self, settlement: Standing) -> None:
        """Keeps a settlement of nobody's until a row comes that it names."""
        self._waiting.add(settlement)

    def forget(self, settlement: Standing) -> None:
        self._waiting.discard(settlement)

    def waiting_for(self, row: Standing) -> list[Standing]:
        """The settlements of nobody's that name the row."""
        return [credit for credit, _ in self._waiting.naming(row)] if self._waiting else []


def _add(index: _Index, name: str, row: Standing) -> None:
    rows = index.get(name)
    if rows is None:
        index[name] = [row]
    else:
        rows.append(row)
