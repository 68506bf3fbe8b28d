"""A SAF-T file read once from its beginning to its end, a batch of transactions at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa
from lxml import etree

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.printable import one_line
from ledger_pipelines.sources.files.saft.batches import Batch, read_batch
from ledger_pipelines.sources.files.saft.masters import (
    Account,
    Header,
    Party,
    read_account,
    read_header,
    read_party,
)
from ledger_pipelines.sources.files.saft.names import Element, tag
from ledger_pipelines.sources.files.saft.prolog import check_beginning
from ledger_pipelines.sources.files.saft.values import decimal, whole_numbers
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT

#: Transactions of a batch: enough that the work by batch does not count, few enough that their elements fit anywhere.
BATCH = 4_000
#: What a parser says may quote the file.
_LONGEST_REASON = 200
_KINDS = {tag("Customer"): "customer", tag("Supplier"): "supplier"}
_TOTALS = {tag("NumberOfEntries"): "entries", tag("TotalDebit"): "debit", tag("TotalCredit"): "credit"}
_TRANSACTION, _JOURNAL, _JOURNAL_ID = tag("Transaction"), tag("Journal"), tag("JournalID")
_HEADER, _ACCOUNT, _ENTRIES = tag("Header"), tag("Account"), tag("GeneralLedgerEntries")
_READ = (_TRANSACTION, _JOURNAL, _JOURNAL_ID, _HEADER, _ACCOUNT, *_KINDS, *_TOTALS)
#: Elements that nothing is read from and that may be many: freed as soon as they end.
_UNREAD = frozenset(
    map(
        tag,
        (
            *("AnalysisTypeTableEntry", "Asset", "AssetTransaction", "Invoice", "Owner", "Payment"),
            *("PhysicalStock", "Product", "StockMovement", "TaxTableEntry"),
        ),
    )
)


@dataclass(slots=True)
class Totals:
    """Control totals: transactions, debits and credits, as the amounts stand in the file."""

    entries: int = 0
    debit: Decimal = Decimal()
    credit: Decimal = Decimal()

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.entries + other.entries, self.debit + other.debit, self.credit + other.credit)


@dataclass(slots=True)
class Content:
    """What a file says beside its transactions, complete when it is read to its end.

    `stated` are the file's own control totals by name; `counted` what its transactions sum to.
    """

    name: str
    header: Header | None = None
    accounts: list[Account] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    stated: dict[str, Any] = field(default_factory=dict)
    counted: Totals = field(default_factory=Totals)


class SaftReader:
    """Reads one file; `opened` gives it from its beginning each time.

    Raises LedgerError with one sentence for whatever is no SAF-T Financial file of a known version.
    """

    def __init__(
        self,
        name: str,
        opened: Callable[[], AbstractContextManager[IO[bytes]]],
        *,
        schema: etree.XMLSchema | None = None,
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        self.content = Content(name)
        self._opened = opened
        self._schema = schema
        self._on_bytes = on_bytes or _ignore
        #: How many transactions were read since the last batch, and how many of them stand in the present journal.
        self._size = self._in_journal = 0
        self._root: Any = None
        self._journal: Any = None
        self._ended: list[Any] = []

    def header(self) -> Header:
        """The header alone, read from a stream of its own."""
        for _ in self._events(stop_at=_HEADER):
            pass
        return self._known_header()

    def batches(self) -> Iterator[Batch]:
        """The transactions; `content` is whole when they are all read."""
        self.content = Content(self.content.name)
        for _ in self._events():
            yield self._read_batch()
        self._known_header()
        if self._size:
            yield self._read_batch()
        missing = [one for one in _TOTALS.values() if one not in self.content.stated]
        if missing:
            raise LedgerError(
                f"{self.content.name} has no control total of {' and '.join(missing)}: export it again."
            )

    def _known_header(self) -> Header:
        if self.content.header is None:
            raise LedgerError(f"{self.content.name} has no Header: nobody knows whose books it has.")
        return self.content.header

    def _events(self, stop_at: str | None = None) -> Iterator[None]:
        """Reads elements, and stops wherever a batch is full."""
        self._size = self._in_journal = 0
        self._root, self._journal, self._ended = None, None, []
        with self._opened() as stream:
            check_beginning(stream, self.content.name)
        with self._opened() as stream:
            parser = self._parser(_Counting(stream, self._on_bytes if stop_at is None else _ignore))
            try:
                for _, element in parser:
                    self._end(element)
                    if element.tag == stop_at:
                        return
                    if self._size >= BATCH:
                        # Else its element stays for as long as we know it.
                        del element
                        yield
            except etree.XMLSyntaxError as error:
                raise LedgerError(f"{self.content.name} cannot be read: {_reason(parser, error)}.") from None

    def _parser(self, stream: _Counting) -> Any:
        return etree.iterparse(
            stream,
            tag=[*_READ, *_UNREAD],
            remove_blank_text=True,
            remove_comments=True,
            remove_pis=True,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            schema=self._schema,
        )

    def _end(self, element: Element) -> None:
        name = element.tag
        if name == _TRANSACTION:
            if self._journal is None or element.getparent() is not self._journal:
                raise LedgerError(
                    f"{self.content.name} has a Transaction that stands in no journal with a JournalID before it."
                )
            self._size += 1
            self._in_journal += 1
            return
        parent = element.getparent()
        if name == _JOURNAL_ID:
            self._begin_journal(element, parent)
        elif name == _JOURNAL and element is self._journal:
            self._ended.append(element)
            self._journal, self._in_journal = None, 0
        elif name in _TOTALS and parent.tag == _ENTRIES:
            self._state(_TOTALS[name], element)
        elif name == _HEADER:
            self._read_header(element)
        elif name == _ACCOUNT and parent.tag == tag("GeneralLedgerAccounts"):
            self.content.accounts.append(read_account(element, self.content.name))
            _free(element)
        elif name in _KINDS and parent.tag in (tag("Customers"), tag("Suppliers")):
            self.content.parties.append(read_party(element, _KINDS[name], self.content.name))
            _free(element)
        elif name in _UNREAD:
            _free(element)

    def _read_header(self, element: Element) -> None:
        if element.getroottree().docinfo.internalDTD is not None:
            raise LedgerError(f"{self.content.name} has a DOCTYPE, which no SAF-T file has.")
        self.content.header = read_header(element, self.content.name)

    def _begin_journal(self, element: Element, parent: Element) -> None:
        if parent.tag != _JOURNAL or parent.getparent().tag != _ENTRIES:
            return
        if not (element.text or "").strip():
            raise LedgerError(f"{self.content.name} has a journal with an empty JournalID.")
        self._journal = parent
        self._root = parent.getroottree().getroot()

    def _read_batch(self) -> Batch:
        batch = read_batch(self._root, self._size, self.content.name)
        self._free_batch()
        self.content.counted += Totals(batch.entries.num_rows, *batch.sums())
        return batch

    def _free_batch(self) -> None:
        """Gives back the transactions that were read; behind them, others may have begun."""
        for journal in self._ended:
            _free(journal)
        self._ended.clear()
        if self._in_journal:
            first = self._journal.index(self._journal.find(_TRANSACTION))
            del self._journal[first : first + self._in_journal]
        self._size = self._in_journal = 0

    def _state(self, name: str, element: Element) -> None:
        if name in self.content.stated:
            raise LedgerError(f"{self.content.name} states its control total of {name} twice.")
        text, where = (element.text or "").strip(), self.content.name
        if not text:
            raise LedgerError(f"{where} has an empty control total of {name}.")
        if name == "entries":
            texts: Any = pa.chunked_array([[text]], pa.string())
            self.content.stated[name] = whole_numbers(texts, "NumberOfEntries", lambda _: where)[0].as_py()
        else:
            self.content.stated[name] = decimal(text, LEDGER_AMOUNT, f"the control total of {name}", where)


class _Counting:
    """Reports how many bytes were read."""

    def __init__(self, stream: IO[bytes], on_bytes: Callable[[int], None]) -> None:
        self._stream, self._on_bytes = stream, on_bytes

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._on_bytes(len(chunk))
        return chunk


def _ignore(_: int) -> None:
    pass


def _free(element: Element) -> None:
    """Gives back what has been read, with its place among the others."""
    parent = element.getparent()
    element.clear()
    parent.remove(element)


def _reason(parser: Any, error: etree.XMLSyntaxError) -> str:
    """What was wrong first: what is raised may be only what came of it."""
    first = next(iter(parser.error_log), None)
    message, line = (error.msg, error.lineno) if first is None else (first.message, first.line)
    reason = " ".join(one_line(str(message or "it is not XML")).split())[:_LONGEST_REASON].rstrip(" .")
    return f"line {line}: {reason}" if line else reason
