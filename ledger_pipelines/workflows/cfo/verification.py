"""Comparing all that was handed over with the CFO's transactions, and mending what differs (`ledger cfo verify`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.transactions import transactions_of
from ledger_pipelines.columns import column, kept, mask, positions, take
from ledger_pipelines.destinations.cfo.lookup import astray, correct_rows, our_rows, read_rows
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.cfo.deliveries import handed_in_months, log_corrections, synced_invoices
from ledger_pipelines.store.cfo.metrics import waiting_invoices
from ledger_pipelines.store.cfo.sync import read_mappings, register_holded_invoices, shared_transactions
from ledger_pipelines.store.database import Database
from ledger_pipelines.wording import counted
from ledger_pipelines.workflows.cfo.connections import CfoConnection, our_connection
from ledger_pipelines.workflows.cfo.delivery import sentence
from ledger_pipelines.workflows.cfo.sync import Clock, sync_invoices

#: What of a transaction is the invoice's own: how it is classified is the CFO's business.
_FACTS = ("amount", "currency", "classification_reason")


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it should be of one invoice or transaction, in words; whether a repair can mend it."""

    invoice: str
    transaction: int | None
    told: str
    is_mendable: bool


@dataclass(frozen=True, slots=True)
class _Compared:
    """The differences, and the rows that came from here with the facts that they should have."""

    differences: list[Difference]
    corrections: pa.Table


def verify(ledger: Database, cfo: Database) -> list[Difference]:
    """Every difference between what the ledger has handed over, or should have, and the CFO's transactions.

    Raises LedgerError when the CFO's database does not let us look.
    """
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs:
        register_holded_invoices(ours)
        return _compare(ours, theirs).differences


def repair(ledger: Database, cfo: Database, *, clock: Clock) -> list[Difference]:
    """Mends what can be mended, in the rows that came from here alone; the differences that there were.

    What is gone is handed over again, and what waits is handed over. Amounts, currencies and reasons are set to what the
    invoices say, also in closed months, for the CFO's table is none of the ledger's books; each leaves a row in the log.
    Raises LedgerError when the CFO's database does not let us look or correct.
    """
    with our_connection(ledger) as ours, CfoConnection(cfo) as theirs:
        register_holded_invoices(ours)
        compared = _compare(ours, theirs)
        if compared.corrections.num_rows:
            try:
                correct_rows(theirs.connection(), compared.corrections)
            except psycopg.Error as error:
                raise LedgerError(
                    f"{sentence(error)}. {counted(compared.corrections.num_rows, 'transaction')} could not be "
                    "corrected: the "
                    "CFO's user must be able to UPDATE them."
                ) from error
            log_corrections(ours, compared.corrections, at=clock())
    sync_invoices(ledger, cfo, clock=clock)
    return compared.differences


def _compare(ours: psycopg.Connection, theirs: CfoConnection) -> _Compared:
    try:
        lost = astray(theirs.connection(), handed_in_months(ours, None))
        rows = our_rows(theirs.connection())
        synced = synced_invoices(ours)
        there = read_rows(theirs.connection(), column(synced, "cfo_transaction_id"))
    except psycopg.Error as error:
        if ours.closed:
            raise
        raise LedgerError(f"The CFO's transactions cannot be compared. {sentence(error)}.") from error
    numbers = dict(
        zip(synced["cfo_transaction_id"].to_pylist(), synced["invoice_number"].to_pylist(), strict=True)
    )
    shared = set(shared_transactions(ours))
    gone = set(lost["cfo_transaction_id"].to_pylist())
    found = [
        Difference(
            numbers.get(one["cfo_transaction_id"]) or f"#{one['invoice_id']}",
            one["cfo_transaction_id"],
            "its transaction is gone" if one["is_gone"] else "its transaction is another's now",
            is_mendable=True,
        )
        for one in lost.to_pylist()
    ]
    found += [
        Difference(one["invoice_number"] or f"#{one['invoice_id']}", one["cfo_transaction_id"], told, True)
        for one in synced.to_pylist()
        if one["cfo_transaction_id"] in shared
        for told in ["it shares its transaction with another invoice"]
    ]
    facts, corrections = _facts(ours, synced, there, gone)
    return _Compared([*found, *facts, *_orphans(rows, synced, lost), *_waiting(ours)], corrections)


def _facts(
    ours: psycopg.Connection, synced: pa.Table, there: pa.Table, gone: set[Any]
) -> tuple[list[Difference], pa.Table]:
    """What differs of amounts, currencies and reasons, and the corrections of rows that came from here."""
    should = transactions_of(synced, *read_mappings(ours)).transactions
    place = positions(column(should, "invoice_id"), column(synced, "invoice_id"))
    ids = take(column(synced, "cfo_transaction_id"), place)
    rows = positions(ids, column(there, "id"))
    wanted = {name: column(should, name).cast(pa.string()) for name in _FACTS}
    actual = {name: take(column(there, name), rows) for name in _FACTS}
    is_ours = mask(take(column(there, "is_ours"), rows))
    is_there = (rows >= 0) & ~mask(pc.is_in(ids, value_set=pa.array(sorted(gone), pa.int64())))
    # What a row that the CFO entered says beside its amount is their own.
    differs = {
        name: is_there
        & mask(pc.not_equal(actual[name].fill_null(""), wanted[name]))
        & (is_ours | (name == "amount"))
        for name in _FACTS
    }
    found = []
    numbers: list[Any] = column(should, "identifier").to_pylist()
    for name, where in differs.items():
        for row in where.nonzero()[0].tolist():
            told = f"its {name} is {actual[name][row].as_py()!r} there, and should be {wanted[name][row].as_py()!r}"
            mendable = bool(is_ours[row])
            told += "" if mendable else "; the CFO entered it, so that nobody here changes it"
            found.append(Difference(numbers[row], ids[row].as_py(), told, mendable))
    wrong = is_ours & (differs["amount"] | differs["currency"] | differs["classification_reason"])
    corrections = should.select(["invoice_id", *_FACTS]).append_column("cfo_transaction_id", ids)
    return found, kept(corrections, wrong)


def _orphans(rows: pa.Table, synced: pa.Table, lost: pa.Table) -> list[Difference]:
    """Rows that came from here and are no handed-over invoice's."""
    owned = set(synced["cfo_transaction_id"].to_pylist()) - set(lost["cfo_transaction_id"].to_pylist())
    files = [row["source_file"] for row in rows.to_pylist() if row["id"] in owned]
    return [
        Difference(
            row["source_file"],
            row["id"],
            f"a transaction of {row['amount']} that came from here twice: delete one of the two"
            if row["source_file"] in files
            else f"a transaction of {row['amount']} that no handed-over invoice is: delete it, unless its invoice waits",
            is_mendable=False,
        )
        for row in rows.to_pylist()
        if row["id"] not in owned
    ]


def _waiting(ours: psycopg.Connection) -> list[Difference]:
    return [
        Difference(
            one.shown,
            None,
            f"{one.shown_amount} paid {one.paid_at.astimezone(UTC):%Y-%m-%d} and not handed over: "
            f"{one.error or 'nobody has taken it up'}",
            is_mendable=one.sync_status in (None, "retry"),
        )
        for one in waiting_invoices(ours)
    ]
