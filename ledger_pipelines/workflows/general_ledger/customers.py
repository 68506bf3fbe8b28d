"""Which parties the customers of the months are; those that are new are made (rules/general_ledger.md, Parties)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.general_ledger.crypto import CRYPTO
from ledger_pipelines.general_ledger.invoices import HOLDED
from ledger_pipelines.general_ledger.parties import registration_number
from ledger_pipelines.store.copy import read_months
from ledger_pipelines.store.parties import OF_SOURCE, register_parties
from ledger_pipelines.store.queries.journal import read_contact_codes, read_crypto_invoices

_CODEX = "codex"
#: What a register's number has at least: less is a placeholder, such as `0`, `N/A` or `1111`.
_FEWEST_CHARACTERS, _FEWEST_DIGITS = 5, 4


@dataclass(frozen=True, slots=True)
class Customers:
    """The party of each customer, by the system that knows it: `source_id`, `party`."""

    of_holded: pa.Table
    of_codex: pa.Table
    of_crypto: pa.Table


def register_customers(connection: psycopg.Connection, months: Sequence[date]) -> Customers:
    """The parties of all contacts, of the months' statements and documents, and of crypto clients."""
    companies = read_months(connection, "billing_statements", months, ["account_number", "company_name"])
    documents = read_months(connection, "invoices", months, ["contact_id", "contact_name"])
    contacts = {
        row["id"]: (row["name"], _tax_number(row["code"]))
        for row in read_contact_codes(connection).to_pylist()
    }
    named = {row["contact_id"]: row["contact_name"] for row in documents.to_pylist() if row["contact_id"]}
    strangers = {key: (name or key, None) for key, name in sorted(named.items()) if key not in contacts}
    clients = {str(row["client_id"]): (row["client_name"], None) for row in read_crypto_invoices(connection)}
    billed = {row["account_number"]: (row["company_name"], None) for row in companies.to_pylist()}
    rows = [*_rows(HOLDED, contacts | strangers), *_rows(_CODEX, billed), *_rows(CRYPTO, clients)]
    known = register_parties(connection, pa.Table.from_pylist(rows, OF_SOURCE))

    def of(system: str) -> pa.Table:
        return known.filter(pc.equal(known["source_system"], pa.scalar(system))).select(
            ["source_id", "party"]
        )

    return Customers(of(HOLDED), of(_CODEX), of(CRYPTO))


def _rows(system: str, customers: Mapping[str, tuple[str, str | None]]) -> Iterable[dict[str, Any]]:
    for source_id, (name, number) in customers.items():
        yield {
            "kind": "customer",
            "name": name,
            "registration_number": number,
            "source_system": system,
            "source_id": source_id,
            "free_billing_month": False,
        }


def _tax_number(code: str | None) -> str | None:
    """A contact's tax number where it can be one: two contacts with the placeholder `0` are not the same company."""
    number = registration_number(code)
    digits = [character for character in number or "" if character.isdigit()]
    is_placeholder = (
        len(number or "") < _FEWEST_CHARACTERS or len(digits) < _FEWEST_DIGITS or len(set(digits)) == 1
    )
    return None if is_placeholder else number
