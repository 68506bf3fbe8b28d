"""Customers and suppliers: which party each system's company or person is (rules/general_ledger.md, Parties)."""

from __future__ import annotations

from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ledger_pipelines.store.copy import copy_in, copy_out
from ledger_pipelines.tables.general_ledger import PARTIES
from ledger_pipelines.tables.table import TEXT

#: What a source says of a party; a row for each id of a system, apart for customer and supplier.
OF_SOURCE = PARTIES.schema.empty_table().drop_columns(["id"]).schema
#: The columns of what `register_parties` gives.
KNOWN = ["kind", "source_system", "source_id", "party"]
#: What a later source may say of a party that is there.
_FILLED = ("registration_number", "payment_days", "payment_months", "expense_account")
_KNOWN = pa.schema(
    [*(pa.field(name, TEXT) for name in KNOWN), *(PARTIES.schema.field(name) for name in _FILLED)]
)
#: Without its types, which know no plain values among the columns.
_compute: Any = pc
_STAGE = "parties_of_source"
_MAKE = """
WITH strangers AS (
    SELECT s.*, s.kind || ':' || coalesce(s.registration_number, s.source_system || ':' || s.source_id) AS id
    FROM pg_temp.parties_of_source s LEFT JOIN party_sources known USING (kind, source_system, source_id)
    WHERE known.party IS NULL
), made AS (
    INSERT INTO parties (id, kind, name, registration_number, source_system, source_id, payment_days, payment_months,
                         free_billing_month, expense_account)
    SELECT DISTINCT ON (id) id, kind, name, registration_number, source_system, source_id, payment_days, payment_months,
           free_billing_month, expense_account
    FROM strangers ORDER BY id, source_system, source_id
    ON CONFLICT (id) DO NOTHING
)
INSERT INTO party_sources (kind, source_system, source_id, party)
SELECT kind, source_system, source_id, id FROM strangers"""
_FILL = """
UPDATE parties p
SET registration_number = coalesce(p.registration_number, s.registration_number),
    payment_days = coalesce(p.payment_days, s.payment_days),
    payment_months = coalesce(p.payment_months, s.payment_months),
    expense_account = coalesce(p.expense_account, s.expense_account)
FROM pg_temp.parties_of_source s JOIN party_sources known USING (kind, source_system, source_id)
WHERE p.id = known.party AND (
    (p.registration_number IS NULL AND s.registration_number IS NOT NULL)
    OR (p.payment_days IS NULL AND s.payment_days IS NOT NULL)
    OR (p.payment_months IS NULL AND s.payment_months IS NOT NULL)
    OR (p.expense_account IS NULL AND s.expense_account IS NOT NULL))"""


def register_parties(connection: psycopg.Connection, parties: pa.Table) -> pa.Table:
    """The party of each row of `parties` (`OF_SOURCE`), which is made where it is new: `kind`, `source_system`,
    `source_id`, `party`.

    A new one is known by its registration number where it has one, else by its system and its id there. Of one that is
    there only what is empty is filled: what a person wrote stays.
    """
    wanted = parties.select(OF_SOURCE.names).cast(OF_SOURCE)
    known = _read_known(connection, wanted)
    places: Any = _compute.index_in(_keys(wanted), value_set=_keys(known))
    lacks = _compute.is_null(places)
    for name in _FILLED:
        is_new = _compute.is_valid(wanted[name])
        lacks = _compute.or_(lacks, _compute.and_(is_new, _compute.is_null(known[name].take(places))))
    strangers = wanted.filter(lacks)
    if strangers.num_rows:
        _register(connection, strangers)
        known = _read_known(connection, wanted)
        places = _compute.index_in(_keys(wanted), value_set=_keys(known))
    return known.take(places.drop_null()).select(KNOWN)


def _register(connection: psycopg.Connection, parties: pa.Table) -> None:
    with connection.transaction():
        connection.execute("SELECT set_config('ledger.import', 'on', true), pg_advisory_xact_lock(7435, 2)")
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM parties WITH NO DATA").format(
                sql.Identifier(_STAGE), sql.SQL(", ").join(map(sql.Identifier, OF_SOURCE.names))
            )
        )
        copy_in(connection, sql.Identifier("pg_temp", _STAGE), parties)
        connection.execute(_MAKE)
        connection.execute(_FILL)
        connection.execute(sql.SQL("DROP TABLE pg_temp.{}").format(sql.Identifier(_STAGE)))


def _read_known(connection: psycopg.Connection, parties: pa.Table) -> pa.Table:
    """The parties of the systems that these are of, with what may be filled of them."""
    systems: list[Any] = pc.unique(parties["source_system"]).to_pylist()
    query = sql.SQL(
        """SELECT s.kind, s.source_system, s.source_id, s.party, {} FROM party_sources s JOIN parties p ON p.id = s.party
           WHERE s.source_system = ANY({})"""
    ).format(sql.SQL(", ").join(sql.Identifier("p", name) for name in _FILLED), sql.Literal(systems))
    return copy_out(connection, query, _KNOWN)


def _keys(parties: pa.Table) -> Any:
    columns = [parties[name] for name in ("kind", "source_system", "source_id")]
    return _compute.binary_join_element_wise(*columns, "\x1f").combine_chunks()


def find_party(
    connection: psycopg.Connection, kind: str, source_system: str, source_id: str
) -> dict[str, Any] | None:
    """The columns of the party that a system knows by this id; None where it is a stranger."""
    query = sql.SQL(
        """SELECT {} FROM parties p JOIN party_sources s ON s.party = p.id
           WHERE s.kind = {} AND s.source_system = {} AND s.source_id = {}"""
    ).format(
        sql.SQL(", ").join(sql.Identifier("p", name) for name in PARTIES.schema.names),
        *map(sql.Literal, (kind, source_system, source_id)),
    )
    rows: list[dict[str, Any]] = copy_out(connection, query, PARTIES.schema).to_pylist()
    return rows[0] if rows else None
