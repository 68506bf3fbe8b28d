"""Paid invoices as the CFO's transactions (rules/cfo_sync.md, The transaction), and which of them cannot be any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger_pipelines.cfo.frames import (
    CONFIDENCE,
    ENTITY_MAPPINGS,
    INVOICES,
    REFUSED,
    REVENUE_CATEGORIES,
    TRANSACTIONS,
)
from ledger_pipelines.cfo.mappings import (
    category_rows,
    entity_of,
    mapping_rows,
    ordered_categories,
    ordered_mappings,
)
from ledger_pipelines.columns import (
    Column,
    Mask,
    array,
    column,
    filter_rows,
    fitted,
    int64s,
    mask,
    present,
    repeated,
    small_units,
    take,
    trimmed,
)

__all__ = [
    "ENTITY_MAPPINGS",
    "INVOICES",
    "REFUSED",
    "REVENUE_CATEGORIES",
    "TRANSACTIONS",
    "Mapped",
    "entity_of",
    "transactions_of",
]

TRANSACTION_TYPE = "Revenue"
DESTINATION = "Delta Paraguay Operations"

#: How many characters the CFO's table holds.
_LONGEST = {
    "classified_entity": 255,
    "business_unit": 255,
    "source_file": 255,
    "identifier": 255,
    "currency": 20,
    "subcategory": 100,
}
#: What PostgreSQL cannot keep in a text. The description has the number, the client and the period in it.
_NUL = "\x00"
_WITHOUT_NUL = ("description", "classified_entity", "business_unit", "currency", "subcategory")

#: Why an invoice is refused, and which invoices are.
_Fault = tuple[str, Mask]


@dataclass(frozen=True, slots=True)
class Mapped:
    """Every invoice once: as a transaction (TRANSACTIONS), or refused (REFUSED); each in the invoices' order."""

    transactions: pa.Table
    refused: pa.Table


def transactions_of(invoices: pa.Table, mappings: pa.Table, categories: pa.Table) -> Mapped:
    """The transactions of paid invoices (INVOICES), by ENTITY_MAPPINGS and REVENUE_CATEGORIES.

    Client, period and currencies come without surrounding space; the number stays as it is, for it names the
    invoice. A blank text is a missing one. The currency is that of the amount; what a crypto invoice was paid with stands
    in the reason. Refused for good, each with all that is wrong with it, are invoices of an unknown origin; without a
    number, client, currency or time of payment; of crypto without what was paid; with no amount above zero; that no
    mapping or no category matches; and those with a text that the CFO's table cannot keep (too long, or with a NUL).

    Raises FrameError when a frame is not as its schema says.
    """
    found = fitted("frame of invoices", invoices, INVOICES)
    for name in ("client_name", "billing_period", "currency", "paid_in"):
        place = found.column_names.index(name)
        found = found.set_column(place, INVOICES.field(name), trimmed(column(found, name)))
    drawn = _drawn(found, ordered_mappings(mappings), ordered_categories(categories))
    faults = _faults(found, drawn)
    bad: Mask = np.logical_or.reduce([where for _, where in faults])
    return Mapped(filter_rows(drawn, ~bad).cast(TRANSACTIONS), _refused(found, faults, bad))


def _drawn(found: pa.Table, mappings: pa.Table, categories: pa.Table) -> pa.Table:
    """A row of TRANSACTIONS for each invoice, with nulls where something is missing."""
    count = found.num_rows
    numbers, clients = column(found, "invoice_number"), column(found, "client_name")
    periods = column(found, "billing_period")
    mapping = mapping_rows(clients, mappings)
    category = category_rows(periods, column(found, "description"), categories)
    is_crypto = pc.equal(column(found, "origin"), pa.scalar("crypto"))
    columns = {
        "invoice_id": column(found, "invoice_id"),
        "date": column(found, "paid_at"),
        "description": _description(numbers, clients, periods),
        "amount": column(found, "amount"),
        "classified_entity": take(column(mappings, "entity"), mapping),
        "business_unit": take(column(mappings, "business_unit"), mapping),
        "source_file": _joined(pc.if_else(is_crypto, "crypto_invoice_", "holded_invoice_"), numbers),
        "transaction_type": repeated(TRANSACTION_TYPE, count),
        "confidence": pa.repeat(pa.scalar(Decimal("1.00"), CONFIDENCE), count),
        "classification_reason": _reason(is_crypto, clients, column(found, "paid_in")),
        "origin": pc.if_else(is_crypto, "External Account", "Holded"),
        "destination": repeated(DESTINATION, count),
        "identifier": numbers,
        "currency": column(found, "currency"),
        "subcategory": take(column(categories, "subcategory"), category),
    }
    return pa.table(columns)


def _description(numbers: Column, clients: Column, periods: Column) -> Column:
    """`Invoice {number} - {client} - {billing_period}`, without the last part where there is none."""
    without_period = _joined("Invoice ", numbers, " - ", clients)
    described: Column = pc.coalesce(_joined(without_period, " - ", periods), without_period)
    return described


def _reason(is_crypto: Column, clients: Column, paid_in: Column) -> Column:
    """`Crypto invoice payment from {client} (0.5 BTC)`; of a Holded invoice without what was paid."""
    payment = pc.if_else(is_crypto, "Crypto invoice payment from ", "Holded invoice payment from ")
    plain = _joined(payment, clients)
    reason: Column = pc.coalesce(_joined(plain, " (", paid_in, ")"), plain)
    return reason


def _joined(*parts: str | Column) -> Column:
    """The parts of each text one after another; null where one is."""
    texts: Any = parts
    joined: Column = pc.binary_join_element_wise(*texts, "")
    return joined


def _faults(found: pa.Table, drawn: pa.Table) -> list[_Fault]:
    """All that can be wrong with an invoice, and with which ones it is."""
    is_crypto = mask(pc.equal(column(found, "origin"), pa.scalar("crypto")))
    known_origin = mask(pc.is_in(column(found, "origin"), value_set=pa.array(["crypto", "holded"])))
    has_client = present(column(found, "client_name"))
    faults: list[_Fault] = [
        ("its origin is neither crypto nor holded", ~known_origin),
        ("it has no number", ~present(trimmed(column(found, "invoice_number")))),
        ("it has no client", ~has_client),
        ("its amount is missing or not above zero", small_units(column(found, "amount")) <= 0),
        (
            "it has no currency",
            ~present(column(found, "currency")) | (is_crypto & ~present(column(found, "paid_in"))),
        ),
        ("it has no time of payment", ~present(column(found, "paid_at"))),
        ("no entity mapping matches its client", has_client & ~present(column(drawn, "classified_entity"))),
        ("no revenue category matches it and none is the default", ~present(column(drawn, "subcategory"))),
    ]
    for name, limit in _LONGEST.items():
        texts: Any = column(drawn, name)
        too_long = int64s(pc.utf8_length(texts)) > limit
        faults.append((f"its {name} would be longer than {limit} characters", too_long))
    for name in _WITHOUT_NUL:
        with_nul = mask(pc.match_substring(column(drawn, name), _NUL))
        faults.append((f"its {name} would contain a NUL character", with_nul))
    return faults


def _refused(found: pa.Table, faults: Sequence[_Fault], bad: Mask) -> pa.Table:
    """The refused invoices (REFUSED). Their own texts are not repeated: it may be those that cannot be kept."""
    if not bad.any():
        return REFUSED.empty_table()
    ids = column(filter_rows(found, bad), "invoice_id")
    # Each reason ends with what parts it from the next, and the last loses that again: Arrow's own way to leave
    # nulls out of a join drops the rows in which all are null.
    reasons = [
        pc.if_else(array(where[bad]), pa.scalar(f"{reason}; "), pa.scalar(""))
        for reason, where in faults
        if where.any()
    ]
    listed: Column = pc.utf8_rtrim(_joined(*reasons), "; ")
    errors = _joined(
        "It cannot be handed to the CFO: ",
        listed,
        ". Correct it, then force its sync.",
    )
    return pa.Table.from_arrays([ids, errors], schema=REFUSED)
