"""Records in a person's words, so that a check names what it found: company, device, ticket, contract, amount.

A row is described by its columns, in their order. Names stand before their ids (`Acme (620547)`), amounts before their
currency, other values after the word of their column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from ledger_pipelines.money import format_money, is_amount

#: How many records a sentence names before it only counts the rest.
NAMED = 5
_LONGEST = 120
#: Hours are kept to eighteen decimals, and shown to as many as a statement's quantity has.
_PRECISION = Decimal("0.000001")

#: The id that distinguishes equal names, behind the name in brackets.
_IDS = {"company_name": "account_number", "client": "email", "hostname": "asset_id", "name": "id"}
#: Ids that say nothing to a person who has the name.
_NAMED_BY = {"contact_id": "client", "service_id": "service"}
#: The word before a column's value, where it is not the column's name; nothing where the value says what it is.
_WORDS = {
    "account_number": "account",
    "contact_id": "client",
    "service_id": "service",
    "ticket_number": "ticket",
    "document_number": "",
    "invoice_number": "invoice",
    "hostname": "device",
    "source_type": "",
    "source_id": "id",
    "period_id": "service period",
    "contract_amount": "of",
    "recognised_to_date": "recognised",
    "cfo_transaction_id": "transaction",
    "transaction_amount": "in the transaction",
    "entity_mapped": "synced for",
    "mapping": "mapped to",
    "start_date": "since",
    "amount": "",
    "description": "",
    "change": "",
    "columns": "by",
    "message": "",
    **dict.fromkeys(
        (
            "client",
            "client_name",
            "company_name",
            "email",
            "name",
            "service",
            "note",
            "reason",
            "program_name",
            "subject",
            "why",
        ),
        "",
    ),
}
_UNTOLD = {"month", "currency"}


def named_records(names: Iterable[str], *, count: int | None = None, most: int = NAMED) -> str:
    """The first names of a list and how many more there are: `a; b; and 12 more`."""
    listed = list(names)
    more = (len(listed) if count is None else count) - min(len(listed), most)
    return "; ".join(listed[:most] + [f"and {more:,} more"] * (more > 0))


def describe_rows(rows: pa.Table, *, most: int = NAMED) -> str:
    """The first rows in words, and how many more there are."""
    head = [_describe_row(row, rows.schema) for row in rows.slice(0, most).to_pylist()]
    return named_records(head, count=rows.num_rows, most=most)


def _describe_row(row: Mapping[str, Any], schema: pa.Schema) -> str:
    named = {identity for name, identity in _IDS.items() if row.get(name) and row.get(identity)}
    named |= {identity for identity, name in _NAMED_BY.items() if row.get(name)}
    # A period's id of 0 names none.
    named |= {"period_id"} if not row.get("period_id") else set()
    parts = []
    for name, value in row.items():
        if value is None or value == "" or name in _UNTOLD or name in named:
            continue
        text = format_value(value, schema.field(name).type, row.get("currency"))
        word = _WORDS.get(name, name.replace("_", " "))
        identity = _IDS.get(name)
        behind = f" ({row[identity]})" if identity in named else ""
        parts.append(f"{word} {text}{behind}".strip())
    return ", ".join(parts)


def format_value(value: Any, kind: pa.DataType, currency: str | None) -> str:
    """A value as people read it, on one line: amounts with their currency, hours without their eighteen decimals."""
    if isinstance(value, Decimal):
        if is_amount(kind):
            return format_money(value, currency)
        exponent = value.as_tuple().exponent
        is_long = isinstance(exponent, int) and exponent < -6 and value.adjusted() < 20
        brief = value.quantize(_PRECISION, ROUND_HALF_UP) if is_long else value
        return f"{brief.normalize():,f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Whatever an outside system put into a name: it stays on its line.
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def describe_problems(messages: Iterable[str]) -> str:
    """The first of what could not be read, each in its own words, and how many more there are."""
    return named_records(message.removesuffix(".") for message in dict.fromkeys(messages))
