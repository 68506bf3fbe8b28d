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
from ledger_pipelines.sources.files.saft.batches import Batch, read_batch
from ledger_pipelines.sources.files.saft.masters import (
    Account,
    Header,
    Party,
    read_account,
    read_header,
    read_party,
)
from ledger_pipelines.sources.files.saft.names import NAMESPACE, Element, tag
from ledger_pipelines.sources.files.saft.prolog import refuse_document_type
from ledger_pipelines.sources.files.saft.values import decimal, whole_numbers
from ledger_pipelines.tables.general_ledger import LEDGER_AMOUNT

#: Transactions of a batch: enough that the work by batch does not count, few enough that their elements fit anywhere.
BATCH = 4_000
_KINDS = {tag("Customer"): "customer", tag("Supplier"): "supplier"}
_TOTALS = {tag("NumberOfEntries"): "entries", tag("TotalDebit"): "debit", tag("TotalCredit"): "credit"}
_ENTRIES = tag("GeneralLedgerEntries")
_READ = ("AuditFile", "Header", "Account", "Journal", "JournalID", "Transaction")
#: Elements that nothing is read from and that may be many: freed as soon as they end.
_UNREAD = ("Owner", "Product", "PhysicalStock", "Asset", "AnalysisTypeTableEntry", "TaxTableEntry")
_UNREAD_DOCUMENTS = ("Invoice", "Payment", "StockMovement", "AssetTransaction")


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
        self._on_bytes = on_bytes or _tell_nobody
        self._batch: Any = None
        self._size = 0
        self._journal = ""

    def header(self) -> Header:
        """The header alone, read from a stream of its own."""
        for _ in self._events(stop_at=tag("Header")):
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
        self._batch, self._size = None, 0
        with self._opened() as stream:
            refuse_document_type(stream, self.content.name)
        with self._opened() as stream:
            told = self._on_bytes if stop_at is None else _tell_nobody
            parser = self._parser(_Counting(stream, told))
            try:
                for event, element in parser:
                    if event == "start":
                        self._begin(element)
                        continue
                    self._end(element)
                    if element.tag == stop_at:
                        return
                    if self._size >= BATCH:
                        yield
            except etree.XMLSyntaxError as error:
                raise LedgerError(f"{self.content.name} cannot be read: {_reason(error)}.") from None

    def _parser(self, stream: _Counting) -> Any:
        names = (*_READ, *_UNREAD, *_UNREAD_DOCUMENTS)
        return etree.iterparse(
            stream,
            events=("start", "end"),
            # The first element by any name: its namespace is to be looked at.
            tag=[*map(tag, names), *_KINDS, *_TOTALS, "{*}AuditFile"],
            remove_blank_text=True,
            remove_comments=True,
            remove_pis=True,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            schema=self._schema,
        )

    def _begin(self, element: Element) -> None:
        if element.getparent() is None:
            if element.getroottree().docinfo.internalDTD is not None:
                raise LedgerError(f"{self.content.name} has a DOCTYPE, which no SAF-T file has.")
            if element.tag != tag("AuditFile"):
                found = etree.QName(element).namespace
                raise LedgerError(
                    f"{self.content.name} is no Norwegian SAF-T Financial file: its namespace is "
                    f"{found or '(none)'}, not {NAMESPACE}."
                )
        elif element.tag == tag("Journal"):
            self._journal = ""

    def _end(self, element: Element) -> None:
        name, parent = element.tag, element.getparent()
        if name == tag("Transaction"):
            self._collect(element, parent)
        elif name == tag("JournalID"):
            self._journal = " ".join((element.text or "").split())
            if self._batch is not None:
                self._begin_journal()
        elif name in _TOTALS and parent.tag == _ENTRIES:
            self._state(_TOTALS[name], element)
        elif name == tag("Header"):
            self.content.header = read_header(element, self.content.name)
        elif name == tag("Account") and parent.tag == tag("GeneralLedgerAccounts"):
            self.content.accounts.append(read_account(element, self.content.name))
            _free(element)
        elif name in _KINDS and parent.tag in (tag("Customers"), tag("Suppliers")):
            self.content.parties.append(read_party(element, _KINDS[name], self.content.name))
            _free(element)
        elif parent is not None and name in (tag("Journal"), *map(tag, (*_UNREAD, *_UNREAD_DOCUMENTS))):
            _free(element)

    def _collect(self, element: Element, parent: Element) -> None:
        if parent.tag != tag("Journal") or parent.getparent().tag != _ENTRIES:
            raise LedgerError(
                f"{self.content.name} has a Transaction that stands in no journal of GeneralLedgerEntries."
            )
        if not self._journal:
            raise LedgerError(
                f"{self.content.name} has a journal without a JournalID before its transactions."
            )
        if self._batch is None:
            self._batch = etree.Element("batch")
            self._begin_journal()
        self._batch[-1].append(element)
        self._size += 1

    def _begin_journal(self) -> None:
        etree.SubElement(self._batch, "journal", id=self._journal)

    def _read_batch(self) -> Batch:
        batch = read_batch(self._batch, self.content.name)
        self._batch, self._size = None, 0
        counted = self.content.counted + Totals(batch.entries.num_rows, *batch.sums())
        self.content.counted = counted
        return batch

    def _state(self, name: str, element: Element) -> None:
        if name in self.content.stated:
            raise LedgerError(f"{self.content.name} states its control total of {name} twice.")
        said, where = (element.text or "").strip(), self.content.name
        if not said:
            raise LedgerError(f"{where} has an empty control total of {name}.")
        if name == "entries":
            texts: Any = pa.chunked_array([[said]], pa.string())
            self.content.stated[name] = whole_numbers(texts, "NumberOfEntries", lambda _: where)[0].as_py()
        else:
            self.content.stated[name] = decimal(said, LEDGER_AMOUNT, f"the control total of {name}", where)


class _Counting:
    """Tells how many bytes were read."""

    def __init__(self, stream: IO[bytes], on_bytes: Callable[[int], None]) -> None:
        self._stream, self._told = stream, on_bytes

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._told(len(chunk))
        return chunk


def _tell_nobody(_: int) -> None:
    pass


def _free(element: Element) -> None:
    """Gives back what has been read, with its place among the others."""
    parent = element.getparent()
    element.clear()
    parent.remove(element)


def _reason(error: etree.XMLSyntaxError) -> str:
    told = str(error.msg or "it is not XML").strip().rstrip(".")
    return f"line {error.lineno}: {told}" if error.lineno else told
