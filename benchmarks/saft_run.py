"""A SAF-T import against reading the XML barely and COPYing the same rows, measured in one process and one database."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from lxml import etree
from psycopg import sql

from benchmarks import bare
from benchmarks.databases import filled_database
from ledger_pipelines.settings import Settings
from ledger_pipelines.store.database import Database
from ledger_pipelines.tables.general_ledger import JOURNAL_ENTRIES, JOURNAL_LINES
from ledger_pipelines.workflows.general_ledger.import_saft import import_saft

YEAR = 2025
LINES_OF_ENTRY = 3
CUSTOMERS = 5_000
_NAMESPACE = "urn:StandardAuditFile-Taxation-Financial:NO"
#: Of a long file once, of others the median of three.
_LONG, _ROUNDS = 500_000, 3
#: After the file's year.
_TODAY = date(2026, 1, 1)


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds: medians. `peak_megabytes` is the process's when the first import has ended."""

    lines: int = 0
    megabytes: float = 0
    bare_read: float = 0
    bare_copy_in: float = 0
    run: float = 0
    run_again: float = 0
    peak_megabytes: float = 0

    @property
    def bare(self) -> float:
        return self.bare_read + self.bare_copy_in


def measure(lines: int, tell: Callable[[str], None]) -> Figures:
    """Writes a file of about so many lines, measures on a database of its own, and throws both away."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
        path = Path(folder) / "books.xml"
        tell(f"Writing a SAF-T file of {lines:,} lines")
        with (
            filled_database(date(YEAR, 1, 1), write_file, str(path), lines) as database,
            database.connect() as connection,
        ):
            return _measure(connection, path, 1 if lines >= _LONG else _ROUNDS, tell)


def write_file(_: Database, path: str, lines: int) -> None:
    """A year of invoices, each of three lines, in the order of their dates."""
    entries = lines // LINES_OF_ENTRY
    total = entries * 1250
    with Path(path).open("w", encoding="utf-8") as file:
        file.write(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<n1:AuditFile xmlns:n1="{_NAMESPACE}">\n<n1:Header>\n'
            "<n1:AuditFileVersion>1.30</n1:AuditFileVersion>\n<n1:Company>\n"
            "<n1:RegistrationNumber>974760673</n1:RegistrationNumber>\n<n1:Name>Books AS</n1:Name>\n</n1:Company>\n"
            "<n1:DefaultCurrencyCode>NOK</n1:DefaultCurrencyCode>\n</n1:Header>\n<n1:MasterFiles>\n<n1:Customers>\n"
        )
        file.writelines(map(_customer, range(CUSTOMERS)))
        file.write(
            "</n1:Customers>\n</n1:MasterFiles>\n<n1:GeneralLedgerEntries>\n"
            f"<n1:NumberOfEntries>{entries}</n1:NumberOfEntries>\n<n1:TotalDebit>{total}</n1:TotalDebit>\n"
            f"<n1:TotalCredit>{total}</n1:TotalCredit>\n<n1:Journal>\n<n1:JournalID>S</n1:JournalID>\n"
            "<n1:Description>Sales</n1:Description>\n<n1:Type>S</n1:Type>\n"
        )
        file.writelines(_transaction(place, entries) for place in range(entries))
        file.write("</n1:Journal>\n</n1:GeneralLedgerEntries>\n</n1:AuditFile>\n")


def _customer(place: int) -> str:
    return f"""<n1:Customer>
  <n1:Name>Customer {place}</n1:Name>
  <n1:CustomerID>{place}</n1:CustomerID>
  <n1:BalanceAccount>
    <n1:AccountID>1500</n1:AccountID>
    <n1:OpeningDebitBalance>0</n1:OpeningDebitBalance>
  </n1:BalanceAccount>
</n1:Customer>
"""


def _transaction(place: int, entries: int) -> str:
    month = place * 12 // entries + 1
    lines = (
        _line(place, "1500", _amount("Debit", 1250), f"<n1:CustomerID>{place % CUSTOMERS}</n1:CustomerID>"),
        _line(place, "3000", _amount("Credit", 1000) + _TAX),
        _line(place, "2700", _amount("Credit", 250)),
    )
    return f"""<n1:Transaction>
  <n1:TransactionID>{place}</n1:TransactionID>
  <n1:Period>{month}</n1:Period>
  <n1:PeriodYear>{YEAR}</n1:PeriodYear>
  <n1:TransactionDate>{YEAR}-{month:02}-15</n1:TransactionDate>
  <n1:SourceID>1234</n1:SourceID>
  <n1:TransactionType>Normal</n1:TransactionType>
  <n1:Description>Invoice {place}</n1:Description>
  <n1:BatchID>123</n1:BatchID>
  <n1:SystemEntryDate>{YEAR}-{month:02}-15</n1:SystemEntryDate>
  <n1:GLPostingDate>{YEAR}-{month:02}-15</n1:GLPostingDate>
  <n1:SystemID>{place}</n1:SystemID>
{"".join(lines)}</n1:Transaction>
"""


_TAX = """
    <n1:TaxInformation>
      <n1:TaxType>MVA</n1:TaxType>
      <n1:TaxCode>3</n1:TaxCode>
      <n1:TaxPercentage>25</n1:TaxPercentage>
      <n1:TaxBase>1000</n1:TaxBase>
      <n1:CreditTaxAmount>
        <n1:Amount>250</n1:Amount>
      </n1:CreditTaxAmount>
    </n1:TaxInformation>"""


def _amount(side: str, amount: int) -> str:
    return f"""
    <n1:{side}Amount>
      <n1:Amount>{amount}.00</n1:Amount>
    </n1:{side}Amount>"""


def _line(place: int, account: str, amounts: str, party: str = "") -> str:
    return f"""  <n1:Line>
    <n1:RecordID>{place}-{account}</n1:RecordID>
    <n1:AccountID>{account}</n1:AccountID>
    <n1:Analysis>
      <n1:AnalysisType>A</n1:AnalysisType>
      <n1:AnalysisID>100</n1:AnalysisID>
    </n1:Analysis>
    <n1:ValueDate>{YEAR}-01-15</n1:ValueDate>
    <n1:SourceDocumentID>{place}</n1:SourceDocumentID>
    {party}
    <n1:Description>Invoice {place}</n1:Description>{amounts}
    <n1:ReferenceNumber>{place}</n1:ReferenceNumber>
    <n1:CID>{place:010}</n1:CID>
    <n1:DueDate>{YEAR}-12-31</n1:DueDate>
  </n1:Line>
"""


def _measure(connection: psycopg.Connection, path: Path, rounds: int, tell: Callable[[str], None]) -> Figures:
    figures = Figures(megabytes=path.stat().st_size / 1e6)
    tell("Importing it")
    runs = [_run(connection, path)]
    figures.peak_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bodies = {table.name: _body(connection, table.name) for table in (JOURNAL_ENTRIES, JOURNAL_LINES)}
    figures.lines = bodies[JOURNAL_LINES.name][1].count(b"\n")
    reads, ins = [], []
    for number in range(1, rounds + 1):
        tell(f"Reading it barely and COPYing its rows, then importing it again ({number} of {rounds})")
        reads.append(_read(path))
        ins.append(bare.copy_in(connection, bodies))
        if number < rounds:
            _empty(connection)
            runs.append(_run(connection, path))
    figures.bare_read, figures.bare_copy_in, figures.run = map(statistics.median, (reads, ins, runs))
    figures.run_again = _run(connection, path)
    return figures


def _run(connection: psycopg.Connection, path: Path) -> float:
    began = time.perf_counter()
    for _ in import_saft(connection, [path], Settings(), today=_TODAY):
        pass
    return time.perf_counter() - began


def _read(path: Path) -> float:
    """Reads every transaction and drops it."""
    began = time.perf_counter()
    with path.open("rb") as file:
        for _, element in etree.iterparse(file, tag=f"{{{_NAMESPACE}}}Transaction"):
            element.clear()
    return time.perf_counter() - began


def _body(connection: psycopg.Connection, table: str) -> bare.Body:
    """The rows as COPY gives them, in the order in which they were written."""
    query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT csv)").format(sql.Identifier(table))
    columns = connection.execute(
        sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(table))
    ).description
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return [column.name for column in columns or ()], b"".join(_parts(copy))


def _parts(copy: psycopg.Copy) -> Iterator[bytes]:
    for part in copy:
        yield bytes(part)


def _empty(connection: psycopg.Connection) -> None:
    """Takes back what is posted, which only a database's owner can by leaving out what guards it."""
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("TRUNCATE journal_entries, journal_lines")
    connection.execute("CHECKPOINT")


if __name__ == "__main__":
    print(measure(300_000, print))
