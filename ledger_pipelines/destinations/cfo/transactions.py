"""The CFO's `transactions`, in whatever database they are: making the table and its keys, and handing over.

A hand-over is idempotent: under a lock that all syncs share, what is there by `source_file` or `identifier` is found
before anything is inserted. The keys are a second wall, where they may be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ledger_pipelines.columns import Column, array, column, kept, mask, positions, present, take
from ledger_pipelines.destinations.cfo.table import (
    CFO_SCHEMA,
    OURS,
    CfoTable,
    UnfitTableError,
    behind,
    find_table,
)
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.copy import copy_in, copy_out, schema_of
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.migrations import sql_directory

__all__ = ["CFO_SCHEMA", "HANDED_OVER", "fit_table", "hand_over", "limit_waiting", "prepare_cfo_database"]

#: How long to wait for a lock, and for a statement in all, in the CFO's database.
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "30s", "120s"
_PREPARING_LOCK, _HAND_OVER_LOCK = 7_433_002, 7_433_102
_STAGE = sql.Identifier("handed_over")
_STAGE_TYPES = {
    "invoice_id": "integer",
    "date": "timestamptz",
    "amount": "numeric(18, 2)",
    "confidence": "numeric(4, 2)",
}
#: Of what was linked and not inserted: `linked_entity`, the entity of a transaction that came from here before;
#: `is_other`, whether it came from here as another invoice; `is_alike`, whether it has our amount and description.
HANDED_OVER = schema_of(
    {
        "invoice_id": pa.int32(),
        "cfo_transaction_id": pa.int64(),
        "is_new": pa.bool_(),
        "linked_entity": pa.string(),
        "is_other": pa.bool_(),
        "is_alike": pa.bool_(),
    }
)
_INSERTED = schema_of({"id": pa.int64(), "source_file": pa.string()})
_THERE = schema_of(
    {
        "id": pa.int64(),
        "source_file": pa.string(),
        "identifier": pa.string(),
        "entity": pa.string(),
        "amount": pa.string(),
        "description": pa.string(),
    }
)
#: What other systems write where a row has no identifier: no invoice is linked by it.
_NO_IDENTIFIERS = ("", "-", "0", "n/a", "na", "nan", "none", "null")


def prepare_cfo_database(database: Database) -> list[str]:
    """Makes the table of transactions where there is none, and our keys where we may; what could not be done.

    A table that is there is looked at first, and left as it is unless it fits. Keys of ours are over the rows that came
    from here alone; those over all rows that earlier versions made are replaced. Safe to repeat.

    Raises UnfitTableError when the table cannot take paid invoices, LedgerError when the database does not let us make
    one, and DatabaseUnavailableError when it does not answer or keeps the table locked.
    """
    with database.connect(application_name="ledger migrate") as connection, _telling(database):
        limit_waiting(connection)
        with connection.transaction():
            table = find_table(connection)
            if table is None:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_PREPARING_LOCK])
                table = find_table(connection)
            if table is None:
                _make_table(connection, database)
                return []
            return _prepare_keys(connection, table.require_fit(database.shown))


@contextmanager
def _telling(database: Database) -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        # What passes by itself, as far as PostgreSQL tells: each invoice has its own retries then.
        reason = error.diag.message_primary or type(error).__name__
        raise DatabaseUnavailableError(
            f"The CFO's transactions in {database.shown} are locked or out of reach ({reason})."
        ) from None
    except psycopg.Error as error:
        raise LedgerError(
            f"The CFO's transactions in {database.shown} cannot be prepared ({error.diag.message_primary}): "
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
                    f"{table.shown} have one {name}, not even a bank's: have its owner drop it."
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
            f"Two rows of {table.shown} that came from here have one {name} ({error.diag.message_detail}): "
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
    connection: psycopg.Connection, transactions: pa.Table, *, lock_timeout: str | None = None
) -> pa.Table:
    """Inserts what is not there yet and returns the CFO's id of each (HANDED_OVER), all in one transaction.

    `transactions` have `invoice_id` and the columns of the table. One whose `source_file` or `identifier` is there
    is linked to that row. `lock_timeout` is this once how long to wait for a lock.
    Raises UnfitTableError when the table cannot take any, or its ids are there already, and psycopg.Error when the
    database refuses one of them: then none was inserted.
    """
    table = fit_table(connection)
    names = ["invoice_id", *(name for name in transactions.column_names if name in table.columns)]
    with connection.transaction():
        if lock_timeout is not None:
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [lock_timeout])
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_HAND_OVER_LOCK])
        linked = _links(transactions, _look_up(connection, table, transactions))
        is_there = present(column(linked, "cfo_transaction_id"))
        numbers = column(transactions, "identifier")
        # Of several with one number the first is inserted, and the others are linked to it.
        is_first = positions(numbers, numbers) == np.arange(len(numbers))
        new = kept(transactions, ~is_there & is_first)
        parts = [kept(linked, is_there)]
        if new.num_rows:
            parts.append(_insert(connection, table, new.select(names)))
        if len(left := kept(transactions, ~is_there & ~is_first)):
            parts.append(_links(left, _look_up(connection, table, left)))
    return pa.concat_tables(parts)


def _look_up(connection: psycopg.Connection, table: CfoTable, transactions: pa.Table) -> pa.Table:
    """The rows that have the `source_file` or the `identifier` of one of these (_THERE), the oldest first."""
    identifiers: list[Any] = transactions["identifier"].to_pylist()
    numbers = [number for number in identifiers if number.strip().lower() not in _NO_IDENTIFIERS]
    query = sql.SQL(
        """SELECT {id}, {file}::text, {identifier}::text, {entity}::text, {amount}, {description}::text
           FROM {table} t WHERE {file}::text = ANY ({files}::text[]) AND {is_ours}
                           OR {identifier}::text = ANY ({numbers}::text[]) ORDER BY {id}"""
    ).format(
        table=table.name,
        is_ours=table.is_ours(),
        files=sql.Literal(transactions["source_file"].to_pylist()),
        numbers=sql.Literal(numbers),
        id=table.column("id"),
        file=table.column("source_file"),
        identifier=table.column("identifier"),
        entity=table.column("classified_entity"),
        amount=table.amount("t"),
        description=table.column("description"),
    )
    return copy_out(connection, query, _THERE)


def _links(transactions: pa.Table, there: pa.Table) -> pa.Table:
    """Which row each of these is already (HANDED_OVER), in their order; without an id where it is none.

    By its file where it came from here; else by its identifier: another that came from here before one that the CFO
    entered, and of several that they entered one of the same amount.
    """
    count = transactions.num_rows
    if not there.num_rows:
        return _handed_over(column(transactions, "invoice_id"), pa.nulls(count, pa.int64()), is_new=False)
    files, numbers = column(there, "source_file"), column(there, "identifier")
    came_from_here = [mask(pc.starts_with(files, start)) for start in OURS]
    is_ours = came_from_here[0] | came_from_here[1]
    ours, theirs = kept(there, is_ours), kept(there, ~is_ours)
    amounts = column(transactions, "amount").cast(pa.string())
    by_file = positions(column(transactions, "source_file"), files.filter(array(is_ours)))
    wanted = column(transactions, "identifier")
    of_ours = positions(wanted, numbers.filter(array(is_ours)))
    of_amount = positions(
        _pairs(wanted, amounts), _pairs(column(theirs, "identifier"), column(theirs, "amount"))
    )
    of_theirs = np.where(of_amount >= 0, of_amount, positions(wanted, column(theirs, "identifier")))
    is_other = (by_file < 0) & (of_ours >= 0)
    of_ours = np.where(by_file >= 0, by_file, of_ours)
    ids: Column = pc.coalesce(take(column(ours, "id"), of_ours), take(column(theirs, "id"), of_theirs))
    is_alike = mask(pc.equal(take(column(ours, "amount"), by_file), amounts)) & mask(
        pc.equal(take(column(ours, "description"), by_file), column(transactions, "description"))
    )
    return pa.Table.from_arrays(
        [
            column(transactions, "invoice_id"),
            ids,
            pa.repeat(pa.scalar(False), count),
            take(column(ours, "entity"), by_file),
            array(is_other),
            array(is_alike),
        ],
        schema=HANDED_OVER,
    )


def _pairs(numbers: Column, amounts: Column) -> Column:
    parts: Any = [numbers, amounts]
    pairs: Column = pc.binary_join_element_wise(*parts, "\x1f")
    return pairs


def _handed_over(invoice_ids: Column, ids: Column, *, is_new: bool) -> pa.Table:
    """Transactions that no other row is, as HANDED_OVER."""
    count = len(invoice_ids)
    new, no = (pa.repeat(pa.scalar(value), count) for value in (is_new, False))
    arrays = [invoice_ids, ids, new, pa.nulls(count, pa.string()), no, new]
    return pa.Table.from_arrays(arrays, schema=HANDED_OVER)


def _insert(connection: psycopg.Connection, table: CfoTable, transactions: pa.Table) -> pa.Table:
    """Inserts all of these, of which none is there; without an id where the CFO's database keeps no row.

    An id that the CFO gave by hand is passed over once: the sequence has come beyond it then.
    Raises UnfitTableError when the ids that the sequence gives are there once more.
    """
    insert = _copy_straight if table.copy_sequence is not None else _insert_staged
    for attempt in (1, 2):
        try:
            with connection.transaction():
                return insert(connection, table, transactions)
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name not in table.id_keys:
                raise
            if attempt == 2:
                query = sql.SQL("SELECT max({}) FROM {}").format(table.column("id"), table.name)
                ((highest,),) = connection.execute(query).fetchall()
                raise UnfitTableError(behind(table, highest)) from None
    raise AssertionError("the second attempt has returned or raised")


def _copy_straight(connection: psycopg.Connection, table: CfoTable, transactions: pa.Table) -> pa.Table:
    """Copies them in with ids that are taken beforehand: staging the rows costs as much as inserting them."""
    query = sql.SQL("SELECT nextval({}::regclass) FROM generate_series(1, {})").format(
        sql.Literal(table.copy_sequence), sql.Literal(transactions.num_rows)
    )
    ids = column(copy_out(connection, query, schema_of({"id": pa.int64()})), "id")
    rows = transactions.drop_columns(["invoice_id"]).append_column("id", ids)
    copy_in(connection, table.name, rows.rename_columns([table.columns[name] for name in rows.column_names]))
    return _handed_over(column(transactions, "invoice_id"), ids, is_new=True)


def _insert_staged(connection: psycopg.Connection, table: CfoTable, transactions: pa.Table) -> pa.Table:
    """Inserts them where triggers, rules or policies meet new rows, or the database itself gives the ids."""
    _stage(connection, transactions)
    names = [name for name in transactions.column_names if name != "invoice_id"]
    insert = sql.SQL(
        "INSERT INTO {table} ({own}) SELECT {names} FROM {stage} ORDER BY invoice_id RETURNING {id}, {file}::text"
    ).format(
        table=table.name,
        own=sql.SQL(", ").join(map(table.column, names)),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        stage=_STAGE,
        id=table.column("id"),
        file=table.column("source_file"),
    )
    inserted = copy_out(connection, insert, _INSERTED)
    rows = positions(column(transactions, "source_file"), column(inserted, "source_file"))
    ids = take(column(inserted, "id"), rows)
    new = _handed_over(column(transactions, "invoice_id"), ids, is_new=True)
    if (rows >= 0).all():
        return new
    # A trigger that changed what names the row, or kept it out.
    left = kept(transactions, rows < 0)
    return pa.concat_tables([kept(new, rows >= 0), _links(left, _look_up(connection, table, left))])


def _stage(connection: psycopg.Connection, transactions: pa.Table) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_STAGE_TYPES.get(name, "text")))
        for name in transactions.column_names
    )
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(_STAGE, columns))
    copy_in(connection, sql.Identifier("pg_temp", "handed_over"), transactions)
    # How many there are is all that the plan needs, and what wide columns hold takes long to look at.
    connection.execute(sql.SQL("ANALYZE {} (invoice_id)").format(_STAGE))
