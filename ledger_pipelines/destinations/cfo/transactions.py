"""The CFO's `transactions`, in whatever database they are: making the table and its keys, and handing over.

A hand-over is idempotent: under a lock that all syncs share, what is there by `source_file` or `identifier` is found
before anything is inserted. The keys are a second wall, where they may be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import orjson
import psycopg
from psycopg import sql
from psycopg.types.json import Json

from ledger_pipelines.destinations.cfo.table import (
    CFO_SCHEMA,
    COLUMNS,
    OURS,
    CfoTable,
    UnfitTableError,
    behind,
    find_table,
)
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import sql_directory

__all__ = [
    "CFO_SCHEMA",
    "Delivered",
    "Transaction",
    "fit_table",
    "hand_over",
    "limit_waiting",
    "prepare_cfo_database",
]

#: How long to wait for a lock, and for a statement in all, in the CFO's database.
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "30s", "120s"
_PREPARING_LOCK, _HAND_OVER_LOCK = 7_433_002, 7_433_102
#: What is sent of each column; the CFO's may be of another type that takes it.
_TYPES = {
    "date": sql.SQL("timestamptz"),
    "amount": sql.SQL("numeric(18, 2)"),
    "confidence": sql.SQL("numeric(4, 2)"),
}
_TEXT = sql.SQL("text")
#: What other systems write where a row has no identifier: no invoice is linked by it.
_NO_IDENTIFIERS = ("", "-", "0", "n/a", "na", "nan", "none", "null")


class Transaction(NamedTuple):
    """A row of the CFO's table, in texts by our names of its columns, and the invoice that it is of."""

    invoice_id: int
    row: Mapping[str, str]


class Delivered(NamedTuple):
    """Which of the CFO's transactions an invoice is; without an id where their database took it and kept no row.

    `match` is how it was found: `new`, or linked to a row that came from here with its `source_file`, which has its
    amount and description (`same`) or not (`file`), to one that came from here as another invoice (`other`), or to one
    that the CFO `entered`. `entity` is that of a row with its `source_file`.
    """

    invoice_id: int
    transaction_id: int | None
    match: Literal["new", "same", "file", "other", "entered", "dropped"]
    entity: str | None = None


def prepare_cfo_database(database: Database) -> list[str]:
    """Makes the table of transactions where there is none, and our keys where we may; what could not be done.

    A table that is there is looked at first, and left as it is unless it fits. Keys of ours are over the rows that came
    from here alone; those over all rows that earlier versions made are replaced. Safe to repeat.

    Raises UnfitTableError when the table cannot take paid invoices, LedgerError when the database does not let us make
    one, and DatabaseUnavailableError when it does not answer or keeps the table locked.
    """
    with database.connect(application_name="ledger migrate") as connection, _translating_errors(database):
        limit_waiting(connection)
        with connection.transaction():
            table = find_table(connection)
            if table is None:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_PREPARING_LOCK])
                table = find_table(connection)
            if table is None:
                _make_table(connection, database)
                return []
            return _prepare_keys(connection, table.require_fit(database.label))


@contextmanager
def _translating_errors(database: Database) -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        # What PostgreSQL calls an operational error may pass by itself: each invoice has its own retries then.
        reason = error.diag.message_primary or type(error).__name__
        raise DatabaseUnavailableError(
            f"The CFO's transactions in {database.label} are locked or out of reach ({reason})."
        ) from None
    except psycopg.Error as error:
        raise LedgerError(
            f"The CFO's transactions in {database.label} cannot be prepared ({error.diag.message_primary}): "
            "apply sql/cfo/0001_transactions.sql as their owner."
        ) from None


def _make_table(connection: psycopg.Connection, database: Database) -> None:
    if database.schema is not None:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(database.schema)))
    connection.execute((sql_directory() / "cfo" / "0001_transactions.sql").read_bytes())


def _prepare_keys(connection: psycopg.Connection, table: CfoTable) -> list[str]:
    """Replaces keys over all rows that earlier versions made, and makes those that are missing; what was in the way."""
    notes = []
    for name in ("source_file", "identifier"):
        old = [
            key
            for key in table.keys
            if (key.name, key.column, key.condition) == (f"transactions_{name}", name, None)
            and not key.is_constraint
        ]
        for key in old:
            if not key.is_owned:
                notes.append(
                    f"The index {key.name}, which an earlier version of the ledger made, lets no two rows of "
                    f"{table.label} have one {name}, not even a bank's: have its owner drop it."
                )
                continue
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(table.schema, key.name)))
        is_kept = any(key.column == name and key.holds_for_ours and key not in old for key in table.keys)
        if table.is_owned and not is_kept and (refusal := _make_key(connection, table, name)):
            notes.append(refusal)
    return notes


def _make_key(connection: psycopg.Connection, table: CfoTable, name: str) -> str | None:
    """Makes the key on one of our columns where it can be made; why two rows of ours stand in its way, if they do."""
    free = connection.execute(
        """SELECT name FROM unnest(%s::text[]) WITH ORDINALITY AS n (name, place)
           WHERE to_regclass(format('%%I.%%I', %s::text, name)) IS NULL ORDER BY place LIMIT 1""",
        [[f"transactions_{name}", f"ledger_transactions_{name}"], table.schema],
    ).fetchone()
    if free is None:
        return None
    make = sql.SQL("CREATE UNIQUE INDEX {} ON {} ({}) WHERE {}").format(
        sql.Identifier(free[0]), table.name, table.column(name), table.is_ours()
    )
    try:
        with connection.transaction():
            connection.execute(make)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported):
        # The lock under which syncs hand over keeps a second one out by itself.
        return None
    except psycopg.errors.UniqueViolation as error:
        return (
            f"Two rows of {table.label} that came from here have one {name} ({error.diag.message_detail}): "
            "`ledger cfo verify` says which; delete one of them."
        )
    return None


def limit_waiting(connection: psycopg.Connection) -> None:
    """Has a statement end that waits too long for a lock, or takes too long: both are tried again later."""
    connection.execute(
        "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)",
        [LOCK_TIMEOUT, STATEMENT_TIMEOUT],
    )


def fit_table(connection: psycopg.Connection) -> CfoTable:
    """The CFO's table, which can take paid invoices. Raises UnfitTableError where there is none that can."""
    table = find_table(connection)
    if table is None:
        raise UnfitTableError("The CFO's database has no table transactions: run `ledger migrate`.")
    info = connection.info
    return table.require_fit(f"{info.dbname} on {info.host or 'localhost'}:{info.port} as {info.user}")


def has_policies(connection: psycopg.Connection) -> bool:
    """Whether policies decide about single rows of the transactions."""
    row = connection.execute(
        "SELECT relrowsecurity FROM pg_class WHERE oid = %s", [fit_table(connection).oid]
    ).fetchone()
    return row == (True,)


def hand_over(
    connection: psycopg.Connection, transactions: Sequence[Transaction], *, lock_timeout: str | None = None
) -> list[Delivered]:
    """Inserts what is not there yet and says which row of the CFO's each is, all in one transaction.

    One whose `source_file` or `identifier` is there is linked to that row. `lock_timeout` is this once how long to wait
    for a lock.
    Raises UnfitTableError when the table cannot take any, or its ids are there already, and psycopg.Error when the
    database refuses one of them: then none was inserted.
    """
    table = fit_table(connection)
    with connection.transaction():
        if lock_timeout is not None:
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [lock_timeout])
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_HAND_OVER_LOCK])
        there = _look_up(connection, table, transactions)
        delivered, others = [], []
        new: dict[str, Transaction] = {}
        for one in transactions:
            linked = there.link(one)
            if linked is not None:
                delivered.append(linked)
            # Of several with one number the first is inserted, and the others are linked to it.
            elif new.setdefault(one.row["identifier"], one) is not one:
                others.append(one)
        if new:
            inserted = _insert(connection, table, list(new.values()))
            delivered += [Delivered(one.invoice_id, number, "new") for one, number in inserted if number]
            # A trigger of the CFO's may have changed what names the row, or kept it out.
            others += [one for one, number in inserted if number is None]
        if others:
            there = _look_up(connection, table, others)
            delivered += [there.link(one) or Delivered(one.invoice_id, None, "dropped") for one in others]
    return delivered


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the CFO's that has the `source_file` or the `identifier` of one of our invoices."""

    id: int
    source_file: str | None
    identifier: str | None
    entity: str | None
    amount: str | None
    description: str | None

    @property
    def is_ours(self) -> bool:
        return (self.source_file or "").startswith(OURS)


@dataclass(slots=True)
class _Rows:
    """Rows of the CFO's, the oldest first, by what an invoice is found by; of rows that are alike the oldest."""

    by_file: dict[str | None, _Row] = field(default_factory=dict)
    ours: dict[str | None, _Row] = field(default_factory=dict)
    entered: dict[tuple[str | None, str | None], _Row] = field(default_factory=dict)

    def add(self, row: _Row) -> None:
        if row.is_ours:
            self.by_file.setdefault(row.source_file, row)
            self.ours.setdefault(row.identifier, row)
        else:
            self.entered.setdefault((row.identifier, row.amount), row)
            self.entered.setdefault((row.identifier, None), row)

    def link(self, transaction: Transaction) -> Delivered | None:
        """Which row this transaction is already; None where it is none.

        By its file where it came from here; else by its identifier: another that came from here before one that the
        CFO entered, and of several that they entered one of the same amount.
        """
        invoice, sent = transaction
        number, amount = sent["identifier"], sent["amount"]
        if row := self.by_file.get(sent["source_file"]):
            is_same = (row.amount, row.description) == (amount, sent["description"])
            return Delivered(invoice, row.id, "same" if is_same else "file", row.entity)
        if row := self.ours.get(number):
            return Delivered(invoice, row.id, "other")
        if row := self.entered.get((number, amount)) or self.entered.get((number, None)):
            return Delivered(invoice, row.id, "entered")
        return None


def _look_up(connection: psycopg.Connection, table: CfoTable, transactions: Sequence[Transaction]) -> _Rows:
    numbers = [one.row["identifier"] for one in transactions]
    query = sql.SQL(
        """SELECT {id}, {file}::text, {identifier}::text, {entity}::text, {amount}, {description}::text
           FROM {table} t
           WHERE {file}::text IN (SELECT json_array_elements_text(%s)) AND {is_ours}
              OR {identifier}::text IN (SELECT json_array_elements_text(%s)) ORDER BY {id}"""
    ).format(
        table=table.name,
        is_ours=table.is_ours(),
        id=table.column("id"),
        file=table.column("source_file"),
        identifier=table.column("identifier"),
        entity=table.column("classified_entity"),
        amount=table.amount("t"),
        description=table.column("description"),
    )
    found = connection.execute(
        query,
        [
            Json([one.row["source_file"] for one in transactions], orjson.dumps),
            Json([one for one in numbers if one.strip().lower() not in _NO_IDENTIFIERS], orjson.dumps),
        ],
    )
    rows = _Rows()
    for values in found:
        rows.add(_Row(*values))
    return rows


def _insert(
    connection: psycopg.Connection, table: CfoTable, transactions: Sequence[Transaction]
) -> list[tuple[Transaction, int | None]]:
    """Inserts all of these, of which none is there; each with its id, None where the CFO's database keeps no row.

    An id that the CFO gave by hand is passed over once: the sequence has come beyond it then.
    Raises UnfitTableError when the ids that the sequence gives are there once more.
    """
    names = [name for name in COLUMNS if name in table.columns]
    insert = sql.SQL(
        """INSERT INTO {table} ({own}) SELECT {names} FROM json_to_recordset(%s) AS t ({types})
           RETURNING {file}::text, {id}"""
    ).format(
        table=table.name,
        own=sql.SQL(", ").join(map(table.column, names)),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        types=sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), _TYPES.get(name, _TEXT)) for name in names
        ),
        id=table.column("id"),
        file=table.column("source_file"),
    )
    for attempt in (1, 2):
        try:
            with connection.transaction():
                ids: dict[str, int] = dict(
                    connection.execute(
                        insert, [Json([one.row for one in transactions], orjson.dumps)]
                    ).fetchall()
                )
            return [(one, ids.get(one.row["source_file"])) for one in transactions]
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name not in table.id_keys:
                raise
            if attempt == 2:
                query = sql.SQL("SELECT max({}) FROM {}").format(table.column("id"), table.name)
                ((highest,),) = connection.execute(query).fetchall()
                raise UnfitTableError(behind(table, highest)) from None
    raise AssertionError("the second attempt has returned or raised")
