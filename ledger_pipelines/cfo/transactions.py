"""Paid invoices as the CFO's transactions (rules/cfo_sync.md, The transaction), and which of them cannot be any."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import compress
from typing import Any

import pandas as pd
import pyarrow as pa

from ledger_pipelines.cfo.frames import (
    CONFIDENCE,
    ENTITY_MAPPINGS,
    INVOICES,
    REFUSED,
    REVENUE_CATEGORIES,
    TRANSACTIONS,
)
from ledger_pipelines.cfo.mappings import (
    entity_of,
    mapped_clients,
    ordered_categories,
    ordered_mappings,
    subcategory_of,
)
from ledger_pipelines.frames import Series, constant, fitted, joined, mapped, to_arrow, to_pandas, trimmed

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
#: Where the money comes from, by the invoice's origin.
_ORIGINS = {"crypto": "External Account", "holded": "Holded"}

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
    found = to_pandas(fitted("frame of invoices", invoices, INVOICES))
    found = found.assign(
        **{name: trimmed(found[name]) for name in ("client_name", "billing_period", "currency", "paid_in")}
    )
    drawn = _drawn(found, ordered_mappings(mappings), ordered_categories(categories))
    faults = _faults(found, drawn)
    is_refused = faults.any(axis=1)
    return Mapped(to_arrow(drawn[~is_refused], TRANSACTIONS), _refused(found[is_refused], faults[is_refused]))


def _drawn(found: pd.DataFrame, mappings: pa.Table, categories: pa.Table) -> pd.DataFrame:
    """The columns of TRANSACTIONS for each invoice, missing where something is."""
    entities, units = mapped_clients(found["client_name"], mappings, "entity", "business_unit")
    numbers, clients = found["invoice_number"], found["client_name"]
    period = (" - " + found["billing_period"]).fillna("")
    paid_in = (" (" + found["paid_in"] + ")").fillna("")
    return found[["invoice_id", "amount", "currency"]].assign(
        date=found["paid_at"],
        description=joined("Invoice ", numbers, " - ", clients, period),
        classified_entity=entities,
        business_unit=units,
        source_file=joined(found["origin"], "_invoice_", numbers),
        transaction_type=TRANSACTION_TYPE,
        confidence=constant(Decimal("1.00"), CONFIDENCE, found),
        classification_reason=joined(
            found["origin"].str.capitalize(), " invoice payment from ", clients, paid_in
        ),
        origin=mapped(found["origin"], _ORIGINS.get, pa.string()),
        destination=DESTINATION,
        identifier=numbers,
        subcategory=subcategory_of(found["billing_period"], found["description"], categories),
    )


def _faults(found: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """All that can be wrong with an invoice, a column each, and whether it is."""
    is_crypto = (found["origin"] == "crypto").astype(bool)
    has_client = found["client_name"].notna()
    faults: dict[str, Series] = {
        "its origin is neither crypto nor holded": drawn["origin"].isna(),
        "it has no number": trimmed(found["invoice_number"]).isna(),
        "it has no client": ~has_client,
        "its amount is missing or not above zero": found["amount"].fillna(0) <= 0,
        "it has no currency": found["currency"].isna() | (is_crypto & found["paid_in"].isna()),
        "it has no time of payment": found["paid_at"].isna(),
        "no entity mapping matches its client": has_client & drawn["classified_entity"].isna(),
        "no revenue category matches it and none is the default": drawn["subcategory"].isna(),
    }
    for name, limit in _LONGEST.items():
        faults[f"its {name} would be longer than {limit} characters"] = drawn[name].str.len() > limit
    for name in _WITHOUT_NUL:
        faults[f"its {name} would contain a NUL character"] = drawn[name].str.contains(_NUL, regex=False)
    return pd.DataFrame(faults, found.index).fillna(False).astype(bool)


def _refused(found: pd.DataFrame, faults: pd.DataFrame) -> pa.Table:
    """The refused invoices (REFUSED). Their own texts are not repeated: it may be those that cannot be kept."""
    if found.empty:
        return REFUSED.empty_table()
    reasons: list[Any] = list(faults)
    errors = [
        f"It cannot be handed to the CFO: {'; '.join(compress(reasons, wrong))}. Correct it, then force its sync."
        for wrong in faults.to_numpy().tolist()
    ]
    return to_arrow(found.assign(error=errors), REFUSED)
