"""Reading what is in the CFO's transactions, and correcting rows there that came from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.destinations.cfo.table import OURS, find_table
from ledger_pipelines.destinations.cfo.transactions import fit_table
from ledger_pipelines.errors import LedgerError
from ledger_pipelines.store.cfo.deliveries import LostTransaction, SyncedInvoice

#: Of `2025-10-22 12:00:00`; a year beyond 9999 has more.
_DATE_LENGTH = 19
#: The columns that are corrected, each with the type in which it is sent and compared.
_CORRECTED = {
    "classified_entity": "text",
    "amount": "numeric(18, 2)",
    "currency": "text",
    "classification_reason": "text",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the CFO's table as it is there, in texts, for their columns may be of any type.

    Amounts have two decimals and dates are instants in ISO form, each null where it is none.
    """

    id: int
    amount: str | None
    currency: str | None
    date: str | None
    identifier: str | None
    source_file: str | None
    classification_reason: str | None

    @property
    def is_ours(self) -> bool:
        """Whether it came from here."""
        return (self.source_file or "").startswith(OURS)


def lost_transactions(
    connection: psycopg.Connection, synced: Sequence[SyncedInvoice]
) -> list[LostTransaction]:
    """Those of what was handed over whose row is gone or is no longer theirs.

    A row that came from here is the invoice's by its `source_file`, one that the CFO entered by its `identifier`. Where
    nobody knows what it was handed over as, the row's being there is enough.
    """
    table = fit_table(connection)
    query = sql.SQL(
        "SELECT {id}, {file}::text, {identifier}::text FROM {table} WHERE {id} = ANY (%s)"
    ).format(
        id=table.column("id"),
        file=table.column("source_file"),
        identifier=table.column("identifier"),
        table=table.name,
    )
    rows = connection.execute(query, [[one.transaction_id for one in synced]]).fetchall()
    there = {number: (file or "", identifier) for number, file, identifier in rows}
    lost = []
    for one in synced:
        file, identifier = there.get(one.transaction_id, (None, None))
        is_its = file == one.source_file if (file or "").startswith(OURS) else identifier == one.identifier
        if file is None or (one.identifier is not None and not is_its):
            lost.append(LostTransaction(one.invoice_id, one.transaction_id, is_gone=file is None))
    return lost


def read_rows(
    connection: psycopg.Connection, ids: Sequence[int], *, with_all_of_ours: bool = False
) -> dict[int, Row]:
    """The rows with these ids, and all that came from here if so wanted, by their ids and in their order."""
    table = fit_table(connection)
    query = sql.SQL(
        """SELECT t.{id}, {amount}, {currency}::text, {date}, {identifier}::text, {file}::text, {reason}::text
           FROM {table} t WHERE t.{id} = ANY (%s::bigint[]) OR (%s AND {is_ours}) ORDER BY 1"""
    ).format(
        id=table.column("id"),
        amount=table.amount("t"),
        currency=table.column("currency"),
        date=table.date("t"),
        identifier=table.column("identifier"),
        file=table.column("source_file"),
        reason=table.column("classification_reason"),
        table=table.name,
        is_ours=table.is_ours("t"),
    )
    rows = connection.execute(query, [list(ids), with_all_of_ours]).fetchall()
    return {values[0]: Row(*values) for values in rows}


def read_transactions(connection: psycopg.Connection, ids: Sequence[int]) -> pa.Table:
    """The transactions with these ids: id, identifier, amount and the month (UTC) of their date."""
    rows = list(read_rows(connection, ids).values())
    months = [
        f"{row.date[:7]}-01" if row.date is not None and len(row.date) == _DATE_LENGTH else None
        for row in rows
    ]
    return pa.table(
        {
            "id": pa.array([row.id for row in rows], pa.int64()),
            "identifier": pa.array([row.identifier for row in rows], pa.string()),
            "amount": pa.array([row.amount for row in rows], pa.string()).cast(pa.decimal128(18, 2)),
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


def correct_rows(
    connection: psycopg.Connection, ids: Sequence[int], corrections: Mapping[str, Sequence[Any]]
) -> None:
    """Gives the rows with these ids what they should have; rows that did not come from here are left alone.

    `corrections` are columns (classified_entity, amount, currency, classification_reason), each with a value for each id.
    """
    table = fit_table(connection)
    names = list(corrections)
    differs = sql.SQL(" OR ").join(
        sql.SQL("t.{}::{} IS DISTINCT FROM c.{}").format(
            table.column(name), sql.SQL(_CORRECTED[name]), sql.Identifier(name)
        )
        for name in names
    )
    query = sql.SQL(
        """UPDATE {table} t SET {sets} FROM unnest(%s::bigint[], {columns}) AS c (row_id, {names})
           WHERE t.{id} = c.row_id AND ({differs}) AND {is_ours}"""
    ).format(
        table=table.name,
        sets=sql.SQL(", ").join(
            sql.SQL("{} = c.{}").format(table.column(name), sql.Identifier(name)) for name in names
        ),
        columns=sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(_CORRECTED[name])) for name in names),
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        id=table.column("id"),
        differs=differs,
        is_ours=table.is_ours("t"),
    )
    connection.execute(query, [list(ids), *map(list, corrections.values())])
