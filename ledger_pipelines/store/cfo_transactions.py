"""The CFO's `transactions`, in whatever database they are: handing over, looking up, correcting.

A hand-over is idempotent: the keys on `source_file` and `identifier` make a second one find the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.columns import Column, column, kept, positions, take
from ledger_pipelines.errors import DatabaseUnavailableError, LedgerError
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.frames import copy_in, copy_out, schema_of
from ledger_pipelines.store.migrations import sql_directory

#: Where `transactions` is when the CFO has no database of their own.
CFO_SCHEMA = "cfo"

#: How long to wait for a lock, and for a statement in all, in the CFO's database.
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "30s", "120s"
_LOCK = 7_433_002
_STAGE = sql.Identifier("handed_over")
#: How the `source_file` of what came from here begins: of files that the CFO loads otherwise, such as a bank's statement,
#: many transactions may name the same one.
_OURS = ("crypto_invoice_", "holded_invoice_")
#: What a CFO's own table may lack.
_OPTIONAL = {"subcategory"}
_USUAL_TYPES = {"date": ("timestamp with time zone",), "amount": ("numeric",), "confidence": ("numeric",)}
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
        "cfo_transaction_id": pa.int32(),
        "is_new": pa.bool_(),
        "linked_entity": pa.string(),
        "is_other": pa.bool_(),
        "is_alike": pa.bool_(),
    }
)
_INSERTED = schema_of({"id": pa.int32(), "source_file": pa.string()})


def prepare_cfo_database(database: Database) -> None:
    """Makes the table of transactions where there is none, and the keys without which nothing may be handed over.

    Safe to repeat. Raises LedgerError when the database does not let us, or holds one hand-over twice, and
    DatabaseUnavailableError when it does not answer or keeps the table locked.
    """
    with database.connect(application_name="ledger migrate") as connection, connection.transaction():
        try:
            limit_waiting(connection)
            if _missing_keys(connection):
                _make_keys(connection, database)
            missing = _missing_keys(connection)
            if not missing:
                _narrow_old_key(connection)
        except psycopg.OperationalError as error:
            # What passes by itself, as far as PostgreSQL tells: each invoice has its own retries then.
            reason = error.diag.message_primary or type(error).__name__
            raise DatabaseUnavailableError(
                f"The CFO's transactions in {database.shown} are locked or out of reach ({reason})."
            ) from None
        except psycopg.errors.UniqueViolation as error:
            raise LedgerError(
                f"Two of the CFO's transactions in {database.shown} have one key ({error.diag.message_detail}): "
                "change or clear it in one of them, for no two may share an Identifier or a hand-over."
            ) from None
        except psycopg.Error as error:
            raise LedgerError(
                f"The CFO's transactions in {database.shown} cannot be prepared ({error.diag.message_primary}): "
                "apply sql/cfo/0001_transactions.sql as their owner."
            ) from None
        if missing:
            raise LedgerError(
                f"The CFO's transactions in {database.shown} have an index transactions_{missing[0]} that does not make "
                f"{missing[0]} unique: drop or rename it, so that the key which keeps a second hand-over out can be made."
            )


def _make_keys(connection: psycopg.Connection, database: Database) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if database.schema is not None:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(database.schema)))
    connection.execute(_table_and_keys())


def _table_and_keys() -> bytes:
    return (sql_directory() / "cfo" / "0001_transactions.sql").read_bytes()


def _narrow_old_key(connection: psycopg.Connection) -> None:
    """Replaces a key of ours over all rows, which refuses a bank's file of many rows, where we may."""
    row = connection.execute(
        """SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE i.indrelid = to_regclass('transactions') AND c.relname = 'transactions_source_file'
             AND i.indpred IS NULL AND pg_has_role(c.relowner, 'USAGE')
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)"""
    ).fetchone()
    if row is not None:
        connection.execute("DROP INDEX transactions_source_file")
        connection.execute(_table_and_keys())


def limit_waiting(connection: psycopg.Connection) -> None:
    """Has a statement end that waits too long for a lock, or takes too long: both are tried again later."""
    connection.execute(
        "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)",
        [LOCK_TIMEOUT, STATEMENT_TIMEOUT],
    )


def _missing_keys(connection: psycopg.Connection) -> list[str]:
    """Of the two columns that must be unique, those that no valid key on them alone makes so.

    The key must be over all rows; that on `source_file` may be over those that came from here.
    """
    rows = connection.execute(
        """SELECT a.attname, pg_get_expr(i.indpred, i.indrelid)
           FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
           WHERE i.indrelid = to_regclass('transactions') AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
             AND i.indexprs IS NULL"""
    ).fetchall()
    unique = {
        name
        for name, condition in rows
        if condition is None or (name == "source_file" and all(f"'{start}'" in condition for start in _OURS))
    }
    return [name for name in ("source_file", "identifier") if name not in unique]


def has_policies(connection: psycopg.Connection) -> bool:
    """Whether policies decide about single rows of the transactions."""
    row = connection.execute(
        "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('transactions')"
    ).fetchone()
    return row == (True,)


def hand_over(
    connection: psycopg.Connection, transactions: pa.Table, *, lock_timeout: str | None = None
) -> pa.Table:
    """Inserts what is not there yet and returns the CFO's id of each (HANDED_OVER), all in one transaction.

    `transactions` have `invoice_id` and the columns of the table. One whose `source_file` or `identifier` is there
    is linked to that row. `lock_timeout` is this once how long to wait for a lock.
    Raises psycopg.Error when the database refuses any of them: then none was inserted.
    """
    table = _table(connection, [name for name in transactions.column_names if name != "invoice_id"])
    with connection.transaction():
        if lock_timeout is not None:
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [lock_timeout])
        if table.sequence is not None:
            copied = _copy_straight(connection, table, table.sequence, transactions)
            if copied is not None:
                return copied
        return _insert_or_link(connection, table, transactions)


def _copy_straight(
    connection: psycopg.Connection, table: _Table, sequence: str, transactions: pa.Table
) -> pa.Table | None:
    """Copies all of them in, with ids that are taken beforehand; null where one is there already.

    All of it is new unless a sync was killed or two met; looking for each key before its row costs half of an insert,
    and staging the rows as much.
    """
    query = sql.SQL("SELECT nextval({}::regclass) FROM generate_series(1, {})").format(
        sql.Literal(sequence), sql.Literal(transactions.num_rows)
    )
    ids = column(copy_out(connection, query, schema_of({"id": pa.int64()})), "id").cast(pa.int32())
    rows = transactions.select(table.columns).append_column("id", ids)
    try:
        with connection.transaction():
            copy_in(connection, sql.Identifier("transactions"), rows)
    except psycopg.errors.UniqueViolation:
        return None
    return _handed_over(column(transactions, "invoice_id"), ids)


def _insert_or_link(connection: psycopg.Connection, table: _Table, transactions: pa.Table) -> pa.Table:
    """Inserts what is not there, and links the rest to what is."""
    _stage(connection, transactions)
    insert = sql.SQL(
        "INSERT INTO transactions ({names}) SELECT {names} FROM {stage} ORDER BY invoice_id "
        "ON CONFLICT DO NOTHING RETURNING id, source_file"
    ).format(names=sql.SQL(", ").join(map(sql.Identifier, table.columns)), stage=_STAGE)
    inserted = copy_out(connection, insert, _INSERTED)
    files = column(transactions, "source_file")
    rows = positions(files, column(inserted, "source_file"))
    # Of several with one name the first was inserted, and the others are linked to it.
    rows[positions(files, files) != np.arange(len(rows))] = -1
    new = kept(
        _handed_over(column(transactions, "invoice_id"), take(column(inserted, "id"), rows)), rows >= 0
    )
    if new.num_rows == transactions.num_rows:
        return new
    # What was there, or was committed by another sync meanwhile: seen by a statement of its own, and no sooner.
    there = copy_out(
        connection,
        sql.SQL(
            """SELECT s.invoice_id, coalesce(f.id, i.id), false, f.classified_entity,
                      coalesce(starts_with(i.source_file, {crypto}) OR starts_with(i.source_file, {holded}), false),
                      coalesce(f.amount = s.amount AND f.description = s.description, false)
               FROM {stage} s
               LEFT JOIN transactions f ON f.source_file = s.source_file
                    AND (starts_with(f.source_file, {crypto}) OR starts_with(f.source_file, {holded}))
               LEFT JOIN transactions i ON f.id IS NULL AND i.identifier = s.identifier
               ORDER BY s.invoice_id"""
        ).format(stage=_STAGE, crypto=sql.Literal(_OURS[0]), holded=sql.Literal(_OURS[1])),
        HANDED_OVER,
    )
    linked = kept(there, positions(column(there, "invoice_id"), column(new, "invoice_id")) < 0)
    return pa.concat_tables([new, linked])


def _handed_over(invoice_ids: Column, ids: Column) -> pa.Table:
    """New transactions, as HANDED_OVER."""
    count = len(invoice_ids)
    yes, no = (pa.repeat(pa.scalar(value), count) for value in (True, False))
    arrays = [invoice_ids, ids, yes, pa.nulls(count, pa.string()), no, yes]
    return pa.Table.from_arrays(arrays, schema=HANDED_OVER)


def correct_entities(connection: psycopg.Connection, corrections: pa.Table) -> None:
    """Sets `classified_entity` of transactions; `corrections` have cfo_transaction_id and entity."""
    with connection.transaction():
        connection.execute(
            "CREATE TEMPORARY TABLE corrections (cfo_transaction_id integer, entity text) ON COMMIT DROP"
        )
        copy_in(connection, sql.Identifier("pg_temp", "corrections"), corrections)
        connection.execute(
            """UPDATE transactions t SET classified_entity = c.entity FROM corrections c
               WHERE t.id = c.cfo_transaction_id AND t.classified_entity IS DISTINCT FROM c.entity"""
        )


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that the CFO's table has of those that we fill, and the sequence of its ids.

    The sequence is null unless rows may be copied straight in: where nothing but keys and checks meets them, and
    their columns are as we would have made them.
    """

    columns: list[str]
    sequence: str | None


def _table(connection: psycopg.Connection, wanted: Sequence[str]) -> _Table:
    """What there is of the CFO's table.

    Raises UndefinedColumn when one that is needed is not there, DatatypeMismatch when its ids are no whole numbers, and
    InvalidTableDefinition when it needs what an invoice does not have: each is wrong for every invoice.
    """
    rows = connection.execute(
        """SELECT attname, format_type(atttypid, NULL),
                  attnotnull AND NOT atthasdef AND attidentity = '' AND NOT EXISTS (
                      SELECT FROM pg_trigger WHERE tgrelid = attrelid AND NOT tgisinternal AND tgtype & 7 = 7)
           FROM pg_attribute WHERE attrelid = to_regclass('transactions') AND attnum > 0 AND NOT attisdropped"""
    ).fetchall()
    there = {name: kind for name, kind, _ in rows}
    missing = [name for name in ("id", *wanted) if name not in there and name not in _OPTIONAL]
    if missing:
        raise psycopg.errors.UndefinedColumn(
            f"The CFO's transactions lack {', '.join(missing)}" if there else "There is no table transactions"
        )
    if there["id"] not in ("smallint", "integer", "bigint"):
        raise psycopg.errors.DatatypeMismatch(
            f"The ids of the CFO's transactions are {there['id']}, no whole numbers"
        )
    lacking = [name for name, _, is_needed in rows if is_needed and name not in wanted]
    if lacking:
        raise psycopg.errors.InvalidTableDefinition(
            f"The CFO's transactions need {', '.join(lacking)}, which an invoice does not have: give it a default"
        )
    columns = [name for name in wanted if name in there]
    is_usual = all(there[name] in _USUAL_TYPES.get(name, ("text", "character varying")) for name in columns)
    return _Table(columns, _free_sequence(connection) if is_usual else None)


def _free_sequence(connection: psycopg.Connection) -> str | None:
    """The sequence of the ids, where no trigger, rule or policy meets new rows and we may take ids from it."""
    row = connection.execute(
        """SELECT s.name FROM pg_class c, LATERAL (SELECT pg_get_serial_sequence('transactions', 'id') AS name) s
           WHERE c.oid = to_regclass('transactions') AND c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity
             AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
             AND has_table_privilege(c.oid, 'INSERT') AND s.name IS NOT NULL
             AND CASE WHEN s.name IS NOT NULL THEN has_sequence_privilege(s.name, 'USAGE') END"""
    ).fetchone()
    return None if row is None else str(row[0])


def _stage(connection: psycopg.Connection, transactions: pa.Table) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_STAGE_TYPES.get(name, "text")))
        for name in transactions.column_names
    )
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(_STAGE, columns))
    copy_in(connection, sql.Identifier("pg_temp", "handed_over"), transactions)
    # How many there are is all that the plan needs, and what wide columns hold takes long to look at.
    connection.execute(sql.SQL("ANALYZE {} (invoice_id)").format(_STAGE))


def read_transactions(connection: psycopg.Connection, ids: Column) -> pa.Table:
    """The transactions with these ids: id, identifier, amount and the month (UTC) of their date."""
    schema = schema_of(
        {
            "id": pa.int32(),
            "identifier": pa.string(),
            "amount": pa.decimal128(18, 2),
            "month": pa.date32(),
        }
    )
    with connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE wanted (id integer) ON COMMIT DROP")
        copy_in(connection, sql.Identifier("pg_temp", "wanted"), pa.table({"id": ids.cast(pa.int32())}))
        query = sql.SQL(
            "SELECT t.id, t.identifier, t.amount::numeric(18, 2), "
            "date_trunc('month', t.date::timestamptz AT TIME ZONE 'UTC')::date "
            "FROM transactions t JOIN wanted USING (id)"
        )
        return copy_out(connection, query, schema)


def doubled_identifiers(connection: psycopg.Connection) -> list[str]:
    """Identifiers that more than one transaction has; the key on them makes this impossible, unless it is gone."""
    rows = connection.execute(
        "SELECT identifier FROM transactions WHERE identifier IS NOT NULL GROUP BY 1 HAVING count(*) > 1 LIMIT 100"
    ).fetchall()
    return [identifier for (identifier,) in rows]


def count_transactions(connection: psycopg.Connection) -> tuple[str, int | None]:
    """Who we are to the CFO's database, and how many transactions it shows; null where there is no table yet.

    Raises LedgerError when it does not let us look.
    """
    try:
        row = connection.execute(
            "SELECT current_user::text, to_regclass('transactions') IS NOT NULL"
        ).fetchone()
        user, is_there = row or ("", False)
        if not is_there:
            return user, None
        ((count,),) = connection.execute("SELECT count(*) FROM transactions").fetchall()
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise LedgerError(
            f"The CFO's transactions cannot be read ({reason}): let the user SELECT them."
        ) from None
    return user, count
