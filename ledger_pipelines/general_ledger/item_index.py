"""Where the matching finds rows and credits: by what they name, by amount, and by age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from heapq import heappop, heappush
from typing import TypeAlias

from ledger_pipelines.general_ledger.references import (
    SHORTEST_NUMBER,
    Reference,
    first_word,
    stands_in,
    words_of,
)
from ledger_pipelines.general_ledger.standing import Standing

_Index: TypeAlias = "defaultdict[str, list[Standing]]"


class Rows:
    """Rows by what names them."""

    def __init__(self) -> None:
        self._by_document: _Index = defaultdict(list)
        self._by_kid: _Index = defaultdict(list)
        self._by_number: _Index = defaultdict(list)
        #: What names an invoice or an opening balance, open or paid: who names it pays no other.
        self._known: set[str] = set()
        #: The numbers of several words, by the first.
        self._phrases: dict[str, dict[str, None]] = {}

    def add(self, row: Standing) -> None:
        item, known = row.item, self._known
        self._by_document[item.document].append(row)
        if item.is_document:
            known.add(item.document)
            known.update(item.kids, row.numbers)
        else:
            # A refund stands for what it refunds: who pays that again pays the refund.
            for document in item.settles:
                self._by_document[document].append(row)
        for kid in item.kids:
            self._by_kid[kid].append(row)
        for number in row.numbers:
            self._by_number[number].append(row)
            if not number.isalnum() and len(number) >= SHORTEST_NUMBER:
                self._phrases.setdefault(first_word(number), {})[number] = None

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
        for index, names, reference in (
            (self._by_document, item.settles, Reference.DOCUMENT),
            (self._by_kid, item.kids, Reference.KID),
            (self._by_number, settlement.numbers, Reference.NUMBER),
        ):
            if names:
                if found := self._open_rows(index, names):
                    return found, reference, True
                is_named = is_named or not self._known.isdisjoint(names)
        found = self._open_rows(self._by_number, self._in_text(item.text)) if item.text else []
        return found, Reference.NUMBER, is_named or bool(found)

    def of_number(self, settlement: Standing) -> list[Standing]:
        """The rows, open or paid, that have a number of the item."""
        return [row for number in settlement.numbers for row in self._by_number.get(number, ())]

    def of_document(self, document: str) -> list[Standing]:
        return list(self._by_document.get(document, ()))

    def _open_rows(self, index: _Index, names: Iterable[str]) -> list[Standing]:
        found: list[Standing] = []
        for name in names:
            rows = index.get(name)
            if rows is None:
                continue
            if index is self._by_kid:
                # A customer may have one for all invoices: those paid are not looked at again.
                rows = index[name] = [row for row in rows if row.remaining > 0]
            found += [row for row in rows if row.free > 0]
        return sorted(set(found), key=Standing.order) if len(found) > 1 else found

    def _in_text(self, text: str) -> list[str]:
        """The numbers that stand in it as whole words."""
        if not self._by_number:
            return []
        words = words_of(text)
        found = [word for word in words if word in self._by_number and len(word) >= SHORTEST_NUMBER]
        if self._phrases:
            phrases = [number for word in words for number in self._phrases.get(word, ())]
            found += [number for number in phrases if stands_in(number, text)]
        return found


class Credits:
    """Settlements with something left, by what they name and by age."""

    def __init__(self) -> None:
        self._held: set[Standing] = set()
        # Those that are no longer held leave these when somebody looks.
        self._by_age: list[tuple[date, str, Standing]] = []
        self._by_document: _Index = defaultdict(list)
        self._by_settled: _Index = defaultdict(list)
        self._by_kid: _Index = defaultdict(list)
        self._by_number: _Index = defaultdict(list)
        self._by_word: _Index = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, credit: Standing) -> None:
        if credit in self._held:
            return
        self._held.add(credit)
        heappush(self._by_age, (*credit.age(), credit))
        item = credit.item
        self._by_document[item.document].append(credit)
        for document in item.settles:
            self._by_settled[document].append(credit)
        for kid in item.kids:
            self._by_kid[kid].append(credit)
        for number in credit.numbers:
            self._by_number[number].append(credit)
        for word in words_of(item.text):
            self._by_word[word].append(credit)

    def discard(self, credit: Standing) -> None:
        self._held.discard(credit)

    def naming(self, row: Standing) -> list[tuple[Standing, str]]:
        """The credits that name the row, or that it names, and by what; the surest reference and the oldest first."""
        item = row.item
        found: dict[Standing, str] = {}
        settled = (item.document, *item.settles) if item.settles else (item.document,)
        for index, names, reference in (
            (self._by_settled, settled, Reference.DOCUMENT),
            (self._by_document, item.settles, Reference.DOCUMENT),
            (self._by_kid, item.kids, Reference.KID),
            (self._by_number, row.numbers, Reference.NUMBER),
        ):
            if names and index:
                for credit in self._of(index, names):
                    found.setdefault(credit, reference)
        for number in row.numbers:
            if len(number) >= SHORTEST_NUMBER and (word := first_word(number)) in self._by_word:
                for credit in self._of(self._by_word, (word,)):
                    if word == number or stands_in(number, credit.item.text):
                        found.setdefault(credit, Reference.NUMBER)
        return list(found.items())

    def oldest(self) -> Standing | None:
        """The oldest with something free."""
        while self._by_age and self._by_age[0][-1] not in self._held:
            heappop(self._by_age)
        if not self._by_age or self._by_age[0][-1].free > 0:
            return self._by_age[0][-1] if self._by_age else None
        return min((one for one in self._held if one.free > 0), key=Standing.age, default=None)

    def _of(self, index: _Index, names: Iterable[str]) -> list[Standing]:
        """Those held of one of the names, oldest first."""
        found: list[Standing] = []
        for name in names:
            if name in index:
                held = index[name] = [one for one in index[name] if one in self._held]
                found += held
        if len(found) > 1:
            found.sort(key=Standing.age)
        return found


class Party:
    """A party's rows and credits on one account and currency."""

    def __init__(self) -> None:
        self.rows, self.credits = Rows(), Credits()
        self._by_due: list[tuple[date, date, str, Standing]] = []
        self._by_amount: dict[int, set[Standing]] = {}
        self._settlements: _Index = defaultdict(list)

    def add_row(self, row: Standing) -> None:
        self.rows.add(row)
        row.is_row = True
        self._reopen(row)

    def moved(self, row: Standing, before: int) -> None:
        """What remains of a row is another amount than before."""
        if not row.is_row:
            return
        if before > 0:
            rows = self._by_amount[before]
            rows.discard(row)
            if not rows:
                del self._by_amount[before]
        if row.remaining > 0:
            if before > 0:
                self._find_by_amount(row)
            else:
                self.rows.reopen(row)
                self._reopen(row)

    def _reopen(self, row: Standing) -> None:
        if row.remaining > 0:
            heappush(self._by_due, (*row.order(), row))
            self._find_by_amount(row)

    def _find_by_amount(self, row: Standing) -> None:
        rows = self._by_amount.get(row.remaining)
        if rows is None:
            self._by_amount[row.remaining] = {row}
        else:
            rows.add(row)

    def know(self, settlement: Standing) -> None:
        self._settlements[settlement.item.document].append(settlement)

    def of_document(self, document: str) -> list[Standing]:
        """The rows and settlements of a document."""
        return [*self.rows.of_document(document), *self._settlements.get(document, ())]

    def only_row_of(self, amount: int) -> Standing | None:
        """The one row of which exactly this remains."""
        rows = self._by_amount.get(amount)
        if rows is None or len(rows) > 1:
            return None
        (row,) = rows
        return row if row.reserved == 0 else None

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
