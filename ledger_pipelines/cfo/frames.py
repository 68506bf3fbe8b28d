"""The frames of the CFO's transactions: what the mapping reads, and what it gives."""

from __future__ import annotations

import pyarrow as pa

from ledger_pipelines.money import AMOUNT

_INSTANT = pa.timestamp("us", "UTC")

CONFIDENCE = pa.decimal128(4, 2)


def _required(name: str, kind: pa.DataType) -> pa.Field[pa.DataType]:
    return pa.field(name, kind, nullable=False)


def _texts(*names: str) -> list[pa.Field[pa.DataType]]:
    return [_required(name, pa.string()) for name in names]


#: Paid invoices. `origin` is `crypto` or `holded`, `currency` that of `amount`; `paid_in` is what a crypto invoice was
#: paid with, such as `0.5 BTC`. What is missing makes the invoice refused, but for `paid_in` of a Holded one.
INVOICES = pa.schema(
    [
        _required("invoice_id", pa.int32()),
        _required("origin", pa.string()),
        pa.field("invoice_number", pa.string()),
        pa.field("client_name", pa.string()),
        pa.field("billing_period", pa.string()),
        pa.field("description", pa.string()),
        pa.field("amount", AMOUNT),
        pa.field("currency", pa.string()),
        pa.field("paid_in", pa.string()),
        pa.field("paid_at", _INSTANT),
    ]
)
#: Whose revenue a client's invoice is; without a client name, anybody's. Positions are unique.
ENTITY_MAPPINGS = pa.schema(
    [
        _required("position", pa.int32()),
        pa.field("client_name", pa.string()),
        *_texts("entity", "business_unit"),
    ]
)
#: The subcategory by a word in the billing period or description; without a keyword, the default.
REVENUE_CATEGORIES = pa.schema(
    [_required("position", pa.int32()), pa.field("keyword", pa.string()), *_texts("subcategory")]
)
#: The CFO's transactions (rules/cfo_sync.md, The transaction), each with the invoice that it is of.
TRANSACTIONS = pa.schema(
    [
        _required("invoice_id", pa.int32()),
        _required("date", _INSTANT),
        *_texts("description"),
        _required("amount", AMOUNT),
        *_texts("classified_entity", "business_unit", "source_file", "transaction_type"),
        _required("confidence", CONFIDENCE),
        *_texts("classification_reason", "origin", "destination", "identifier", "currency", "subcategory"),
    ]
)
#: Invoices that cannot become transactions, with why and what to do, in one sentence.
REFUSED = pa.schema([_required("invoice_id", pa.int32()), *_texts("error")])
