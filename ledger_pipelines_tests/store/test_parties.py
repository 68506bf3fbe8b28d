"""Which party each system's company or person is."""

from __future__ import annotations

import psycopg
import pyarrow as pa

from ledger_pipelines.store.parties import OF_SOURCE, register_parties


def _party(
    source: str, name: str, number: str | None = None, kind: str = "customer", **more: object
) -> dict[str, object]:
    system, _, source_id = source.partition("/")
    row = {"kind": kind, "name": name, "registration_number": number, "source_system": system}
    return row | {"source_id": source_id, "free_billing_month": False} | more


def _register(connection: psycopg.Connection, *parties: dict[str, object]) -> dict[str, str]:
    known = register_parties(connection, pa.Table.from_pylist(list(parties), OF_SOURCE)).to_pylist()
    return {f"{row['kind']} {row['source_system']}/{row['source_id']}": row["party"] for row in known}


def test_a_company_is_one_customer_whichever_system_names_it_and_apart_as_supplier(
    connection: psycopg.Connection,
) -> None:
    found = _register(
        connection,
        _party("holded/a", "Acme", "987654321"),
        _party("ehf/x", "ACME AS", "987654321"),
        _party("ehf/x", "ACME AS", "987654321", kind="supplier"),
        _party("holded/b", "Bob"),
    )
    assert found == {
        "customer holded/a": "customer:987654321",
        "customer ehf/x": "customer:987654321",
        "supplier ehf/x": "supplier:987654321",
        "customer holded/b": "customer:holded:b",
    }
    assert connection.execute("SELECT count(*) FROM edits").fetchone() == (0,)


def test_a_party_stays_the_one_it_was_taken_for_and_only_what_is_empty_is_filled(
    connection: psycopg.Connection,
) -> None:
    _register(connection, _party("holded/b", "Bob"))
    connection.execute("UPDATE parties SET name = 'Robert', payment_days = 7")
    found = _register(
        connection, _party("holded/b", "Bob & Co", "123456785", payment_days=30, expense_account="6790")
    )
    assert found == {"customer holded/b": "customer:holded:b"}
    assert connection.execute(
        "SELECT name, payment_days, registration_number, expense_account FROM parties"
    ).fetchall() == [("Robert", 7, "123456785", "6790")]
    edits = connection.execute("SELECT before ->> 'name', after ->> 'name' FROM edits").fetchall()
    assert edits == [("Bob", "Robert")]
