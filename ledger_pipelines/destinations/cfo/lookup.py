"""Looking again at what is in the CFO's transactions, and correcting rows there that came from here."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.columns import Column, column
from ledger_pipelines.destinations.cfo.table import find_table
from ledger_pipelines.destinations.cfo.transactions import fit_table
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.copy import copy_in, copy_out, schema_of

#: Handed-over invoices whose row is gone, or is no longer theirs.
ASTRAY = schema_of({"invoice_id": pa.int32(), "cfo_transaction_id": pa.int64(), "is_gone": pa.bool_()})
#: Rows of the CFO's table as they are there, in texts, for their columns may be of any type. `is_ours`: came from here.
ROWS = schema_of(
    {
        "id": pa.int64(),
        "is_ours": pa.bool_(),
        **dict.fromkeys(
            (
                "amount",
                "currency",
                "date",
                "identifier",
                "source_file",
                "classified_entity",
                "classification_reason",
            ),
            pa.string(),
        ),
    }
)
#: Of `2025-10-22 12:00:00`; a year beyond 9999 has more.
_DATE_LENGTH = 19
#: Rows that came from here: of which file, how many share it.
OUR_ROWS = schema_of({"id": pa.int64(), "source_file": pa.string(), "amount": pa.string()})


def astray(connection: psycopg.Connection, handed: pa.Table) -> pa.Table:
    """Those of what was handed over (HANDED) whose row is gone or is no longer theirs (ASTRAY).

    A row that came from here is the invoice's by its `source_file`, one that the CFO entered by its `identifier`. Where
    nobody knows what it was handed over as, the row's being there is enough.
    """
    table = fit_table(connection)
    with connection.transaction():
        connection.execute(
            "CREATE TEMPORARY TABLE handed (invoice_id integer, cfo_transaction_id bigint, identifier text, "
            "source_file text) ON COMMIT DROP"
        )
        copy_in(connection, sql.Identifier("pg_temp", "handed"), handed)
        connection.execute("ANALYZE handed (cfo_transaction_id)")
        query = sql.SQL(
            """SELECT h.invoice_id, h.cfo_transaction_id, t.{id} IS NULL
               FROM pg_temp.handed h LEFT JOIN {table} t ON t.{id} = h.cfo_transaction_id
               WHERE t.{id} IS NULL OR h.identifier IS NOT NULL AND (
                     CASE WHEN {is_ours} THEN t.{file}::text = h.source_file
                          ELSE t.{identifier}::text = h.identifier END) IS NOT TRUE
               ORDER BY h.invoice_id"""
        ).format(
            table=table.name,
            id=table.column("id"),
            is_ours=table.is_ours("t"),
            file=table.column("source_file"),
            identifier=table.column("identifier"),
        )
        return copy_out(connection, query, ASTRAY)


def read_rows(connection: psycopg.Connection, ids: Column) -> pa.Table:
    """The rows with these ids (ROWS), amounts with two decimals and dates as instants in ISO form."""
    table = fit_table(connection)
    texts = {"amount": table.amount("t"), "date": table.date("t")}
    selected = [
        texts.get(name) or sql.SQL("{}::text").format(table.column(name, "t"))
        for name in ROWS.names
        if name not in ("id", "is_ours")
    ]
    with connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE wanted (id bigint) ON COMMIT DROP")
        copy_in(connection, sql.Identifier("pg_temp", "wanted"), pa.table({"id": ids.cast(pa.int64())}))
        query = sql.SQL(
            "SELECT t.{id}, {is_ours}, {texts} FROM {table} t JOIN pg_temp.wanted w ON w.id = t.{id} ORDER BY 1"
        ).format(
            id=table.column("id"),
            is_ours=table.is_ours("t"),
            texts=sql.SQL(", ").join(selected),
            table=table.name,
        )
        return copy_out(connection, query, ROWS)


def read_transactions(connection: psycopg.Connection, ids: Column) -> pa.Table:
    """The transactions with these ids: id, identifier, amount and the month (UTC) of their date."""
    rows = read_rows(connection, ids)
    months = [
        None if text is None or len(text) != _DATE_LENGTH else f"{text[:7]}-01"
        for text in rows["date"].to_pylist()
    ]
    return pa.table(
        {
            "id": column(rows, "id"),
            "identifier": column(rows, "identifier"),
            "amount": column(rows, "amount").cast(pa.decimal128(18, 2)),
            "month": pa.array(months, pa.string()).cast(pa.date32()),
        }
    )


def doubled_identifiers(connection: psycopg.Connection) -> list[str]:
    """Identifiers of rows that came from here which another row has, too; what banks' rows share is nobody's business."""
    table = fit_table(connection)
    query = sql.SQL(
        """SELECT {identifier}::text FROM {table}
           WHERE {identifier} IN (SELECT {identifier} FROM {table} WHERE {is_ours})
           GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 100"""
    ).format(identifier=table.column("identifier"), table=table.name, is_ours=table.is_ours())
    return [identifier for (identifier,) in connection.execute(query).fetchall()]


def our_rows(connection: psycopg.Connection) -> pa.Table:
    """All rows that came from here (OUR_ROWS)."""
    table = fit_table(connection)
    query = sql.SQL(
        "SELECT t.{id}, t.{file}::text, {amount} FROM {table} t WHERE {is_ours} ORDER BY 1"
    ).format(
        id=table.column("id"),
        file=table.column("source_file"),
        amount=table.amount("t"),
        table=table.name,
        is_ours=table.is_ours("t"),
    )
    return copy_out(connection, query, OUR_ROWS)


def count_transactions(connection: psycopg.Connection) -> tuple[str, int | None]:
    """Who we are to the CFO's database, and how many transactions it shows; null where there is no table yet.

    Raises LedgerError when it does not let us look.
    """
    try:
        ((user,),) = connection.execute("SELECT current_user::text").fetchall()
        table = find_table(connection)
        if table is None:
            return user, None
        ((count,),) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table.name)).fetchall()
    except psycopg.Error as error:
        reason = error.diag.message_primary or type(error).__name__
        raise LedgerError(
            f"The CFO's transactions cannot be read ({reason}): let the user SELECT them."
        ) from None
    return user, count


def correct_entities(connection: psycopg.Connection, corrections: pa.Table) -> None:
    """Sets `classified_entity` of rows that came from here; `corrections` have cfo_transaction_id and that."""
    _correct(connection, corrections, {"classified_entity": "text"})


def correct_rows(connection: psycopg.Connection, corrections: pa.Table) -> int:
    """Gives rows that came from here the amount, currency and reason that they should have; how many were changed.

    `corrections` have cfo_transaction_id and these; a row of anybody else's is left alone.
    """
    kinds = {"amount": "numeric(18, 2)", "currency": "text", "classification_reason": "text"}
    return _correct(connection, corrections, kinds)


def _correct(connection: psycopg.Connection, corrections: pa.Table, kinds: Mapping[str, str]) -> int:
    table = fit_table(connection)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in kinds.items()
    )
    sets = sql.SQL(", ").join(
        sql.SQL("{} = c.{}").format(table.column(name), sql.Identifier(name)) for name in kinds
    )
    differs = sql.SQL(" OR ").join(
        sql.SQL("t.{}::{} IS DISTINCT FROM c.{}").format(
            table.column(name), sql.SQL(kind), sql.Identifier(name)
        )
        for name, kind in kinds.items()
    )
    with connection.transaction():
        connection.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE corrections (cfo_transaction_id bigint, {}) ON COMMIT DROP"
            ).format(columns)
        )
        wanted = corrections.select(["cfo_transaction_id", *kinds])
        copy_in(connection, sql.Identifier("pg_temp", "corrections"), wanted)
        return connection.execute(
            sql.SQL(
                "UPDATE {table} t SET {sets} FROM pg_temp.corrections c "
                "WHERE t.{id} = c.cfo_transaction_id AND ({differs}) AND {is_ours}"
            ).format(
                table=table.name,
                sets=sets,
                id=table.column("id"),
                differs=differs,
                is_ours=table.is_ours("t"),
            )
        ).rowcount
